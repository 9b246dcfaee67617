#!/usr/bin/env bash
# The container of docker-compose.yml: `prod.sh up|down|logs`.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"
# shellcheck source=scripts/vault.sh
source "$here/vault.sh"
cd "$root"

up() {
  export THOTH_IMAGE=${THOTH_IMAGE:-thoth:local}
  scripts/image.sh "$THOTH_IMAGE"
  OBSIDIAN_VAULT_PATH=$(chosen_vault "$target/image/thoth")
  export OBSIDIAN_VAULT_PATH
  export THOTH_UID=${THOTH_UID:-$(stat -c %u "$OBSIDIAN_VAULT_PATH")}
  export THOTH_GID=${THOTH_GID:-$(stat -c %g "$OBSIDIAN_VAULT_PATH")}
  scripts/compose.sh up --detach --wait --wait-timeout 120 || {
    scripts/compose.sh logs --tail 20
    fail 'the container did not become healthy; its last words are above (make prod-stop removes it)'
  }
  echo "Thoth serves $OBSIDIAN_VAULT_PATH on http://127.0.0.1:${THOTH_PORT:-8080}; make prod-logs, make health, make prod-stop"
}

# To stop or to follow, any vault does: compose only wants the name filled in.
compose_any_vault() {
  OBSIDIAN_VAULT_PATH=${OBSIDIAN_VAULT_PATH:-/} scripts/compose.sh "$@"
}

case "${1:-}" in
  up) up ;;
  down) compose_any_vault down ;;
  logs) compose_any_vault logs --follow --tail 100 ;;
  *) fail 'usage: prod.sh up|down|logs' ;;
esac
