"""The commands of docs/docker-hot-reload.md that are for a machine with Docker."""

import os
import sys

from test_tools import ROOT, passed, run


def its_commands_work():
    document = ROOT / "docs" / "docker-hot-reload.md"
    said = run(
        sys.executable, str(ROOT / "scripts" / "document_commands.py"), "--world", "docker",
        "--thoth", os.environ["THOTH_BINARY"], str(document), limit_s=600,
    )
    passed("the commands of the page on changing settings do what it says", said.strip().splitlines()[-1])
