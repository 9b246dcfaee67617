#!/usr/bin/env bash
# Prints the targets of a Makefile by group: `##@ GROUP` opens one, `target: ## words` is a line in it.
set -euo pipefail

echo 'make <target> [VAULT=/path/to/vault]'
awk -F ':.*## ' '
  /^##@ /             { printf "\n%s\n", substr($0, 5) }
  /^[a-z-]+:.*## /    { printf "  %-18s %s\n", $1, $2 }
' "$@"
