#!/usr/bin/env bash
# Sourced. The proofs with the real binary: how they are built and run. `THOTH_BINARY` names a binary that is there already.

# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/../packages.sh"
cd "$root" || exit
scripts/setup.sh build

# Builds the server as users have it, unless one is named.
need_binary() {
  if [ -z "${THOTH_BINARY:-}" ]; then
    cargo build --release --locked --quiet --package thoth
    THOTH_BINARY=$target/release/thoth
  fi
  export THOTH_BINARY
}

# Where the program of the proofs is, which cargo builds as `make test` does.
proofs() {
  cargo test --workspace --exclude thoth-bench --locked --test prove --no-run --message-format=json |
    grep -o '"executable":"[^"]*/prove-[^"]*"' | cut -d '"' -f 4
}
