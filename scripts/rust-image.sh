#!/usr/bin/env bash
# Stands in for the Rust image of docker/Dockerfile where none can be pulled: prints a folder with the files of such an
# image. A minimal Debian with a C compiler, this machine's Rust toolchain, and the crates that Cargo.lock names, so that
# the sources compile without a network. Made once, beside what cargo builds. Fails, with the reason, where it cannot be.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"

image=$target/tools/rust-image
[ "$(id -u)" = 0 ] || fail 'only root can make the files of a system'
toolchain=$(rustc --print sysroot) || fail 'there is no Rust toolchain'
# One from a package of the system has its libraries all over the system.
if [ "$toolchain" = /usr ] || [ ! -x "$toolchain/bin/cargo" ]; then fail "the toolchain in $toolchain does not stand alone"; fi
need_commands debootstrap=debootstrap || fail 'there is no debootstrap'
debian=$(debian_source) || fail 'apt knows no source of Debian'

mark=$image/.$(cat Cargo.lock - <<<"$(rustc --version) $toolchain" | cksum | cut -d ' ' -f 1)
if [ ! -e "$mark" ]; then
  echo 'setup: making a system to compile in' >&2
  rm -rf "$image"
  mkdir -p "$image"/opt/{rust,cargo}
  debootstrap --variant=minbase --include=gcc,libc6-dev bookworm "$image" "$debian" \
    >"$target/tools/debootstrap.log" 2>&1 ||
    fail "debootstrap: $(tail -n 1 "$target/tools/debootstrap.log")"
  rm -rf "$image"/var/cache/apt/* "$image"/var/lib/apt/lists/* "$image"/usr/share/{doc,man,locale}
  cp --archive "$toolchain/bin" "$toolchain/lib" "$image/opt/rust/"
  CARGO_HOME=$image/opt/cargo cargo fetch --locked --quiet --target "$(uname -m)-unknown-linux-gnu" >&2 ||
    fail 'the crates cannot be fetched'
  # What cargo has unpacked it unpacks again.
  rm -rf "$image/opt/cargo/registry/src"
  touch "$mark"
fi
echo "$image"
