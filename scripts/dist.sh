#!/usr/bin/env bash
# Release archives in dist/ (DIST=…): the static binary with completions, manual pages, units, manifest and documents, for
# this machine and, where its target and a linker are installed, for the other of x86_64 and aarch64. The same commit
# gives archives of the same names and, from the same binary, the same bytes. THOTH_BINARY names this machine's binary, if it
# is built already; then no other is made.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"

dist=${DIST:-$root/dist}
version=$(grep -m1 '^version' Cargo.toml | cut -d '"' -f 2)
here=$(uname -m)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH

# `cross ARCHITECTURE`: builds the static binary for another architecture, and prints where it is.
cross() {
  local triple=$1-unknown-linux-gnu upper
  upper=$(tr 'a-z-' 'A-Z_' <<<"$triple")
  env "CARGO_TARGET_${upper}_LINKER=$1-linux-gnu-gcc" "CC_${triple//-/_}=$1-linux-gnu-gcc" \
    RUSTFLAGS='-C target-feature=+crt-static' \
    cargo build --package thoth --profile dist --locked --target "$triple" >&2
  echo "$target/$triple/dist/thoth"
}

# What is missing to build for another architecture, in words; nothing where nothing is.
lacks() {
  local triple=$1-unknown-linux-gnu
  if ! rustc --print target-libdir --target "$triple" 2>/dev/null | xargs -r test -d; then
    echo "its target (rustup target add $triple)"
  fi
  if ! command -v "$1-linux-gnu-gcc" >/dev/null; then
    echo "its linker (apt-get install gcc-${1//_/-}-linux-gnu libc6-dev-$(debian_name "$1")-cross)"
  fi
}

debian_name() {
  case $1 in aarch64) echo arm64 ;; x86_64) echo amd64 ;; *) echo "$1" ;; esac
}

# `pack ARCHITECTURE BINARY`: what the binary says of itself (completions, manual) is asked of this machine's.
pack() {
  local name=thoth-$version-linux-$1 folder
  folder=$work/$name
  mkdir -p "$folder"/{completions,systemd,kubernetes,docs,settings}
  install -m 755 "$2" "$folder/thoth"
  "$speaks" completions bash >"$folder/completions/thoth.bash"
  "$speaks" completions zsh >"$folder/completions/_thoth"
  "$speaks" completions fish >"$folder/completions/thoth.fish"
  "$speaks" man --dir "$folder/man/man1"
  cp systemd/*.service "$folder/systemd/"
  cp kubernetes/thoth.yaml "$folder/kubernetes/"
  cp docs/*.md "$folder/docs/"
  cp -r settings/settings.example.jsonc settings/settings.schema.json settings/templates settings/prompts "$folder/settings/"
  cp LICENSE README.md CHANGELOG.md "$folder/"
  chmod -R u=rwX,go=rX "$folder"
  tar --create --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    --directory "$work" "$name" | gzip --no-name >"$dist/$name.tar.gz"
  echo "dist: $name.tar.gz, $(du -h "$dist/$name.tar.gz" | cut -f 1)"
}

case $here in x86_64) other=aarch64 ;; aarch64) other=x86_64 ;; *) other= ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$dist"
rm -f "$dist"/thoth-*.tar.gz "$dist/SHA256SUMS"

speaks=${THOTH_BINARY:-$(scripts/build-static.sh)}
pack "$here" "$speaks"
if [ -n "${THOTH_BINARY:-}" ] || [ -z "$other" ]; then
  skipped "the archive for another architecture: only the binary that was named is packed"
else
  absent=$(lacks "$other")
  if [ -z "$absent" ]; then
    binary=$(cross "$other")
    pack "$other" "$binary"
  else
    skipped "the archive for $other: not installed are ${absent//$'\n'/, and }"
  fi
fi
(cd "$dist" && sha256sum thoth-*.tar.gz >SHA256SUMS)
