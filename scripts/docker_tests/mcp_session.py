"""Sessions of MCP by the official Python SDK: the client of `crates/thoth/tests/real`, driven line by line."""

import contextlib
import json
import os
import pathlib
import select
import subprocess

from test_tools import PATIENCE_S, ROOT, skipped

CLIENT = ROOT / "crates" / "thoth" / "tests" / "real" / "mcp_client.py"
# As the SDK negotiates: with a session, and without one.
MODES = ("legacy", "auto")


def sessions(stack, server, what):
    """A client of each mode, which ends with the stack; none, loudly, where there is no SDK."""
    python = pathlib.Path(os.environ.get("MCP_PYTHON", "no Python"))
    if not python.exists():
        skipped(f"{what}: the official Python SDK of MCP is not installed")
        return []
    return [stack.enter_context(session(python, server, mode)) for mode in MODES]


@contextlib.contextmanager
def session(python, server, mode):
    how = json.dumps({"mode": mode, "url": f"{server.base}/mcp", "token": server.token})
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
    with subprocess.Popen([python, CLIENT, how], **pipes) as process:
        try:
            yield Session(process, mode)
            process.stdin.close()
            assert process.wait(PATIENCE_S) == 0, f"the client of MCP ({mode}) ended with {process.returncode}"
        finally:
            process.kill()


class Session:
    """One client, and what it is asked to do."""

    def __init__(self, process, mode):
        self.process, self.mode = process, mode

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words).encode() + b"\n")
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        line = self.process.stdout.readline() if ready else b""
        assert line, f"the client of MCP ({self.mode}) does not answer `{words[0]}`"
        return json.loads(line)

    def tools(self):
        return [tool["name"] for tool in self.ask("tools")["tools"]]

    def call(self, tool, **arguments):
        """What a tool says, as one text."""
        result = self.ask("call", tool, arguments)
        assert "error" not in result and not result.get("isError"), result
        return json.dumps(result)
