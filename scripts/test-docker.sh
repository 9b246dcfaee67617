#!/usr/bin/env bash
# The container end to end: scripts/docker_tests with a Docker engine. Where none answers, one of our own is started
# in network, mount and process namespaces of its own: it leaves no bridge, no firewall rule and no process behind.
# Where none can be had, that is said, and the test is left out. With words, only the parts whose names have one.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"

leave_out() {
  skipped "the container test: $1"
  exit 0
}

own_engine=()
if ! timeout 10 docker info >/dev/null 2>&1; then
  [ "$(id -u)" = 0 ] || leave_out 'no Docker engine answers, and only root can start one'
  need_commands docker=docker.io dockerd=docker.io iptables=iptables ip=iproute2 || leave_out 'no Docker engine to install'
fi
# On a machine with an init system the package starts the engine by itself.
if ! timeout 10 docker info >/dev/null 2>&1; then
  own_engine=(unshare --net --mount --pid --fork --mount-proc --kill-child)
  "${own_engine[@]}" true 2>/dev/null || leave_out 'no Docker engine answers, and namespaces for one are not permitted'
  own_engine+=(scripts/own-engine.sh)
fi
need_commands python3=python3 || leave_out 'there is no Python'
scripts/compose.sh version || leave_out 'there is no Docker Compose'

# Editors whose way to save is tried, and a file system without events; what is missing is said and left out.
need_commands vim=vim nano=nano emacs=emacs-nox bindfs=bindfs ||
  skipped 'some of vim, nano, emacs, bindfs; their tests will say so'

# The Python SDK of MCP, which scenario 4 talks with.
if scripts/test-tools.sh >/dev/null; then export MCP_PYTHON=$tools/python; fi

# What compiling inside Docker needs. An engine of our own can pull no image and reaches no registry: what stands in for
# them is fetched here, outside of its namespaces.
prepare_compiling() {
  if [ ${#own_engine[@]} = 0 ]; then
    docker buildx version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
    return
  fi
  DOCKER_CONFIG=$(scripts/docker-plugins.sh) && THOTH_RUST_IMAGE=$(scripts/rust-image.sh) &&
    export DOCKER_CONFIG THOTH_RUST_IMAGE
}

# With nothing but Docker, the image is compiled inside of it; so it is here, and its binary is what every other part runs.
# A binary that is named, or a part that is asked for, spares the minutes.
limit_s=900
if [ -n "${THOTH_BINARY:-}" ] && [ $# = 0 ]; then
  skipped 'the image compiled inside Docker: THOTH_BINARY names a binary'
elif is_meant source "$@"; then
  if prepare_compiling; then
    export THOTH_COMPILES=1
    limit_s=$((limit_s + 2700))
  else
    skipped 'the image compiled inside Docker: there is no buildx, no compose, or nothing to compile with (see above)'
  fi
fi
# Compiled outside, since crates cannot be fetched from inside the namespaces.
if [ -z "${THOTH_COMPILES:-}" ]; then
  THOTH_BINARY=${THOTH_BINARY:-$(scripts/build-static.sh)}
  export THOTH_BINARY
fi
exec timeout --kill-after=20 "$limit_s" "${own_engine[@]}" python3 scripts/docker_tests "$@"
