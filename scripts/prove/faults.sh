#!/usr/bin/env bash
# Every system call of a changeover, with every error that it can have: `crates/changeover/tests/faults`. The ordinary tests
# meet one fault of each kind. It takes about a minute and a half.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/../packages.sh"
cd "$root"

need_commands strace=strace prlimit=util-linux chattr=e2fsprogs || skipped 'some of strace, prlimit, chattr; the tests will say so'
exec cargo test --package changeover --test faults --locked -- \
  --nocapture sweep:: --ignored
