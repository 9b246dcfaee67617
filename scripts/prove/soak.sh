#!/usr/bin/env bash
# Ten thousand changeovers of the real server under load. PROVE_CHANGEOVERS=… changes how many.
set -euo pipefail
# shellcheck source=scripts/prove/real.sh
source "$(dirname "${BASH_SOURCE[0]}")/real.sh"

need_binary
program=$(proofs)
exec timeout --kill-after=5 900 "$program" --ignored --nocapture soak::
