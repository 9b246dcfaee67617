#!/usr/bin/env bash
# Builds Thoth as one static file that needs nothing of the system it runs on, and prints where it is.
# The target is named so that the flag does not reach procedural macros, which are loaded by the compiler.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"
scripts/setup.sh build

triple=$(uname -m)-unknown-linux-gnu
RUSTFLAGS='-C target-feature=+crt-static' cargo build --package thoth --profile dist --locked --target "$triple" >&2
echo "$target/$triple/dist/thoth"
