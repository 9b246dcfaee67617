#!/usr/bin/env python3
"""The container, end to end: `make prod` on a vault, papers and settings saved on the host, `make prod-stop`.

Needs a Docker engine (scripts/test-docker.sh gets one) and THOTH_BINARY. Everything has names of its own, so that it
meets neither a container in use nor another run.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAPER = ROOT / "examples" / "papers" / "okonkwo2024.pdf"
NAME = f"thoth-test-{os.getpid()}-{int(time.time())}"
# Nobody's user: what the container writes must be the vault owner's, whoever that is.
OWNER = 4321

APPLIED = "Settings reloaded successfully"
REFUSED = "Settings validation failed - skipping reload"


def run(*command, check=True, limit_s=120):
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=limit_s, stdin=subprocess.DEVNULL, check=False
    )
    if check and done.returncode != 0:
        raise AssertionError(f"`{' '.join(command)}` gave {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(what, look, limit_s=30):
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


class Server:
    """The published port, as a script on the host meets it."""

    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"
        self.token = None

    def get(self, path):
        request = urllib.request.Request(self.base + path)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, None

    def model(self):
        status, body = self.get("/api/v1/settings")
        assert status == 200, f"GET /api/v1/settings gave {status}"
        return body["settings"]["llm"]["default"]["model"]

    def paper(self, file):
        _, body = self.get("/api/v1/papers")
        return next((paper for paper in body["papers"] if paper["file"].endswith(file)), None)


class Vault:
    """A vault of another user, with the settings file in it."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / ".thoth" / "settings.json"
        self.file.parent.mkdir(parents=True)
        (folder / "thoth" / "papers" / "pdfs").mkdir(parents=True)
        self.save_by_rename(settings("first/model"))
        own(folder)

    def save_by_rename(self, text):
        aside = self.file.with_suffix(".json.tmp")
        aside.write_text(text, encoding="utf-8")
        own(aside)
        aside.replace(self.file)

    def save_in_place(self, text):
        self.file.write_text(text, encoding="utf-8")


def own(path):
    """Gives the path, and what is under it, to the vault's owner. Where this may not be, they stay the runner's."""
    if os.getuid() == 0:
        run("chown", "-R", f"{OWNER}:{OWNER}", str(path))


def settings(model):
    return json.dumps({"llm": {"default": {"model": model}}, "paths": {"pdf": "thoth/papers/pdfs"}}, indent=2)


def logs():
    return run("docker", "logs", NAME)


def passed(name, detail=""):
    passed.names.append(name)
    print(f"ok  {name}{'  ' + detail if detail else ''}", flush=True)


passed.names = []


def starts(server):
    run("make", "prod", limit_s=600)
    passed("`make prod` serves, and its health check says so")
    assert server.get("/health")[0] == 200
    assert server.get("/api/v1/settings")[0] in (401, 403), "settings were shown without a token"
    server.token = run("docker", "exec", NAME, "/thoth", "token").strip().splitlines()[-1]
    assert server.model() == "first/model"
    passed("the published port asks for the token, and takes it")
    shape = json.loads(run("docker", "inspect", NAME))[0]
    assert shape["HostConfig"]["ReadonlyRootfs"] and shape["HostConfig"]["CapDrop"] == ["ALL"]
    assert shape["Config"]["User"].split(":")[0] == str(OWNER if os.getuid() == 0 else os.getuid())
    passed("it runs as the vault's owner, without capabilities, on a read-only root", shape["Config"]["User"])


def reads_a_paper(server, vault):
    folder = vault.folder / "thoth" / "papers" / "pdfs"
    shutil.copy(PAPER, folder / PAPER.name)

    def indexed():
        paper = server.paper(PAPER.name)
        assert not paper or paper["status"] != "failed", paper
        return paper if paper and paper["status"] == "indexed" else None

    paper, took = wait_for("the paper to be indexed", indexed, limit_s=60)
    assert paper["title"].startswith("Fading Directions"), paper
    passed("a paper dropped on the host is read", f"{took} ms")
    note = vault.folder / paper["note"]
    assert note.is_file(), f"no note at {note}"
    assert note.stat().st_uid == vault.folder.stat().st_uid, "the note is not the vault owner's"
    passed("its note is the vault owner's", paper["note"])
    _, found = server.get("/api/v1/search?q=dance%20fading&limit=3")
    assert any(hit["paper"] == paper["id"] for hit in found["hits"]), found
    passed("a search finds it")


def follows_saves(server, vault):
    for how, save, model in (
        ("by rename", vault.save_by_rename, "second/model"),
        ("in place", vault.save_in_place, "third/model"),
    ):
        before = logs().count(APPLIED)
        save(settings(model))
        _, took = wait_for(f"`{model}` to be live", lambda wanted=model: server.model() == wanted)
        wait_for("the log to say so", lambda count=before: logs().count(APPLIED) > count)
        passed(f"a save {how} on the host is live in the container", f"{took} ms")


def refuses_a_broken_save(server, vault):
    vault.save_in_place('{"llm": {"default": {"model": "broken/model"')
    wait_for("the refusal", lambda: REFUSED in logs())
    assert server.model() == "third/model"
    assert server.get("/health")[0] == 200
    vault.save_in_place(settings("fourth/model"))
    wait_for("the mended file to be live", lambda: server.model() == "fourth/model")
    passed("a broken save is refused, and the mended one taken")


def stops():
    start = time.monotonic()
    run("docker", "stop", "--time", "10", NAME)
    took = time.monotonic() - start
    code = json.loads(run("docker", "inspect", NAME))[0]["State"]["ExitCode"]
    assert code == 0, f"it exited with {code}:\n{logs()[-2000:]}"
    assert took < 2, f"it took {took:.1f} s to stop"
    passed("SIGTERM ends it in good order", f"{took * 1000:.0f} ms")
    run("make", "prod-stop")
    assert NAME not in run("docker", "ps", "--all", "--format", "{{.Names}}")
    assert f"{NAME}_state" in run("docker", "volume", "ls", "--quiet")
    passed("`make prod-stop` removes the container and keeps its state")


def main():
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="thoth-test-") as place:
        pathlib.Path(place).chmod(0o755)
        vault = Vault(pathlib.Path(place) / "vault")
        os.environ.update(
            VAULT=str(vault.folder), THOTH_PORT=str(port), THOTH_CONTAINER=NAME, THOTH_IMAGE=f"{NAME}:test",
            COMPOSE_PROJECT_NAME=NAME,
        )
        for name in ("THOTH_API_TOKEN", "THOTH_LOG_LEVEL", "THOTH_HOT_RELOAD", "THOTH_UID", "THOTH_GID"):
            os.environ.pop(name, None)
        server = Server(port)
        failed = 0
        try:
            starts(server)
            reads_a_paper(server, vault)
            follows_saves(server, vault)
            refuses_a_broken_save(server, vault)
            stops()
        except (AssertionError, OSError, subprocess.TimeoutExpired, KeyError) as problem:
            failed = 1
            print(f"FAILED after `{passed.names[-1] if passed.names else 'nothing'}`: {problem}", file=sys.stderr)
            print(run("docker", "logs", "--tail", "50", NAME, check=False), file=sys.stderr)
        finally:
            os.environ["OBSIDIAN_VAULT_PATH"] = str(vault.folder)
            run("scripts/compose.sh", "down", "--volumes", "--timeout", "2", check=False)
            run("docker", "rmi", f"{NAME}:test", check=False)
    print(f"{len(passed.names)} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
