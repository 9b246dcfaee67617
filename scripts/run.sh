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
vault=$(chosen_vault init_by_binary)

question='what has been measured?'
if [ "$vault" = "$root/example-vault" ]; then question='how long does a waggle dance stay precise?'; fi
cat <<WORDS

Thoth serves $vault; stop it with Ctrl-C. In a second terminal:

  make watch-settings    a line for every save of the settings; edit this file meanwhile:
                         $(settings_file "$vault")
  make health            whether all is well
  $thoth --vault $vault ask "$question"

New PDFs go into the folder that \`paths.pdf\` names (thoth/papers/pdfs), notes come into \`paths.notes\` (thoth/notes).

WORDS
exec "$thoth" serve --vault "$vault"
