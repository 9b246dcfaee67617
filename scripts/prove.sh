#!/usr/bin/env bash
# The long proofs, a line each: `prove.sh [WORD …]` runs all, or those whose names have one of the words. All run, whatever
# fails; what failed is named in the end.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"

# Name, and the script with its arguments.
proofs=(
  'the container from its sources|scripts/test-docker.sh'
  'kills of the engine|scripts/prove/kills.sh engine'
  'kills of the server|scripts/prove/kills.sh server'
  'editors and mounts|scripts/prove/editors.sh'
  'soak under load|scripts/prove/soak.sh'
  'interleavings|scripts/prove/loom.sh'
  'faults of the disk|scripts/prove/faults.sh'
  'hostile contents|scripts/prove/fuzz.sh'
  'agent memory against a real Letta server|scripts/test-letta.sh'
)

# The container's test compiles the server as users have it. What it made is what the proofs after it run.
kept=$target/proved-thoth
rm -f "$kept"
export THOTH_KEEP=$kept

failed=() ran=0
for proof in "${proofs[@]}"; do
  name=${proof%%|*}
  read -ra command <<<"${proof#*|}"
  if ! is_meant "$name" "$@"; then continue; fi
  echo "── $name"
  start=$SECONDS ran=$((ran + 1))
  if [ -e "$kept" ]; then export THOTH_BINARY=$kept; fi
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
