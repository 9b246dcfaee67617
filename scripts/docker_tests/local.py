"""Scenario 5, and the same world without containers: `make local-start`, the same words, the same verdicts."""

import os
import subprocess
import time

from stage import APPLIED, REFUSED, Server, Vault, own, settings
from test_tools import ROOT, fails, free_port, passed, run, wait_for


class Local:
    """Thoth on this machine, by the targets, on a vault of the runner's."""

    def __init__(self, place):
        self.vault = Vault(place / "local")
        own(self.vault.folder, os.getuid())
        self.port = free_port()
        self.workspace = place / "local-workspace"
        self.log = self.workspace / "logs" / "api.log"
        self.variables = {
            "VAULT": str(self.vault.folder), "THOTH_WORKSPACE": str(self.workspace), "THOTH_CONTAINER": "",
            "THOTH_DEV_CONTAINERS": "", "THOTH_STATE_DIR": str(place / "local-state"), "THOTH_PORT": "1",
        }
        self.server = Server(self.port)
        self.save("first/model")

    def save(self, model):
        self.vault.save_by_rename(settings(model, servers={"api": {"port": self.port}}))

    def make(self, target, **variables):
        return run("make", target, env={**self.variables, **variables})

    def fails(self, target, **variables):
        return fails("make", target, env={**self.variables, **variables})


def process_lives(pid):
    """Whether it runs; one that has ended may stay in the list where nobody asks for it."""
    state = run("ps", "-p", pid, "-o", "stat=", check=False).strip()
    return state != "" and not state.startswith("Z")


def local_targets(place):
    local = Local(place)
    try:
        said = local.make("local-start")
        assert local.server.model() == "first/model", said
        assert "runs already" in local.fails("local-start")
        assert "healthy" in local.make("status") and "healthy" in local.make("health")
        local.save("second/model")
        took = local.server.becomes("second/model")
        assert APPLIED in local.log.read_text()
        local.vault.save_in_place("{ invalid }")
        wait_for("the refusal in the log", lambda: REFUSED in local.log.read_text())
        assert local.server.model() == "second/model"
        local.save("second/model")
        wait_for("the mended file", lambda: not local.server.watch()["drift"])
        assert "hot reload works" in local.make("test-hot-reload")
        passed("locally, the same: a save is live, a broken one refused, in the same words", f"{took} ms")
        pid = int((local.workspace / "thoth.pid").read_text())
        local.make("local-stop")
        assert not process_lives(pid) and not (local.workspace / "thoth.pid").exists()
        assert "stopping" in local.log.read_text()
        assert "no server runs" in local.fails("reload-settings")
        passed("make local-start, status and local-stop: in the background, and to an orderly end")
    finally:
        local.make("local-stop")


def scenario_5_hot_reload_off(place):
    local = Local(place / "off")
    try:
        local.make("local-start", THOTH_HOT_RELOAD="0")
        watch = local.server.watch()
        assert (watch["enabled"], watch["running"], watch["watch"]["mode"]) == (False, False, "off"), watch
        before = local.log.read_text().count(APPLIED)
        run("touch", local.vault.file)
        local.save("unseen/model")
        # Twice the longest time in which a watch would have seen it: there is no event to wait for.
        time.sleep(3)
        assert local.server.model() == "first/model"
        assert local.log.read_text().count(APPLIED) == before, "no reload may be logged"
        assert "healthy" in local.make("health")
        assert "applied" in local.make("reload-settings")
        assert local.server.model() == "unseen/model"
    finally:
        local.make("local-stop")
    passed("scenario 5: locally with THOTH_HOT_RELOAD=0 a touch and a save do nothing, `make reload-settings` does")


# Stands in for the compiler: the build is not what is tested.
CARGO = """#!/bin/sh
echo built >> {log}
if [ -e {failing} ]; then exit 1; fi
mkdir -p {target}/debug
cp {binary} {target}/debug/thoth
"""


def dev_builds_and_starts_anew(place):
    local, tools = Local(place / "dev"), place / "dev-tools"
    tools.mkdir()
    source, failing, builds = ROOT / "crates" / "dev-test.tmp", tools / "failing", tools / "builds"
    cargo = tools / "cargo"
    words = {"log": builds, "failing": failing, "target": tools / "target", "binary": os.environ["THOTH_BINARY"]}
    cargo.write_text(CARGO.format(**words))
    cargo.chmod(0o755)
    variables = {**local.variables, "PATH": f"{tools}:{os.environ['PATH']}", "CARGO_TARGET_DIR": str(tools / "target")}
    dev = subprocess.Popen(["scripts/dev.sh"], cwd=ROOT, env={**os.environ, **variables}, stderr=subprocess.DEVNULL)
    started = lambda: (local.server.ask("/health")[1] or {}).get("started_at")
    built = lambda: len(builds.read_text().splitlines())
    try:
        first, _ = wait_for("the first build to serve", started)
        source.write_text("one")
        second, took = wait_for("the second build to serve", lambda: started() not in (None, first) and started())
        failing.touch()
        source.write_text("two")
        wait_for("the failing build", lambda: built() == 3)
        assert started() == second, "a build that failed has ended the server"
    finally:
        source.unlink(missing_ok=True)
        dev.terminate()
        dev.wait(20)
    assert local.server.ask("/health")[0] == 0, "the server outlived make dev"
    passed("make dev builds and serves anew when a source changes; a build that fails leaves the server", f"{took} ms")
