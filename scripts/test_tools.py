"""What every test in Python uses: commands with a limit, waits with a deadline, and the list of what has passed."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Nothing here takes this long; who waits longer has failed.
PATIENCE_S = 60


def run(*command, check=True, limit_s=120, stdin=None, env=None, cwd=ROOT):
    """Runs a command to its end; what it printed on both its outputs."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=limit_s, check=False,
        input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, env={**os.environ, **(env or {})},
    )
    if check and done.returncode != 0:
        raise AssertionError(f"`{' '.join(map(str, command))}` gave {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def fails(*command, **options):
    """Runs a command that has to fail; what it printed."""
    try:
        said = run(*command, **options)
    except AssertionError as failure:
        return str(failure)
    raise AssertionError(f"`{' '.join(map(str, command))}` did not fail:\n{said}")


def free_port(address="127.0.0.1"):
    with socket.socket() as listener:
        listener.bind((address, 0))
        return listener.getsockname()[1]


def wait_for(what, look, limit_s=PATIENCE_S):
    """The first truthy answer of `look`, and the milliseconds until it came."""
    start = time.monotonic()
    while True:
        answer = look()
        took = time.monotonic() - start
        if answer:
            return answer, round(took * 1000)
        if took > limit_s:
            raise AssertionError(f"waited {limit_s} s in vain for {what}")
        time.sleep(0.02)


def installed(program, what):
    """Whether a program is there; says loudly what is left out where it is not."""
    if shutil.which(program):
        return True
    skipped(f"{what}: `{program}` is not installed")
    return False


def skipped(words):
    print(f"skipped: {words}", file=sys.stderr, flush=True)


def passed(words, detail=""):
    passed.list.append(words)
    print(f"ok  {words}{'  (' + detail + ')' if detail else ''}", flush=True)


passed.list = []
