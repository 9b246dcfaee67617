#!/usr/bin/env bash
# Installs the Python tools that tests drive, pinned in scripts/tools.txt, and prints the folder of their programs.
set -euo pipefail
# shellcheck source=scripts/packages.sh
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

need_tools llmock mcp fastapi starlette uvicorn bibtexparser citeproc-py
echo "$tools"
