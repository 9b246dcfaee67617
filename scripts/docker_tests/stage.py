"""What the tests play on: a vault of another user, the container beside it, and its published port.

Everything has names of its own, so that it meets neither a container in use nor another run.
"""

import json
import os
import pathlib
import time
import urllib.error
import urllib.request

from test_tools import free_port, run, wait_for

NAME = f"thoth-test-{os.getpid()}-{int(time.time())}"
IMAGE = f"{NAME}:test"
# Nobody's user: what the container writes must be the vault owner's, whoever that is.
OWNER = 4321 if os.getuid() == 0 else os.getuid()

APPLIED = "Settings reloaded successfully"
REFUSED = "Settings validation failed - skipping reload"
# What scripts/test-docker.sh hands over.
GIVEN = ("THOTH_BINARY", "THOTH_KEEP", "THOTH_COMPILES", "THOTH_RUST_IMAGE")
# Variables of a developer's shell that would change what is tested.
FOREIGN = ("VAULT", "OBSIDIAN_VAULT", "OBSIDIAN_VAULT_PATH", "THOTH_VAULT_PATH", "COMPOSE_FILE") + tuple(
    name for name in os.environ if name.startswith("THOTH_") and name not in GIVEN or "_API_KEY" in name
)


def settings(model="first/model", **sections):
    """A settings file with this model, and these sections beside."""
    whole = {"paths": {"pdf": "thoth/papers/pdfs"}, "apiKeys": {}, "servers": {}, **sections}
    whole["llm"] = {"default": {"model": model, **whole.get("llm", {}).get("default", {})}}
    return json.dumps(whole, indent=2) + "\n"


def own(path, owner=OWNER):
    """Gives the path, and what is under it, to the vault's owner. Where this may not be, they stay the runner's."""
    if os.getuid() == 0:
        run("chown", "-R", f"{owner}:{owner}", path)


class Vault:
    """A vault of another user, with the settings file in it."""

    def __init__(self, folder, text=None):
        self.folder = folder
        self.file = folder / ".thoth" / "settings.json"
        self.pdfs = folder / "thoth" / "papers" / "pdfs"
        self.file.parent.mkdir(parents=True)
        self.pdfs.mkdir(parents=True)
        self.file.write_text(text or settings(), encoding="utf-8")
        own(folder)

    def save_by_rename(self, text):
        aside = self.file.with_suffix(".json.tmp")
        aside.write_text(text, encoding="utf-8")
        os.chown(aside, self.folder.stat().st_uid, self.folder.stat().st_gid)
        aside.replace(self.file)

    def save_in_place(self, text):
        self.file.write_text(text, encoding="utf-8")


class Server:
    """A server, as a script on the host meets it."""

    def __init__(self, port, token=None):
        self.base = f"http://127.0.0.1:{port}"
        self.token = token

    def open(self, path, body=None, headers=()):
        request = urllib.request.Request(self.base + path, data=None if body is None else json.dumps(body).encode())
        for name, value in {"Content-Type": "application/json", **dict(headers)}.items():
            request.add_header(name, value)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        return urllib.request.urlopen(request, timeout=20)

    def ask(self, path, body=None):
        """Status and body of an answer; status 0 where none came."""
        try:
            with self.open(path, body) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.loads(refusal.read() or b"null")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return 0, None

    def settings(self):
        status, body = self.ask("/api/v1/settings")
        assert status == 200, f"GET /api/v1/settings gave {status}: {body}"
        return body["settings"]

    def model(self):
        return self.settings()["llm"]["default"]["model"]

    def watch(self):
        return self.ask("/health/hot-reload")[1]

    def verdicts(self, after=0):
        """The verdicts since this one, oldest first."""
        status, body = self.ask("/api/v1/reloads?limit=200")
        assert status == 200, f"GET /api/v1/reloads gave {status}: {body}"
        return [verdict for verdict in reversed(body["reloads"]) if verdict["id"] > after]

    def last(self):
        return max((verdict["id"] for verdict in self.verdicts()), default=0)

    def becomes(self, model, limit_s=30):
        """Waits until this model is served; the milliseconds."""
        return wait_for(f"`{model}` to be live", lambda: self.model() == model, limit_s)[1]

    def paper(self, file):
        _, body = self.ask("/api/v1/papers")
        return next((paper for paper in (body or {}).get("papers", []) if paper["file"].endswith(file)), None)


class Container:
    """One container of the image, by its name."""

    def __init__(self, name):
        self.name = name

    def thoth(self, *words, **options):
        return run("docker", "exec", self.name, "/thoth", *words, **options)

    def token(self):
        return self.thoth("token").strip().splitlines()[-1]

    def log(self):
        return run("docker", "logs", self.name)

    def says(self, words, count=1, limit_s=10):
        return wait_for(f"`{words}` in the log", lambda: self.log().count(words) >= count, limit_s)[1]

    def shape(self):
        return json.loads(run("docker", "inspect", self.name))[0]

    def health(self):
        return self.shape()["State"].get("Health", {}).get("Status")


class Production(Container):
    """What `make prod` starts, on this vault."""

    def __init__(self, place):
        super().__init__(NAME)
        self.vault = Vault(place / "vault")
        self.port = free_port()
        self.server = Server(self.port)
        for name in FOREIGN:
            os.environ.pop(name, None)
        os.environ.update(
            VAULT=str(self.vault.folder), THOTH_PORT=str(self.port), THOTH_CONTAINER=NAME, THOTH_IMAGE=IMAGE,
            THOTH_DEV_CONTAINERS=f"{NAME}-dev", COMPOSE_PROJECT_NAME=NAME, THOTH_WORKSPACE=str(place / "workspace"),
        )

    def up(self, target="prod", **variables):
        run("make", target, limit_s=600, env=variables)
        self.server.token = variables.get("THOTH_API_TOKEN") or self.token()

    def remove(self):
        any_vault = {"OBSIDIAN_VAULT_PATH": str(self.vault.folder)}
        run("scripts/compose.sh", "down", "--volumes", "--timeout", "2", check=False, env=any_vault)


class Lone(Container):
    """A container of the same image that is started by `docker run`, for what compose does not do. A context."""

    def __init__(self, suffix, vault, *arguments, user=OWNER, state=None, environment=()):
        super().__init__(f"{NAME}-{suffix}")
        self.port = free_port()
        self.state = state or f"{self.name}-state"
        self.owns_state = state is None
        pairs = {"THOTH_API_TOKEN": "a-token-for-tests-only-0123456789", "THOTH_PUBLISHED_PORT": "8000", **dict(environment)}
        self.command = [
            "docker", "run", "--detach", "--name", self.name, "--user", f"{user}:{user}", "--read-only",
            "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:mode=1777",
            "--publish", f"127.0.0.1:{self.port}:8000", "--volume", f"{self.state}:/state",
            *(word for name, value in pairs.items() for word in ("--env", f"{name}={value}")),
            *(("--volume", f"{pathlib.Path(vault)}:/vault") if vault else ()), *arguments, IMAGE,
        ]
        self.server = Server(self.port, pairs["THOTH_API_TOKEN"])

    def __enter__(self):
        run(*self.command)
        return self

    def serves(self):
        def healthy():
            assert self.shape()["State"]["Running"], f"it ended:\n{self.log()}"
            return self.server.ask("/health")[0] == 200

        wait_for(f"{self.name} to serve", healthy)
        return self

    def __exit__(self, *_):
        run("docker", "rm", "--force", "--volumes", self.name, check=False)
        if self.owns_state:
            run("docker", "volume", "rm", "--force", self.state, check=False)
