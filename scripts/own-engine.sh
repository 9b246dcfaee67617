#!/usr/bin/env bash
# Runs a command with a Docker engine of its own; started by scripts/test-docker.sh as the first process of new network,
# mount and process namespaces, which take with them whatever the engine leaves.
set -euo pipefail

# The engine may be killed only where nothing else can be meant.
[ $$ = 1 ] || { echo 'own-engine.sh: runs in a process namespace of its own only' >&2; exit 1; }

place=$(mktemp -d)
finish() {
  if kill "$engine" 2>/dev/null; then wait "$engine" || true; fi
  rm -rf "$place"
}
ip link set lo up
export DOCKER_HOST=unix://$place/socket
unset DOCKER_CONTEXT
dockerd --data-root "$place/data" --exec-root "$place/exec" --pidfile "$place/pid" --host "$DOCKER_HOST" \
  >"$place/log" 2>&1 </dev/null &
engine=$!
trap finish EXIT

for ((tries = 0; tries < 300; tries++)); do
  if docker info >/dev/null 2>&1; then break; fi
  if ! kill -0 "$engine" 2>/dev/null; then break; fi
  sleep 0.1
done
if ! docker info >/dev/null 2>&1; then
  tail -n 20 "$place/log" >&2
  echo 'skipped: the container test: the Docker engine did not start' >&2
  exit 0
fi
"$@"
