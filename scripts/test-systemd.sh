#!/usr/bin/env bash
# systemd/thoth.service under a service manager of its own: `test-systemd.sh BINARY`. As root on a machine that systemd does
# not run; elsewhere it says `skipped: …` and is done. The manager is the first process's child in mount and process
# namespaces of its own, which take with them whatever it leaves (but an empty control group, `init.scope`).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
unit=$here/../systemd/thoth.service
binary=$1
manager=/lib/systemd/systemd

leave_out() {
  echo "skipped: the systemd unit under systemd: $1" >&2
  exit 0
}

outside() {
  [ -x "$manager" ] || leave_out 'systemd is not installed'
  command -v python3 >/dev/null || leave_out 'there is no Python'
  [ "$(id -u)" = 0 ] || leave_out 'only root can start a service manager of its own'
  [ ! -d /run/systemd/system ] || leave_out 'this machine is run by systemd itself, which is left alone'
  local namespaces=(unshare --mount --pid --fork --mount-proc --kill-child)
  "${namespaces[@]}" true 2>/dev/null || leave_out 'namespaces are not permitted'
  place=$(mktemp -d)
  trap 'rm -rf "$place"' EXIT
  INSIDE=$place timeout --kill-after=5 60 "${namespaces[@]}" "$here/test-systemd.sh" "$binary"
}

fail() {
  echo "FAILED: $1" >&2
  user status thoth >&2 || true
  tail -n 20 "$INSIDE/log" >&2
  exit 1
}

user() {
  systemctl --user --no-pager "$@"
}

shown() {
  user show thoth --value --property "$1"
}

# `wait_for WORDS COMMAND…`: until the command succeeds.
wait_for() {
  local words=$1 tries
  shift
  for ((tries = 0; tries < 300; tries++)); do
    if "$@"; then return; fi
    sleep 0.05
  done
  fail "$words"
}

status_says() {
  [[ $(shown StatusText) == *"$1"* ]]
}

is_running() {
  [ "$(shown SubState)" = running ]
}

another_process() {
  local now
  now=$(shown MainPID)
  [ "$now" != 0 ] && [ "$now" != "$1" ] && [ "$(shown ActiveState)" = active ]
}

saved() {
  echo "{\"paths\": {}, \"apiKeys\": {}, \"servers\": {\"api\": {\"port\": $port}}, \"llm\": {\"default\": {$1}}}" >"$settings"
}

inside() {
  mount -t tmpfs tmpfs /run
  mkdir -p /run/systemd/system /run/user
  chmod 700 /run/user
  export XDG_RUNTIME_DIR=/run/user HOME=$INSIDE/home
  unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_DATA_HOME OBSIDIAN_VAULT_PATH THOTH_STATE_DIR
  settings=$HOME/Documents/thoth/.thoth/settings.json
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  mkdir -p "$HOME/Documents/thoth/.thoth"
  install -Dm 755 "$binary" "$HOME/.local/bin/thoth"
  install -Dm 644 "$unit" "$HOME/.config/systemd/user/thoth.service"
  # Not to wait a minute for the watchdog.
  install -Dm 644 /dev/stdin "$HOME/.config/systemd/user/thoth.service.d/soon.conf" <<<$'[Service]\nWatchdogSec=2'
  saved '"temperature": 0.1'
  "$manager" --user --log-target=console >"$INSIDE/log" 2>&1 &
  wait_for 'no service manager' user show >/dev/null 2>&1

  user start thoth || fail 'it does not start'
  status_says 'applied generation 1' || fail 'ready, and no status'
  first=$(shown MainPID)
  "$HOME/.local/bin/thoth" status >/dev/null || fail 'a command in a shell does not find it'
  saved '"temperature": 0.2'
  wait_for 'a save is no status' status_says 'llm.default.temperature'
  user reload thoth || fail 'a good reload fails'
  saved '"temprature": 0.3'
  wait_for 'a refusal is no status' status_says 'rejected'
  if user reload thoth 2>/dev/null; then fail 'a refused reload succeeds'; fi
  [ "$(shown ActiveState) $(shown MainPID)" = "active $first" ] || fail 'a refused reload ends the service'
  saved '"temperature": 0.4'
  wait_for 'the mended file is no status' status_says 'llm.default.temperature'
  kill -HUP "$first"
  wait_for 'SIGHUP is no reload' status_says 'unchanged'
  wait_for 'a reload by SIGHUP does not end' is_running
  [ "$(shown NRestarts)" = 0 ] || fail 'it was restarted although it gave signs of life'
  kill -STOP "$first"
  wait_for 'a server without a sign of life is not restarted' another_process "$first"
  user stop thoth
  [ "$(shown Result)" = success ] || fail "it did not stop in good order: $(shown Result)"
  echo 'systemd/thoth.service: starts, tells, reloads, refuses, is watched, stops'
}

if [ -n "${INSIDE:-}" ] && [ $$ = 1 ]; then inside; else outside; fi
