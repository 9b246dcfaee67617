#!/usr/bin/env bash
# The long proofs, a line each: `prove.sh [WORD …]` runs all, or those whose names have one of the words. All run, whatever
# fails; what was left out and what failed is named in the end. A proof of which no test has passed has failed too.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
# shellcheck source=scripts/left-out.sh
source "$root/scripts/left-out.sh"
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
  'the package of the engine|cargo package --package changeover --locked --allow-dirty'
  'stories against the model|scripts/prove/model.sh'
  'agent memory against a real Letta server|scripts/test-letta.sh'
)

# The container's test compiles the server as users have it. What it made is what the proofs after it run.
kept=$target/proved-thoth
rm -f "$kept"
export THOTH_KEEP=$kept

# What each kind of proof says when something has passed.
passed='^test result: ok\. [1-9]|^ok  |^[1-9][0-9]* of [0-9]+ kills|^ *Verifying '

# `prove COMMAND…`: fails too where no test has passed, unless it was said that it is left out.
prove() {
  local said status=0 before
  said=$(mktemp) before=$(wc -l <"$THOTH_SKIPPED")
  "$@" 2>&1 | collect "$said" || status=1
  left_out=$(($(wc -l <"$THOTH_SKIPPED") - before))
  if [ $status = 0 ] && [ "$left_out" = 0 ] && ! grep -qE "$passed" "$said"; then
    echo '   no test has passed' >&2
    status=1
  fi
  rm -f "$said"
  return $status
}

failed=() ran=0
for proof in "${proofs[@]}"; do
  name=${proof%%|*}
  read -ra command <<<"${proof#*|}"
  if ! is_meant "$name" "$@"; then continue; fi
  echo "── $name"
  start=$SECONDS ran=$((ran + 1))
  if [ -e "$kept" ]; then export THOTH_BINARY=$kept; fi
  if prove "${command[@]}"; then
    if [ "$left_out" = 0 ]; then echo "   ok, $((SECONDS - start)) s"; else echo '   ok, but for what was left out'; fi
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
tell_left_out '' || failed+=('what was left out')
if [ ${#failed[@]} -gt 0 ]; then printf 'failed: %s\n' "${failed[@]}" >&2; fi
echo "$ran proofs, ${#failed[@]} failures, $((SECONDS / 60)) min $((SECONDS % 60)) s"
[ ${#failed[@]} = 0 ]
