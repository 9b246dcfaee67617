#!/usr/bin/env bash
# What of Thoth runs, in containers and on this machine, and whether it is well.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"
# shellcheck source=scripts/containers.sh
source "$here/containers.sh"
cd "$root"

mapfile -t containers < <(running_containers)
for container in "${containers[@]}"; do
  docker ps --filter "name=^$container\$" --format "{{.Names}}: {{.Status}} {{.Ports}}"
done
if [ ${#containers[@]} = 0 ]; then echo 'containers: none runs'; fi
scripts/local.sh status
# Also one that neither a container nor `make local-start` began. Where none runs, that is said, and is no failure.
if scripts/thoth.sh --each status; then
  scripts/thoth.sh --each health
fi
