"""Two servers that Thoth talks to, on the host, where the containers reach them: a language model, and Letta.

Each writes down what it is asked, with which model and which key, and can be told to hold an answer back in its middle
until a test lets it go. What one is depends on the path that is asked for. They speak TLS: Thoth sends no key in the
clear to another machine, and from inside of a container the host is one.
"""

import http.server
import json
import re
import ssl
import threading
import uuid

from test_tools import PATIENCE_S, run

AGENT = f"agent-{uuid.uuid4()}"


def gateway(network):
    """The host's address in a network of the engine."""
    described = json.loads(run("docker", "network", "inspect", network))[0]
    return described["IPAM"]["Config"][0]["Gateway"]


class Authority:
    """A certificate root of our own, and a certificate for one address."""

    def __init__(self, place, address):
        self.root, self.key, self.certificate = (place / name for name in ("root.pem", "fake.key", "fake.pem"))
        root_key, request, extension = (place / name for name in ("root.key", "fake.csr", "fake.ext"))
        new = ("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        run(*new, "-x509", "-days", "2", "-subj", "/CN=root of a test", "-keyout", root_key, "-out", self.root)
        run(*new, "-subj", "/CN=fake", "-keyout", self.key, "-out", request)
        extension.write_text(f"subjectAltName=IP:{address}\nbasicConstraints=CA:FALSE\n")
        signed = ("-CA", self.root, "-CAkey", root_key, "-CAcreateserial", "-extfile", extension)
        run("openssl", "x509", "-req", "-days", "2", "-in", request, *signed, "-out", self.certificate)
        self.root.chmod(0o644)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Fake:
    """A server on a port of its own; `name` tells it from others in what it says. A context."""

    def __init__(self, address, name, authority):
        self.name, self.asked, self.go = name, [], threading.Event()
        self.go.set()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                fake.note(self, None)
                fake.look(self)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
                fake.note(self, body)
                fake.reply(self, body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
        # The handshake is the business of each connection's own thread.
        listener = self.server.socket
        self.server.socket = authority.context().wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://{address}:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.go.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def hold(self):
        """From now on an answer stops in its middle, until `go` is set."""
        self.go.clear()

    def note(self, handler, body):
        key = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        self.asked.append({"path": handler.path, "key": key, "body": body})

    def messages(self, path):
        return [asked for asked in self.asked if asked["path"].endswith(path) and asked["body"] is not None]

    def look(self, handler):
        if handler.path.startswith("/v1/health"):
            send(handler, {"version": "0.16.8", "status": "ok"})
        elif handler.path.startswith("/v1/agents/?") or handler.path == "/v1/agents/":
            send(handler, [{"id": AGENT, "name": "thoth_research_agent", "model": "some/model"}])
        else:
            send(handler, {"data": []})

    def reply(self, handler, body):
        if handler.path.endswith("/chat/completions"):
            self.complete(handler, body)
        else:
            self.speak(handler, body)

    def complete(self, handler, body):
        """The chat of OpenAI's protocol, whole or in pieces; a sentence that quotes the first passage it was given."""
        passage = re.search(r'<passage number="(\d+)"[^>]*>\n([^"]+?)\n</passage>', body["messages"][-1]["content"])
        quote = " ".join(passage.group(2).split()[:8])
        words = f'Said by {self.name} [{passage.group(1)}: "{quote}"].'
        if not body.get("stream"):
            assert self.go.wait(PATIENCE_S)
            message = {"role": "assistant", "content": words}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            send(handler, {"id": "c", "object": "chat.completion", "model": body["model"], "choices": [choice]})
            return
        pieces = [{"delta": {"content": word + " "}} for word in words.split()]
        pieces.append({"delta": {}, "finish_reason": "stop"})
        shape = {"id": "c", "object": "chat.completion.chunk", "model": body["model"]}
        self.stream(handler, [{**shape, "choices": [{"index": 0, **piece}]} for piece in pieces])

    def speak(self, handler, body):
        """An agent's answer: assistant messages, the reason it stopped, its usage (Letta 0.16)."""
        ending = [
            {"message_type": "stop_reason", "stop_reason": "end_turn"},
            {"message_type": "usage_statistics", "completion_tokens": 2, "prompt_tokens": 1, "total_tokens": 3, "step_count": 1},
        ]
        said = [
            {"message_type": "assistant_message", "id": f"message-{number}", "content": text}
            for number, text in enumerate((f"begun by {self.name}", f"ended by {self.name}"))
        ]
        if body.get("streaming"):
            self.stream(handler, [*said, *ending])
        else:
            send(handler, {"messages": said, "stop_reason": ending[0], "usage": ending[1]})

    def stream(self, handler, pieces):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for number, piece in enumerate([*map(json.dumps, pieces), "[DONE]"]):
            handler.wfile.write(f"data: {piece}\n\n".encode())
            handler.wfile.flush()
            if number == 0:
                assert self.go.wait(PATIENCE_S)


def send(handler, body):
    text = json.dumps(body).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text)
