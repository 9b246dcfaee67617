#!/usr/bin/env bash
# Builds Thoth and its bench as users get them, and prints the figures as Markdown: `bench.sh [--plan]`.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"
scripts/setup.sh build
cargo build --profile dist --locked --package thoth --package thoth-bench
exec "$target/dist/thoth-bench" "$target/dist/thoth" "$@"
