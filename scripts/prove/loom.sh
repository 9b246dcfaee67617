#!/usr/bin/env bash
# The protocol around the live pointer in every interleaving of its threads. `crates/changeover/tests/loom` says what that
# proves and what not. It builds into a folder of its own: with this `cfg`, every crate is another one.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/../packages.sh"
cd "$root"

export CARGO_TARGET_DIR=$target/loom
export RUSTFLAGS="${RUSTFLAGS:-} --cfg loom"
exec cargo test --package changeover --test loom --release --locked
