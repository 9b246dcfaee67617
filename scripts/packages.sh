#!/usr/bin/env bash
# Sourced. Installs Debian packages and the pinned tools of scripts/tools.txt, or says the one line that does.

# Without this, a failure inside `$(…)` would go unnoticed.
shopt -s inherit_errexit

# The repository's top, and the folder that cargo builds into.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
# Where the tools from Python wheels go: beside what cargo builds, so that `make clean` removes them too.
tools=$target/tools/venv/bin

fail() {
  echo "$1" >&2
  exit 1
}

# `is_meant NAME [WORD…]`: whether a name has one of the words; without words, every name is meant.
is_meant() {
  local name=$1 word
  shift
  if [ $# = 0 ]; then return 0; fi
  for word in "$@"; do
    if [[ $name == *"$word"* ]]; then return 0; fi
  done
  return 1
}

# What a step leaves out is said so that nobody takes it for done, and once more in the end (scripts/left-out.sh).
skipped() {
  echo "skipped: $1" >&2
  if [ -n "${THOTH_SKIPPED:-}" ]; then echo "skipped: $1" >>"$THOTH_SKIPPED"; fi
}

# The prefix under which packages can be installed without a question; fails where there is none.
privilege() {
  if ! command -v apt-get >/dev/null; then return 1; fi
  if [ "$(id -u)" = 0 ]; then return 0; fi
  if sudo -n true 2>/dev/null; then echo sudo; else return 1; fi
}

# Installs the packages named, quietly. On failure the lists may be old or absent: they are fetched, once.
install_packages() {
  local as
  as=$(privilege) || {
    echo "please run: sudo apt-get update && sudo apt-get install -y --no-install-recommends $*" >&2
    return 1
  }
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
  local log
  log=$(mktemp)
  echo "setup: installing $*" >&2
  if ! $as "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >"$log" 2>&1; then
    $as "${apt[@]}" update </dev/null >>"$log" 2>&1 || true
    if ! $as "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >>"$log" 2>&1; then
      tail -n 20 "$log" >&2
      rm -f "$log"
      return 1
    fi
  fi
  rm -f "$log"
}

# Where this machine gets Debian's packages from, as apt's sources say it; fails where they name none.
debian_source() {
  local source
  # shellcheck disable=SC2016 # the names in the format are apt's
  source=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 'Identifier: Packages' 2>/dev/null |
    sed -n 's/^Debian //p' | head -n 1)
  [ -n "$source" ] && echo "$source"
}

# `unpack_packages FOLDER PACKAGE…`: brings packages into a folder, where nothing starts what is in them. Needs no root.
unpack_packages() {
  local folder=$1 archive
  shift
  if [ -e "$folder/.whole" ]; then return 0; fi
  command -v apt-get >/dev/null || return 1
  mkdir -p "$folder/archives"
  echo "setup: fetching $*" >&2
  (cd "$folder/archives" && apt-get -qq download "$@" >/dev/null 2>&1) || return 1
  for archive in "$folder"/archives/*.deb; do
    dpkg -x "$archive" "$folder" || return 1
  done
  rm -r "$folder/archives"
  touch "$folder/.whole"
}

# `need_commands command=package …`: installs the packages whose command is missing.
need_commands() {
  local pair missing=()
  for pair in "$@"; do
    if ! command -v "${pair%%=*}" >/dev/null; then missing+=("${pair#*=}"); fi
  done
  if [ ${#missing[@]} -gt 0 ]; then install_packages "${missing[@]}"; fi
}

# The first `docker` command on the path that can build with BuildKit: with the buildx plugin, or older than version 23,
# which has it inside.
building_docker() {
  local docker version
  while read -r docker; do
    version=$("$docker" version --format '{{.Client.Version}}' 2>/dev/null || true)
    if "$docker" buildx version >/dev/null 2>&1 || [[ ${version%%.*} =~ ^(19|2[0-2])$ ]]; then
      echo "$docker"
      return
    fi
  done < <(type -aP docker)
  fail "there is no docker command that can build images: install Docker, with its buildx plugin"
}

# Installs the pinned lines of scripts/tools.txt that match the words given, unless they are there.
need_tools() {
  local pins
  pins=$(grep -E "^($(IFS='|' && echo "$*"))==" "$root/scripts/tools.txt")
  local mark
  mark=$target/tools/venv/.$(echo "$pins" | cksum | cut -d ' ' -f 1)
  if [ -e "$mark" ]; then return 0; fi
  need_commands python3=python3-venv || return 1
  if [ ! -x "$tools/pip" ]; then
    mkdir -p "$target/tools"
    python3 -m venv "$target/tools/venv" >/dev/null 2>&1 || {
      install_packages python3-venv && python3 -m venv --clear "$target/tools/venv"
    } || return 1
  fi
  echo "setup: installing $(echo "$pins" | tr '\n' ' ')" >&2
  # shellcheck disable=SC2086 # one pin a word
  "$tools/pip" install --quiet --disable-pip-version-check $pins </dev/null || return 1
  touch "$mark"
}
