"""Scenario 5, and the same world without containers: `make local-start`, the same words, the same verdicts."""

import os
import time

from stage import APPLIED, FOREIGN, REFUSED, Server, Vault, own, settings
from tools import ROOT, fails, free_port, passed, run, wait_for


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
