#!/usr/bin/env bash
# Builds Thoth, makes an example vault where none is named, says where to look and what to try, and serves.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"
# shellcheck source=scripts/vault.sh
source "$here/vault.sh"
cd "$root"

named_vault >/dev/null
scripts/setup.sh build
cargo build --release --locked --package thoth
thoth=$target/release/thoth
vault=$(chosen_vault "$thoth")

cat <<WORDS

Thoth serves $vault; stop it with Ctrl-C.

  try, in a second terminal    make health
                               make watch-settings
  then edit and save           $(settings_file "$vault")
  ask                          $thoth --vault $vault ask "how long does a waggle dance stay precise?"
  drop PDFs into               the folder that \`paths.pdf\` names

WORDS
exec "$thoth" serve --vault "$vault"
