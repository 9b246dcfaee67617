#!/usr/bin/env bash
# Changes a setting of the vault of the make targets, sees it live in the server that runs, and puts the file back.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"
# shellcheck source=scripts/vault.sh
source "$here/vault.sh"
need_commands python3=python3 || fail 'this needs Python 3'

vault=$(chosen_vault false) || fail 'no vault is named, and there is no example vault: make prod or make run first'
exec python3 "$here/hot_reload.py" "$vault" "$here/thoth.sh"
