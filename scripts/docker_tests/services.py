"""Scenario 4: one save changes a path, a model, a key and the Letta server, with a chat, a stream and sessions open."""

import contextlib
import re
import threading

from fakes import Authority, Fake, gateway
from mcp_session import sessions
from production import PAPER
from stage import NAME, OWNER, own, settings
from test_tools import passed, run, wait_for

QUESTION = "how long does a waggle dance stay precise?"
# The services that the plan greps for, as it did.
GREP = r"RAGManager|LLMService|LettaService|CitationService|PDFMonitor"


def world(fake_llm, fake_letta, number, style):
    """The settings of one side of the changeover."""
    return settings(
        f"model/{number}",
        llm={"default": {"baseUrl": f"{fake_llm.url}/v1", "retriesMax": 0}},
        apiKeys={"customKey": f"key-{number}", "lettaApiKey": f"letta-key-{number}"},
        paths={"pdf": f"thoth/papers/{number}"},
        memory={"letta": {"serverUrl": fake_letta.url}},
        citation={"style": style},
    )


class Background:
    """A request in a thread; `result` waits for what came of it."""

    def __init__(self, work):
        self.answer, self.failure = None, None
        self.thread = threading.Thread(target=self.keep, args=(work,))
        self.thread.start()

    def keep(self, work):
        try:
            self.answer = work()
        except Exception as failure:
            self.failure = failure

    def result(self):
        self.thread.join(60)
        assert not self.thread.is_alive() and self.failure is None, self.failure
        return self.answer


def agent_stream(server, message):
    """The text of an agent's streamed answer, and the piece that came first as soon as it came."""
    began = threading.Event()

    def read():
        with server.open("/api/v1/agent/messages", {"message": message, "stream": True}) as answer:
            lines = []
            for line in answer:
                lines.append(line.decode())
                if "begun by" in lines[-1]:
                    began.set()
            return "".join(lines)

    return Background(read), began


def scenario_4_everything_in_one_save(prod, place):
    address = gateway(f"{NAME}_default")
    authority = Authority(place, address)
    prod.up("prod-restart", THOTH_CA_FILE=str(authority.root))
    names = ("llm-1", "llm-2", "letta-1", "letta-2")
    with contextlib.ExitStack() as stack:
        llm_1, llm_2, letta_1, letta_2 = (stack.enter_context(Fake(address, name, authority)) for name in names)
        for number in (1, 2):
            (prod.vault.folder / "thoth" / "papers" / str(number)).mkdir()
        own(prod.vault.folder / "thoth")
        prod.vault.save_by_rename(world(llm_1, letta_1, 1, "IEEE"))
        prod.server.becomes("model/1")
        indexed(prod, prod.vault.folder / "thoth" / "papers" / "1", b"%% one\n")
        open_sessions = sessions(stack, prod.server, "scenario 4: sessions of MCP that are open")
        # They have begun on the old settings.
        assert all("search" in session.tools() for session in open_sessions)
        old, log, last = open_everything(prod, llm_1, letta_1), len(prod.log()), prod.server.last()

        prod.vault.save_by_rename(world(llm_2, letta_2, 2, "APA"))
        took = prod.server.becomes("model/2")
        assert took < 2000, took
        verdict = the_verdict(prod, last)
        on_the_new(prod, open_sessions, llm_2, letta_2)
        # What began before the save ends where it began.
        for fake in (llm_1, letta_1):
            fake.go.set()
        assert old["chat"].result()["written_by"] == "model/1", old["chat"].answer
        assert "ended by letta-1" in old["stream"].result() and "letta-2" not in old["stream"].answer
        assert all(asked["key"] == "key-1" and asked["body"]["model"] == "model/1" for asked in llm_1.messages("completions"))
        assert all(asked["key"] == "letta-key-1" for asked in letta_1.messages("messages"))
        passed("scenario 4: an open chat and an open stream end on the old model, key and server")
        grep_of_the_plan(prod, log)
        every_service_tells_its_generation(prod, verdict["generation"])
    prod.vault.save_by_rename(settings("second/model"))
    prod.server.becomes("second/model")


def open_everything(prod, llm, letta):
    """A chat whose model has not answered, and a stream that has begun; both on the old generation."""
    llm.hold()
    letta.hold()
    chat = Background(lambda: prod.server.ask("/api/v1/ask", {"question": QUESTION})[1])
    wait_for("the model to be asked", lambda: llm.messages("completions"))
    stream, began = agent_stream(prod.server, "hello")
    assert began.wait(20), "the stream has not begun"
    return {"chat": chat, "stream": stream}


def the_verdict(prod, last):
    verdicts, _ = wait_for("the verdict", lambda: prod.server.verdicts(last))
    assert [verdict["verdict"] for verdict in verdicts] == ["applied"], verdicts
    done = {service["name"]: service["action"] for service in verdicts[0]["services"] if service["action"] != "kept"}
    assert {"llm", "rag", "letta", "citations", "pdf"} <= set(done), done
    passed("scenario 4: one save, one verdict, every service that it concerns", ", ".join(sorted(done)))
    return verdicts[0]


def on_the_new(prod, open_sessions, llm, letta):
    """A chat, a stream, the old sessions and a PDF, after the save: all of them on the new."""
    _, answer = prod.server.ask("/api/v1/ask", {"question": QUESTION})
    assert answer["written_by"] == "model/2", answer
    asked = llm.messages("completions")[-1]
    assert (asked["key"], asked["body"]["model"]) == ("key-2", "model/2"), asked
    stream, _ = agent_stream(prod.server, "hello again")
    assert "ended by letta-2" in stream.result(), stream.answer
    assert letta.messages("messages")[-1]["key"] == "letta-key-2"
    indexed(prod, prod.vault.folder / "thoth" / "papers" / "2", b"%% two\n")
    passed("scenario 4: a new chat, stream and PDF are on the new model, key, server and path")
    for session in open_sessions:
        asked = len(llm.messages("completions"))
        assert "model/2" in session.call("ask", question=QUESTION), f"the session ({session.mode}) did not follow"
        assert [one["key"] for one in llm.messages("completions")[asked:]] == ["key-2"]
        passed(f"scenario 4: the official client of MCP ({session.mode}) that was connected asks the new model")


def indexed(prod, folder, mark):
    name = f"scenario-4-{folder.name}.pdf"
    (folder / name).write_bytes(PAPER.read_bytes() + mark)
    run("chown", f"{OWNER}:{OWNER}", folder / name, check=False)
    wait_for(f"{name} to be indexed", lambda: (prod.server.paper(name) or {}).get("status") == "indexed")


def grep_of_the_plan(prod, from_here):
    lines = [line for line in prod.log()[from_here:].splitlines() if re.search(GREP, line) and "reload" in line.lower()]
    said = {name for name in GREP.split("|") if any(name in line for line in lines)}
    assert said == set(GREP.split("|")), f"the log names only {said}:\n" + "\n".join(lines)
    passed(f"scenario 4: grep -E '{GREP}' | grep -i reload finds each")


def every_service_tells_its_generation(prod, generation):
    _, health = prod.server.ask("/health")
    since = {name: service.get("since") for name, service in health["services"].items()}
    for name in ("llm", "rag", "letta", "citations", "pdf"):
        assert since[name] == generation, f"{name} says it runs since {since[name]}, not {generation}: {health}"
    passed("scenario 4: /health says of each service that it runs since this generation", f"generation {generation}")
