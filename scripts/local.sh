#!/usr/bin/env bash
# Thoth on this machine, in the background: `local.sh start|stop|status`. Its process id and its log stand in the folder
# `workspace` (THOTH_WORKSPACE=… for another).
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=scripts/packages.sh
source "$here/packages.sh"
# shellcheck source=scripts/vault.sh
source "$here/vault.sh"
cd "$root"

workspace=${THOTH_WORKSPACE:-workspace}
pid_file=$workspace/thoth.pid
log=$workspace/logs/api.log
thoth=${THOTH_BINARY:-$target/release/thoth}

# The process that was started here, if it still is one of Thoth: numbers are given anew, and one that has ended may
# stay in the list (Z) where nobody asks for it.
running() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) || return 1
  case "$(ps -p "$pid" -o stat=,comm= 2>/dev/null)" in
    Z*) return 1 ;;
    *thoth*) echo "$pid" ;;
    *) return 1 ;;
  esac
}

start() {
  local pid vault
  if pid=$(running); then fail "Thoth runs already, as process $pid; make local-stop ends it"; fi
  if [ -z "${THOTH_BINARY:-}" ]; then
    scripts/setup.sh build
    cargo build --release --locked --package thoth
  fi
  vault=$(chosen_vault init_by_binary)
  mkdir -p "$(dirname "$log")"
  nohup "$thoth" serve --vault "$vault" </dev/null >"$log" 2>&1 &
  pid=$!
  echo "$pid" >"$pid_file"
  await_health "$vault"
  echo "Thoth serves $vault, as process $pid; its log is $log; make status, make local-stop"
}

await_health() {
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    if "$thoth" health --vault "$1" >/dev/null 2>&1; then return; fi
    if ! running >/dev/null; then break; fi
    sleep 0.1
  done
  tail -n 20 "$log" >&2
  stop >/dev/null
  fail "Thoth did not become healthy; the last words of $log are above"
}

stop() {
  local pid tries
  if ! pid=$(running); then
    rm -f "$pid_file"
    echo 'Thoth was not started here'
    return
  fi
  kill "$pid"
  for ((tries = 0; tries < 100; tries++)); do
    if ! running >/dev/null; then
      rm -f "$pid_file"
      echo "stopped process $pid"
      return
    fi
    sleep 0.1
  done
  fail "process $pid does not end within 10 s; see $log"
}

status() {
  local pid
  if pid=$(running); then echo "local: process $pid, log $log"; else echo 'local: not started here'; fi
}

case "${1:-}" in
  start | stop | status) "$1" ;;
  *) fail 'usage: local.sh start|stop|status' ;;
esac
