#!/usr/bin/env bash
# The containers of docker-compose.dev.yml: `development.sh up|down`.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"
# shellcheck source=scripts/vault.sh
source "$here/vault.sh"
# shellcheck source=scripts/containers.sh
source "$here/containers.sh"
cd "$root"
export COMPOSE_FILE=docker-compose.dev.yml

up() {
  # Two folders of state beside one vault would take each PDF twice.
  if runs "$production"; then fail "the container $production serves already: make prod-stop first"; fi
  scripts/image.sh "$THOTH_IMAGE"
  choose_vault_and_owner
  # shellcheck disable=SC2119 # with no more options than its own
  start_containers
  echo "Thoth serves $OBSIDIAN_VAULT_PATH: the API on http://127.0.0.1:${THOTH_DEV_PORT:-8081}, MCP on http://127.0.0.1:${THOTH_DEV_MCP_PORT:-8082}/mcp; make status, make stop"
}

case "${1:-}" in
  up) up ;;
  down) compose_any_vault down ;;
  *) fail 'usage: development.sh up|down' ;;
esac
