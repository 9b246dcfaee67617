#!/usr/bin/env bash
# The long proofs, a line each: `prove.sh [WORD …]` runs all, or those whose names have one of the words. All run, whatever
# fails; what failed is named in the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Name, and the script with its arguments.
proofs=(
  'kills of the engine|scripts/prove/kills.sh engine'
  'kills of the server|scripts/prove/kills.sh server'
  'editors and mounts|scripts/prove/editors.sh'
  'soak under load|scripts/prove/soak.sh'
  'interleavings|scripts/prove/loom.sh'
  'faults of the disk|scripts/prove/faults.sh'
  'hostile contents|scripts/prove/fuzz.sh'
  'the container from its sources|scripts/test-docker.sh'
  'agent memory against a real Letta server|scripts/test-letta.sh'
)

# Whether a name has one of the words; without words, every name is meant.
is_meant() {
  local name=$1 word
  shift
  if [ $# = 0 ]; then return 0; fi
  for word in "$@"; do
    if [[ $name == *"$word"* ]]; then return 0; fi
  done
  return 1
}

failed=() ran=0
for proof in "${proofs[@]}"; do
  name=${proof%%|*}
  read -ra command <<<"${proof#*|}"
  if ! is_meant "$name" "$@"; then continue; fi
  echo "── $name"
  start=$SECONDS ran=$((ran + 1))
  if "${command[@]}"; then
    echo "   ok, $((SECONDS - start)) s"
  else
    echo "   FAILED: $name (${command[*]})" >&2
    failed+=("$name")
  fi
done

if [ "$ran" = 0 ]; then
  echo "no proof is named \`$*\`; there are:" >&2
  printf '  %s\n' "${proofs[@]%%|*}" >&2
  exit 1
fi
if [ ${#failed[@]} -gt 0 ]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
