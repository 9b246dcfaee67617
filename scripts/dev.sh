#!/usr/bin/env bash
# Builds Thoth, serves, and does both again when the sources change. A build that fails leaves the server as it is.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"
# shellcheck source=scripts/vault.sh
source "$here/vault.sh"
cd "$root"

named_vault >/dev/null
scripts/setup.sh build
# Sources that are newer than this file have not been built.
mkdir -p "$target"
built=$(mktemp "$target/dev-XXXXXX")
# What runs is a copy: the compiler cannot write over a running program.
thoth=$built.thoth
server=

stop_server() {
  if [ -n "$server" ] && kill "$server" 2>/dev/null; then wait "$server" || true; fi
  server=
}
trap 'stop_server; rm -f "$built" "$built.thoth"' EXIT
trap 'exit 0' INT TERM

# `||` switches off errexit inside, so each step names its failure itself.
serve_anew() {
  touch "$built"
  cargo build --locked --package thoth || return 1
  stop_server
  install -m 755 "$target/debug/thoth" "$thoth" || return 1
  "$thoth" serve --vault "$(chosen_vault init_by_binary)" "$@" &
  server=$!
}

changed() {
  find Cargo.toml Cargo.lock crates settings -newer "$built" -type f -print -quit
}

serve_anew "$@" || fail 'the first build failed'
while true; do
  # Also a wait for the server's end: it is not started again until a source changes.
  sleep 1 &
  wait $! || true
  if [ -n "$(changed)" ]; then
    echo "dev: $(changed) changed" >&2
    serve_anew "$@" || echo 'dev: the build failed; what runs stays' >&2
  fi
done
