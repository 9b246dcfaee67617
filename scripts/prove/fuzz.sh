#!/usr/bin/env bash
# Looks for an input that breaks what must hold of every input: `fuzz.sh [SECONDS]`, 10 for each target if not said. What
# fails is kept beside the targets, and every `cargo test` begins with it from then on.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/../packages.sh"
cd "$root"

seconds=${1:-10}
export BOLERO_RANDOM_TEST_TIME_MS=$((seconds * 1000))
failed=0 said=$(mktemp)
trap 'rm -f "$said"' EXIT
# Each line: a package, what of it is built, a word of the names of its targets.
while read -r package part word; do
  echo "── $package: $word, $seconds s a target"
  # shellcheck disable=SC2086
  cargo test --package "$package" ${part//,/ } --locked -- "$word" | tee "$said" || failed=1
  # A word that no name has any more would find nothing in no time.
  grep -q '^test result: ok\. [1-9]' "$said" || failed=1
done <<'TARGETS'
changeover --test,fuzz parse::
changeover --test,fuzz edit::
changeover --test,fuzz state::
changeover --lib ::fuzz::
thoth --test,corpus mutated::
TARGETS

kept=$(git status --porcelain --untracked-files=all -- '*/kept/*')
if [ -n "$kept" ]; then
  printf 'kept, to be mended and committed:\n%s\n' "$kept" >&2
fi
exit "$failed"
