#!/usr/bin/env bash
# shellcheck disable=SC2154 # `root` is set by packages.sh
# Sourced after packages.sh and vault.sh. What the containers of production and of development have in common.

export THOTH_IMAGE=${THOTH_IMAGE:-thoth:local}
production=${THOTH_CONTAINER-thoth-app}
development=${THOTH_DEV_CONTAINERS-thoth-dev}

# Whether a container of this name runs.
runs() {
  [ -n "$1" ] && command -v docker >/dev/null &&
    [ "$(timeout 5 docker inspect --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]
}

# The containers that run: the one of production, else those of development. Either name may be set to nothing, which
# means: not in containers.
running_containers() {
  local role
  if runs "$production"; then
    echo "$production"
    return
  fi
  if [ -z "$development" ]; then return; fi
  for role in api mcp monitor; do
    if runs "$development-$role"; then echo "$development-$role"; fi
  done
}

# `init_by_image FOLDER`: makes a vault's folders and settings file with the image, as the caller.
init_by_image() {
  docker run --rm --user "$(id -u):$(id -g)" --network none --volume "$1:/vault" "$THOTH_IMAGE" init --example >/dev/null
}

# What compose fills in: the vault, and whose it is, so that notes belong to the same.
choose_vault_and_owner() {
  OBSIDIAN_VAULT_PATH=$(chosen_vault init_by_image)
  export OBSIDIAN_VAULT_PATH
  export THOTH_UID=${THOTH_UID:-$(stat -c %u "$OBSIDIAN_VAULT_PATH" 2>/dev/null || stat -f %u "$OBSIDIAN_VAULT_PATH")}
  export THOTH_GID=${THOTH_GID:-$(stat -c %g "$OBSIDIAN_VAULT_PATH" 2>/dev/null || stat -f %g "$OBSIDIAN_VAULT_PATH")}
}

start_containers() {
  scripts/compose.sh up --no-build --detach --wait --wait-timeout 120 "$@" || {
    scripts/compose.sh logs --tail 20
    fail 'a container did not become healthy; its last words are above (make prod-stop or make stop removes them)'
  }
}

# To stop or to follow, any vault does: compose only wants the name filled in.
compose_any_vault() {
  OBSIDIAN_VAULT_PATH=${OBSIDIAN_VAULT_PATH:-/} scripts/compose.sh "$@"
}
