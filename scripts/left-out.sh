#!/usr/bin/env bash
# Sourced by what runs tests. Collects what they leave out, `skipped: …`, which cargo shows of no test that passed, and says
# it in the end, where it is seen.

THOTH_SKIPPED=$(mktemp)
export THOTH_SKIPPED
trap 'rm -f "$THOTH_SKIPPED"' EXIT

# What may be left out even where CI runs: what the kernel or the user of the machine does not permit, what no registry that
# can be reached has, and what the caller has chosen. A program that is not installed is none of these.
excused=(
  'not permitted' 'may not trace' 'does not say that mounts may be made'
  'only root can' 'the Docker engine did not start'
  'cannot be had' 'cannot be installed'
  'names a binary'
)

# Passes on what tests say, as cargo shows it without `--show-output`; with that, collects what they left out. An argument
# names a file for all that was said.
collect() {
  local line test='' hidden=''
  while IFS= read -r line; do
    case $line in
      successes:) hidden=1 ;;
      failures: | 'test result: '*) hidden='' test='' ;;
      '---- '*' stdout ----') test=${line#---- } test=" (${test% stdout ----})" ;;
      'skipped: '*) echo "$line${hidden:+$test}" >>"$THOTH_SKIPPED" ;;
      'test '*' ... skipped: '*) echo "skipped: ${line#* ... skipped: }" >>"$THOTH_SKIPPED" ;;
    esac
    if [ -n "${1:-}" ]; then printf '%s\n' "$line" >>"$1"; fi
    if [ -z "$hidden" ]; then printf '%s\n' "$line"; fi
  done
}

# `tell_left_out WORD`: the list. Under CI it fails where something with this word in it is not excused.
tell_left_out() {
  local lines=() line excuse unexcused=0
  mapfile -t lines < <(sort -u "$THOTH_SKIPPED")
  if [ ${#lines[@]} = 0 ]; then return 0; fi
  printf '\n══ LEFT OUT, and so NOT proved: %s\n' "${#lines[@]}" >&2
  for line in "${lines[@]}"; do
    printf '   %s\n' "${line#skipped: }" >&2
    if [ "${CI:-}" != true ] || [[ $line != *"$1"* ]]; then continue; fi
    for excuse in "${excused[@]}"; do
      if [[ $line == *"$excuse"* ]]; then continue 2; fi
    done
    printf '   FAILED: under CI this may not be left out\n' >&2
    unexcused=1
  done
  return "$unexcused"
}
