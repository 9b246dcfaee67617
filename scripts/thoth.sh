#!/usr/bin/env bash
# Runs a command of Thoth where Thoth runs: in the container of production or of development, else here on the vault of
# the make targets. `--each` runs it in every container of development, one after the other.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"
# shellcheck source=scripts/vault.sh
source "$here/vault.sh"
# shellcheck source=scripts/containers.sh
source "$here/containers.sh"

each=
if [ "${1:-}" = --each ]; then
  each=yes
  shift
fi
mapfile -t containers < <(running_containers)

if [ ${#containers[@]} = 0 ]; then
  thoth=${THOTH_BINARY:-$target/release/thoth}
  [ -x "$thoth" ] || fail 'no container of Thoth runs, and it is not built here: make prod, make run or make build'
  # A question makes nothing: no example vault either.
  OBSIDIAN_VAULT_PATH=$(chosen_vault false) || fail 'no vault is named, and there is no example vault: make run or make prod first'
  export OBSIDIAN_VAULT_PATH
  exec "$thoth" "$@"
fi
if [ -z "$each" ] || [ ${#containers[@]} = 1 ]; then
  # With a terminal, Ctrl-C reaches the command inside.
  flags=()
  if [ -t 0 ] && [ -t 1 ]; then flags=(--interactive --tty); fi
  exec docker exec "${flags[@]}" "${containers[0]}" /thoth "$@"
fi
failed=0
for container in "${containers[@]}"; do
  echo "$container:"
  docker exec "$container" /thoth "$@" || failed=1
done
exit "$failed"
