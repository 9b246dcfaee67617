#!/usr/bin/env bash
# Everything that CI checks. `--lint` leaves the tests out. All steps run, the tests last, so that their own closing
# lines are among the last ones: after them only what was left out, the steps that failed, and how long all took.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
# shellcheck source=scripts/left-out.sh
source "$root/scripts/left-out.sh"
cd "$root"
scripts/setup.sh build test

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
# A run finds what the one before it found: what no seed has shown yet is looked for by `make prove` (scripts/prove/fuzz.sh).
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1}
failed=()

# `step WORDS COMMAND…`: runs it, says how long it took, remembers a failure.
step() {
  local name=$1 start=$SECONDS
  shift
  echo "── $name"
  if "$@"; then
    echo "   ok, $((SECONDS - start)) s"
  else
    echo "   FAILED: $name ($*)" >&2
    failed+=("$name")
  fi
}

# The same for a program that may be missing.
tool_step() {
  local name=$1 program=$2
  shift
  if command -v "$program" >/dev/null; then step "$name" "$@"; else skipped "$name: there is no \`$program\`"; fi
}

step 'formatting' cargo fmt --all --check
tool_step 'spelling' "$tools/typos"
tool_step 'links in documents' python3 scripts/links.py
tool_step 'shell scripts' shellcheck --external-sources scripts/*.sh scripts/prove/*.sh .ci/run docker/*.sh examples/papers/make.sh
tool_step 'licences and bans' "$tools/cargo-deny" --locked check --hide-inclusion-graph bans licenses sources
tool_step 'unused dependencies' "$tools/cargo-shear"
step 'clippy' cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
# That it compiles by itself is a matter of `make prove`.
step 'package of the engine' cargo package --package changeover --no-verify --allow-dirty --offline --quiet
RUSTDOCFLAGS='-D warnings' step 'documentation of the engine' \
  cargo doc --package changeover --no-deps --locked --quiet
# The product's is for those who work on it: its private rooms are in it, and may be linked to.
RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' step 'documentation of the product' \
  cargo doc --package thoth --package thoth-bench --no-deps --document-private-items --locked --quiet

if [ "${1:-}" != --lint ]; then
  step 'examples' cargo build --workspace --examples --locked --quiet
  step 'examples in the documentation' cargo test --workspace --doc --locked --quiet
  echo '── tests'
  cargo test --workspace --lib --bins --tests --locked --no-fail-fast -- --show-output | collect "" || failed+=('tests')
fi
tell_left_out invariant_ || failed+=('an invariant whose test was left out')

if [ ${#failed[@]} -gt 0 ]; then printf 'failed: %s\n' "${failed[@]}" >&2; fi
echo "${#failed[@]} steps failed, $((SECONDS / 60)) min $((SECONDS % 60)) s"
[ ${#failed[@]} = 0 ]
