#!/usr/bin/env bash
# shellcheck disable=SC2154 # `root` is set by packages.sh, `thoth` by who sources this
# Sourced after packages.sh. Which vault the make targets work on.

# Prints the vault that is named by VAULT, OBSIDIAN_VAULT_PATH, OBSIDIAN_VAULT or a line of .env.vault, in this order;
# nothing where none is.
named_vault() {
  local name
  for name in "${VAULT:-}" "${OBSIDIAN_VAULT_PATH:-}" "${OBSIDIAN_VAULT:-}" "$(vault_of_file "$root/.env.vault")"; do
    if [ -n "$name" ]; then
      [ -d "$name" ] || fail "the vault \`$name\` is not a folder; name another, as in: make run VAULT=/path/to/vault"
      realpath "$name"
      return
    fi
  done
}

# The file is read, never run: `OBSIDIAN_VAULT_PATH=/path`, with or without `export` and quotes.
vault_of_file() {
  if [ -r "$1" ]; then
    sed -nE "s/^(export )?OBSIDIAN_VAULT(_PATH)?=[\"']?([^\"']*)[\"']?\$/\3/p" "$1" | head -n 1
  fi
}

# `chosen_vault COMMAND`: the vault that is named, else ~/Documents/thoth where that is a folder, else the example vault.
# The example is made by COMMAND, which is given a folder, with the project's own papers in it; one that is there
# already is left as it is.
chosen_vault() {
  local vault
  vault=$(named_vault)
  if [ -z "$vault" ] && [ -d "${HOME:-}/Documents/thoth" ]; then vault=$(realpath "$HOME/Documents/thoth"); fi
  if [ -z "$vault" ]; then
    vault=$root/example-vault
    if [ ! -d "$vault" ]; then make_example_vault "$1" "$vault"; fi
  fi
  echo "$vault"
}

# Made aside and renamed, so that one that was interrupted is not taken for a whole one.
make_example_vault() {
  local aside=$2.making
  rm -rf "$aside"
  mkdir -p "$aside"
  "$1" "$aside" >&2
  mkdir -p "$aside/thoth/papers/pdfs"
  cp "$root"/examples/papers/*.pdf "$aside/thoth/papers/pdfs/"
  mv "$aside" "$2"
  echo "made the example vault $2 with the papers of examples/papers in it" >&2
}

# `init_by_binary FOLDER`: makes a vault's folders and settings file with $thoth.
init_by_binary() {
  "$thoth" init --vault "$1" --example >/dev/null
}

# The settings file of a vault, looked for in the order in which Thoth looks.
settings_file() {
  local name
  if [ -n "${THOTH_SETTINGS_FILE:-}" ]; then
    echo "$THOTH_SETTINGS_FILE"
    return
  fi
  for name in .thoth/settings.json thoth/_thoth/settings.json _thoth/settings.json; do
    if [ -e "$1/$name" ]; then
      echo "$1/$name"
      return
    fi
  done
  echo "$1/.thoth/settings.json"
}
