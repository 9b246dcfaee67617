"""Development: `make start`, three containers on one folder of state; scenario 2 of the plan."""

import contextlib

from production import PAPER
from mcp_session import sessions
from stage import APPLIED, NAME, OWNER, REFUSED, Container, Server, settings
from test_tools import fails, free_port, passed, run, wait_for

ROLES = ("api", "mcp", "monitor")


class Development:
    """What `make start` starts, on the vault of production. A context."""

    def __init__(self, prod):
        self.vault = prod.vault
        self.ports = {"api": free_port(), "mcp": free_port()}
        self.variables = {
            "COMPOSE_PROJECT_NAME": f"{NAME}-dev", "THOTH_DEV_PORT": str(self.ports["api"]),
            "THOTH_DEV_MCP_PORT": str(self.ports["mcp"]), "THOTH_UID": str(OWNER), "THOTH_GID": str(OWNER),
        }
        self.containers = {role: Container(f"{NAME}-dev-{role}") for role in ROLES}

    def make(self, target, **options):
        return run("make", target, env=self.variables, **options)

    def __enter__(self):
        try:
            self.make("start", limit_s=300)
        except AssertionError:
            self.__exit__()
            raise
        token = self.containers["api"].token()
        self.api, self.mcp = (Server(self.ports[role], token) for role in ("api", "mcp"))
        self.accepted = {instance["content"] for instance in self.instances()["instances"]}
        return self

    def __exit__(self, *_):
        self.make("stop", check=False)
        run("docker", "volume", "rm", "--force", f"{NAME}-dev_state", check=False)

    def instances(self):
        status, body = self.api.ask("/api/v1/instances")
        assert status == 200, (status, body)
        return body

    def count(self, words):
        return {role: container.log().count(words) for role, container in self.containers.items()}

    def agree_on(self, model):
        """Waits until each of the three has accepted another content than before, all the same; the milliseconds."""

        def agreed():
            told = self.instances()
            contents = {instance["content"] for instance in told["instances"]}
            return told["agree"] and len(living(told)) == len(ROLES) and contents != self.accepted and contents

        self.accepted, took = wait_for("the three to agree", agreed)
        assert self.api.model() == model, self.api.model()
        return took


def living(agreement):
    return [instance["role"] for instance in agreement["instances"] if instance["alive"]]


def scenario_2_three_containers(prod):
    run("make", "prod-stop")
    prod.vault.save_by_rename(settings("first/model"))
    with Development(prod) as dev:
        assert sorted(living(dev.instances())) == sorted(ROLES), dev.instances()
        assert dev.api.settings()["logging"]["level"] == "DEBUG"
        passed("`make start`: three containers of one image, each healthy, known to each other")
        before = dev.count(APPLIED)
        dev.make("reload-settings")
        for role, container in dev.containers.items():
            container.says(APPLIED, before[role] + 1)
        passed("scenario 2: `make reload-settings`: the log of each container has its reload")
        dev.vault.save_by_rename(settings("second/model"))
        took = dev.agree_on("second/model")
        assert took < 2000, took
        passed("one save is live in all three, and they say that they agree", f"{took} ms")
        one_refuses_all_refuse(dev)
        a_pdf_is_taken_once(dev)
        mcp_has_its_own_port(dev)
        one_that_is_gone(dev)


def one_refuses_all_refuse(dev):
    before = dev.count(REFUSED)
    dev.vault.save_in_place("{ invalid }")
    for role, container in dev.containers.items():
        container.says(REFUSED, before[role] + 1)
    assert dev.api.model() == "second/model" and dev.instances()["agree"]
    dev.vault.save_in_place(settings("third/model"))
    dev.agree_on("third/model")
    passed("an invalid file is refused by each, and the mended one taken by each")


def a_pdf_is_taken_once(dev):
    name = "taken-once.pdf"
    (dev.vault.pdfs / name).write_bytes(PAPER.read_bytes() + b"%% of the three\n")
    run("chown", f"{OWNER}:{OWNER}", dev.vault.pdfs / name, check=False)
    wait_for("the PDF", lambda: (dev.api.paper(name) or {}).get("status") == "indexed")
    read = {role: sum(name in line and "status=reading" in line for line in container.log().splitlines())
            for role, container in dev.containers.items()}
    assert read == {"api": 0, "mcp": 0, "monitor": 1}, read
    passed("a PDF is taken once, by the monitor, and the API finds it")


def mcp_has_its_own_port(dev):
    with contextlib.ExitStack() as stack:
        for session in sessions(stack, dev.mcp, "MCP on its own port"):
            tools = session.tools()
            assert "Fading Directions" in session.call("search", query="dance fading"), tools
            passed(f"MCP on its own port, by the official client ({session.mode})", ", ".join(sorted(tools)))


def one_that_is_gone(dev):
    monitor, api = dev.containers["monitor"], dev.containers["api"]
    run("docker", "kill", monitor.name)
    wait_for("it to be missed", lambda: sorted(living(dev.instances())) == ["api", "mcp"])
    said = fails("docker", "exec", api.name, "/thoth", "instances")
    assert "monitor is gone" in said and "agree" not in said, said
    run("docker", "start", monitor.name)
    wait_for("it to be back", lambda: len(living(dev.instances())) == len(ROLES))
    # Stopped in order it is gone by somebody's wish, which is said and no failure.
    run("docker", "stop", monitor.name)
    said = api.thoth("instances")
    assert "no process has the role `monitor`" in said and "agree" not in said, said
    run("docker", "start", monitor.name)
    wait_for("it to be back", lambda: dev.instances()["agree"] and len(living(dev.instances())) == len(ROLES))
    passed("`thoth instances` says who was killed, which role was stopped, and that all are back", said.splitlines()[-1])
