#!/usr/bin/env bash
# Runs a command of Thoth on the vault of the make targets: in the container where it runs (`make prod`), else here.
# THOTH_CONTAINER= (empty) means: here.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"
# shellcheck source=scripts/vault.sh
source "$here/vault.sh"

container=${THOTH_CONTAINER-thoth-app}
if [ -n "$container" ] && command -v docker >/dev/null &&
  [ "$(timeout 5 docker inspect --format '{{.State.Running}}' "$container" 2>/dev/null)" = true ]; then
  # With a terminal, Ctrl-C reaches the command inside.
  flags=()
  if [ -t 0 ] && [ -t 1 ]; then flags=(--interactive --tty); fi
  exec docker exec "${flags[@]}" "$container" /thoth "$@"
fi
thoth=$target/release/thoth
[ -x "$thoth" ] || fail 'Thoth is not built yet: make build, or make run to serve'
OBSIDIAN_VAULT_PATH=$(chosen_vault "$thoth")
export OBSIDIAN_VAULT_PATH
exec "$thoth" "$@"
