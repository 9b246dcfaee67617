#!/usr/bin/env bash
# The container of docker-compose.yml: `prod.sh up|restart|down|logs`.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"
# shellcheck source=scripts/vault.sh
source "$here/vault.sh"
# shellcheck source=scripts/containers.sh
source "$here/containers.sh"
cd "$root"
export COMPOSE_FILE=docker-compose.yml

up() {
  # Two folders of state beside one vault would take each PDF twice.
  if runs "$development-api"; then fail "the containers of development serve already: make stop first"; fi
  scripts/image.sh "$THOTH_IMAGE"
  choose_vault_and_owner
  start_containers
  echo "Thoth serves $OBSIDIAN_VAULT_PATH on http://127.0.0.1:${THOTH_PORT:-8080}; make status, make prod-logs, make prod-stop"
}

# The variables of this shell are taken anew, as in `THOTH_HOT_RELOAD=0 make prod-restart`; the image is not built.
restart() {
  choose_vault_and_owner
  start_containers --force-recreate
  echo "restarted; Thoth serves $OBSIDIAN_VAULT_PATH on http://127.0.0.1:${THOTH_PORT:-8080}"
}

case "${1:-}" in
  up | restart) "$1" ;;
  down) compose_any_vault down ;;
  logs) compose_any_vault logs --follow --tail 100 ;;
  *) fail 'usage: prod.sh up|restart|down|logs' ;;
esac
