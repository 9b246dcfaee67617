#!/usr/bin/env python3
"""Proves a hot reload on the server that runs: `hot_reload.py VAULT THOTH`.

Another `reload.settleMs` is written into the vault's settings file, with every comment kept. The server must serve it
within two seconds. Then the file is put back, byte for byte, and the server must serve the old value again. Whatever
does not happen makes the exit code 1; the file is put back in any case. THOTH runs Thoth's commands where the server is.
"""

import json
import pathlib
import re
import signal
import subprocess
import sys
import time

# From the save to the new value in an answer, beside the time that asking takes.
LIVE_MAX_S = 2.0
PATIENCE_S = 15.0
COMMAND_MAX_S = 60.0
SETTLE_MAX_MS = 60_000
SECTION, KEY = "reload", "settleMs"
# Strings first: what looks like a comment in one is none.
TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|#[^\n]*|/\*.*?\*/|[{}\[\]:,]|[^\s{}\[\]:,"/#]+', re.DOTALL)


class Failure(Exception):
    """What did not happen."""


def places(text):
    """By path of plain keys: where an object begins (after its brace), and where a value stands (begin and end)."""
    words = [match for match in TOKEN.finditer(text) if not match.group().startswith(("//", "/*", "#"))]
    objects, values, path, key = {}, {}, [], None
    for word, follower in zip(words, [*words[1:], None]):
        if word.group() in "{[":
            path.append(key)
            objects.setdefault(tuple(path[1:]), word.end())
        elif word.group() in "}]":
            del path[-1:]
        elif follower and follower.group() == ":":
            key = word.group().strip('"').replace("_", "").lower()
        elif word.group() not in ":,":
            values.setdefault((*path[1:], key), word.span())
    return objects, values


def with_settle(text, value):
    """The text with `reload.settleMs` set: replaced where it stands, else put first into its section or the file."""
    objects, values = places(text)
    section, key = (SECTION.lower(),), (SECTION.lower(), KEY.lower())
    if key in values:
        begin, end = values[key]
        return text[:begin] + str(value) + text[end:]
    member = f' "{KEY}": {value},'
    if section in objects:
        at = objects[section]
    elif () in objects:
        at, member = objects[()], f' "{SECTION}": {{{member.rstrip(",")} }},'
    else:
        raise Failure("the settings file has no object to put a setting into")
    return text[:at] + member + text[at:]


class Server:
    """The running server, by its command line."""

    def __init__(self, command):
        self.command = command

    def ask(self, *words):
        done = subprocess.run(
            [self.command, *words], capture_output=True, text=True, timeout=COMMAND_MAX_S, check=False
        )
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise Failure(f"`thoth {' '.join(words)}`: {done.stderr.strip() or done.stdout.strip()}") from None

    def settle_ms(self):
        shown = self.ask("settings", "show")
        if shown["generation"] is None:
            raise Failure("no server runs for this vault: make prod, make start or make local-start")
        return shown["settings"][SECTION][KEY]

    def awaits(self, value, what):
        """Waits until the value is served; says how long that took, and how much of it was asking."""
        start = time.monotonic()
        while True:
            asked = time.monotonic()
            served = self.settle_ms()
            now = time.monotonic()
            if served == value:
                return now - start, now - asked
            if now - start > PATIENCE_S:
                raise Failure(f"{what}: {PATIENCE_S:.0f} s later the server still has {served}, not {value}")


def prove(server, file):
    before = file.read_bytes()
    old = server.settle_ms()
    new = old + 1 if old < SETTLE_MAX_MS else old - 1
    changed = with_settle(before.decode("utf-8"), new).encode("utf-8")
    print(f"1. `{SECTION}.{KEY}` is {old}; saving {new} in {file}")
    try:
        # In place: the file keeps its owner, its mode, and the links that lead to it.
        file.write_bytes(changed)
        took, asking = server.awaits(new, "the save did not go live")
        if took > LIVE_MAX_S + asking:
            raise Failure(f"the save went live only after {took:.1f} s")
        print(f"2. live after {took * 1000:.0f} ms, {asking * 1000:.0f} of them for asking")
    finally:
        # Also half of what was written, where the disk is full.
        if changed.startswith(file.read_bytes()):
            file.write_bytes(before)
            print("3. put back, byte for byte")
        else:
            print(f"3. {file} was changed by somebody else meanwhile; it is left as it is", file=sys.stderr)
    if file.read_bytes() != before:
        raise Failure("the file is not what it was")
    took, _ = server.awaits(old, "what was put back did not go live")
    print(f"4. {old} is live again after {took * 1000:.0f} ms")


def main():
    vault, command = pathlib.Path(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = Server(command)
    try:
        watch = server.ask("health", "--json")["watch"]
        if not watch["enabled"]:
            raise Failure("hot reload is switched off (THOTH_HOT_RELOAD=0)")
        named = watch["settings_file"]
        # The container's name of the vault.
        prove(server, vault / named.removeprefix("/vault/") if named.startswith("/vault/") else pathlib.Path(named))
    except (Failure, OSError, KeyError, UnicodeDecodeError, subprocess.TimeoutExpired) as problem:
        print(f"FAILED: {problem}", file=sys.stderr)
        return 1
    print("hot reload works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
