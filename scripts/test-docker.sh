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

# Built here, since crates cannot be fetched from inside the namespaces.
THOTH_BINARY=${THOTH_BINARY:-$(scripts/build-static.sh)}
export THOTH_BINARY
exec timeout --kill-after=20 900 "${own_engine[@]}" python3 scripts/docker_tests "$@"
