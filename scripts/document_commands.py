#!/usr/bin/env python3
"""Runs the commands of a document: `document_commands.py --world local|docker --thoth BINARY FILE`.

A fenced block says behind its language where it runs:

    ```sh local          run with bash here, in a home of its own; it must succeed
    ```sh local serve    the same, begun in the background until the end (or until the next one of its kind)
    ```console local     each line behind `$ ` is run, and what it prints must be what the document says
    ```sh docker         as `local`, on a machine with an engine, from the top of the repository
    ```sh by-hand        not run: it would change this machine, or needs another one; it is counted and named

A block of a shell without such a word is an error, so that none is forgotten. In what is expected `…` stands for anything,
and a line of nothing else for any lines; times, dates and milliseconds are compared as kinds. Names and ports that could meet
somebody else's (thoth-app, 8000, 8080) are replaced by others, both ways. A look (`thoth health`, `curl`, …) that came before
the change it looks for is taken again.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from test_tools import ROOT, free_port

FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELLS = ("sh", "bash", "console", "shell")
WORLDS = ("local", "docker", "by-hand")
LOOKS = re.compile(r"(^|/|exec \S+ )(thoth (settings (history|show)|health|papers|report)|curl|grep|docker logs)\b")
PATIENCE_S = 20
COMMAND_S = 300
KINDS = (
    (re.compile(r"\d{4}-\d\d-\d\d"), "<date>"),
    (re.compile(r"\d\d:\d\d(:\d\d)?"), "<time>"),
    (re.compile(r" *\d+(\.\d+)? ms"), " <ms>"),
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
)


class Failure(Exception):
    """What is not as the document says."""


def blocks(document):
    """World, words and text of each block of a shell, with its line."""
    text = document.read_text(encoding="utf-8")
    for fence in FENCE.finditer(text):
        language, *words = fence.group(1).split() or [""]
        if language not in SHELLS:
            continue
        line = text.count("\n", 0, fence.start()) + 1
        if not words or words[0] not in WORLDS:
            raise Failure(f"{document.name}:{line}: a block of `{language}` does not say where it runs: {WORLDS}")
        yield line, language, words, fence.group(2)


def pattern(expected):
    """The expression that what is printed must match."""
    lines = []
    for line in expected.strip("\n").split("\n"):
        if line.strip() == "…":
            lines.append(r"(?:[^\n]*\n)*")
        else:
            parts = (re.escape(kinds(part)) for part in line.rstrip().split("…"))
            lines.append("[^\n]*".join(parts) + "\n")
    return re.compile("".join(lines))


def kinds(text):
    for expression, kind in KINDS:
        text = expression.sub(kind, text)
    return text


def commands(text):
    """Commands of a console block, each with what it should print."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], ""])
        elif found and found[-1][0].endswith("\\"):
            found[-1][0] += "\n" + line
        elif found:
            found[-1][1] += line + "\n"
        else:
            raise Failure("a console block begins with `$ `")
    return found


class World:
    """A home of its own, with `thoth` on the way to commands, and names that meet nobody's."""

    def __init__(self, world, binary, home):
        self.world = world
        self.home = home
        self.log = home / "served.log"
        self.serving = None
        self.names = {"/home/you": str(home), "8000": str(free_port()), "8001": str(free_port()), "8080": str(free_port())}
        (home / "bin").mkdir()
        shutil.copy(binary, home / "bin" / "thoth")
        self.environment = {
            "HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}", "LANG": "C.UTF-8", "THOTH_BINARY": str(binary),
            "CARGO_HOME": os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo")),
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup")),
        }
        if world == "docker":
            own = f"thoth-document-{os.getpid()}"
            self.names |= {"thoth-app": own}
            self.environment |= {
                "THOTH_CONTAINER": own, "COMPOSE_PROJECT_NAME": own, "THOTH_IMAGE": f"{own}:test",
                "THOTH_PORT": self.names["8080"],
            }
            self.names["8000"] = "8000"
            for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CARGO_TARGET_DIR"):
                if name in os.environ:
                    self.environment[name] = os.environ[name]

    def ours(self, text):
        """A command of the document with our names."""
        text = re.sub(r"(?<=[:\" ])(8000|8001|8080)\b", lambda port: self.names[port.group(0)], text)
        return text.replace("thoth-app", self.names.get("thoth-app", "thoth-app"))

    def theirs(self, text):
        """What was printed, with the document's names."""
        for theirs, ours in self.names.items():
            text = text.replace(ours, theirs)
        return text

    def run(self, command):
        folder = ROOT if self.world == "docker" else self.home
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.ours(command)], cwd=folder, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=COMMAND_S, check=False,
        )
        if "thoth init" in command:
            self.own_port()
        return done.returncode, self.theirs(done.stdout)

    def own_port(self):
        for file in self.home.glob("**/settings.json"):
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace('"port": 8000', f'"port": {self.names["8000"]}'), encoding="utf-8")

    def serve(self, command):
        self.end()
        with self.log.open("ab") as log:
            self.serving = subprocess.Popen(
                ["bash", "-c", "exec " + self.ours(command.strip())], cwd=self.home, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        deadline = time.monotonic() + PATIENCE_S
        while self.run("thoth health")[0] != 0:
            if self.serving.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"`{command.strip()}` does not serve:\n{self.log.read_text(encoding='utf-8')}")
            time.sleep(0.05)

    def end(self):
        if self.serving:
            self.serving.terminate()
            self.serving.wait(timeout=PATIENCE_S)
            self.serving = None

    def expect(self, command, expected):
        """Runs a command until it prints what is expected; only a look is taken twice."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            _, printed = self.run(command)
            if pattern(expected).fullmatch(kinds(printed.rstrip("\n") + "\n" if printed else "")) or not expected:
                return
            if not LOOKS.search(command) or time.monotonic() > deadline:
                raise Failure(f"`{command}` printed\n{printed}\nand the document says\n{expected}")
            time.sleep(0.05)


def carry_out(world, language, words, text):
    if "serve" in words:
        world.serve(text)
    elif language == "console":
        for command, expected in commands(text):
            world.expect(command, expected)
    else:
        code, printed = world.run(text)
        if code != 0:
            raise Failure(f"it ended with {code}:\n{text}\n{printed}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--world", choices=("local", "docker"), required=True)
    parser.add_argument("--thoth", type=pathlib.Path, required=True, help="the binary")
    parser.add_argument("document", type=pathlib.Path)
    given = parser.parse_args()
    ran = left = 0
    with tempfile.TemporaryDirectory(prefix="thoth-document-") as home:
        pathlib.Path(home).chmod(0o755)
        world = World(given.world, given.thoth.resolve(), pathlib.Path(home))
        line = 0
        try:
            for line, language, words, text in blocks(given.document):
                if words[0] == given.world:
                    carry_out(world, language, words, text)
                    ran += 1
                left += words[0] == "by-hand"
        except (Failure, subprocess.TimeoutExpired, OSError) as problem:
            print(f"FAILED: {given.document}:{line}: {problem}", file=sys.stderr)
            if world.log.exists():
                print(world.log.read_text(encoding="utf-8")[-4000:], file=sys.stderr)
            return 1
        finally:
            world.end()
            if given.world == "docker":
                world.run("OBSIDIAN_VAULT_PATH=/ scripts/compose.sh down --volumes --timeout 2; docker rmi \"$THOTH_IMAGE\"")
    print(f"{given.document.name}: {ran} blocks of commands run ({given.world}); {left} are for another machine and were not")
    if ran == 0:
        print("FAILED: no block was run", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
