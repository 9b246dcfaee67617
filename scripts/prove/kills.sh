#!/usr/bin/env bash
# `kill -9` at random moments: `kills.sh engine` kills small programs of the engine alone, `kills.sh server` the real server.
# PROVE_KILLS=… changes how often, PROVE_SEED=… repeats a run's chance.
set -euo pipefail
# shellcheck source=scripts/prove/real.sh
source "$(dirname "${BASH_SOURCE[0]}")/real.sh"

case ${1:-} in
  engine)
    cargo build --workspace --exclude thoth-bench --locked --quiet --example kills
    exec timeout --kill-after=5 300 "$target/debug/examples/kills" "${PROVE_KILLS:-1000}" ${PROVE_SEED:+"$PROVE_SEED"}
    ;;
  server)
    need_binary
    program=$(proofs)
    exec timeout --kill-after=5 300 "$program" --ignored --nocapture kill::
    ;;
  *) fail "\`kills.sh engine\` or \`kills.sh server\`" ;;
esac
