"""From nothing to a server in one command, as a person has it who has only Docker, the sources and a vault: the image is
compiled inside of Docker. Its binary is what every other part runs."""

import os
import pathlib
import re
import shutil
import subprocess
import time

from production import files, megabytes
from stage import NAME, Container, Server, Vault, own, settings
from test_tools import ROOT, fails, free_port, passed, run

# As the README has it, in a folder with the sources.
COMMAND = 'OBSIDIAN_VAULT_PATH="$1" docker compose up --detach --wait'
# Whom compose takes for the owner of a vault of which nothing is said.
OWNER = 1000 if os.getuid() == 0 else os.getuid()
COMPILING_S = 2700


def one_command_from_nothing(place):
    """Compiles; the path of the binary."""
    if "THOTH_RUST_IMAGE" in os.environ:
        stand_in(pathlib.Path(os.environ["THOTH_RUST_IMAGE"]))
    sources, vault, name, port = place / "sources", Vault(place / "from-nothing"), f"{NAME}-source", free_port()
    copy_sources(sources)
    own(vault.folder, OWNER)
    image = f"{name}:test"
    # Names that meet nobody's; whoever follows the README sets none of them.
    names = {"THOTH_IMAGE": image, "THOTH_CONTAINER": name, "THOTH_PORT": str(port), "COMPOSE_PROJECT_NAME": name}
    if OWNER != 1000:
        names |= {"THOTH_UID": str(OWNER), "THOTH_GID": str(OWNER)}
    fails("docker", "image", "inspect", image)
    start = time.monotonic()
    try:
        run("sh", "-c", COMMAND, "sh", vault.folder, limit_s=COMPILING_S, env=names, cwd=sources)
        took = time.monotonic() - start
        container = Container(name)
        server = Server(port, container.token())
        assert container.health() == "healthy" and server.model() == "first/model"
        size, inside = megabytes(image), files(image)
        passed(
            "from nothing: `OBSIDIAN_VAULT_PATH=… docker compose up --detach --wait` compiles the image and serves",
            f"{took:.0f} s, image {size:.1f} MB, files {', '.join(inside)}",
        )
        vault.save_by_rename(settings("from/nothing"))
        took = server.becomes("from/nothing")
        assert took < 2000, took
        passed("a save on the host is live in the container that was compiled there", f"{took} ms")
        binary = place / "thoth"
        run("docker", "cp", f"{name}:/thoth", binary)
        return binary
    finally:
        run("docker", "compose", "down", "--volumes", check=False, env={**names, "OBSIDIAN_VAULT_PATH": "/"}, cwd=sources)
        run("docker", "image", "rm", "--force", image, check=False)


def stand_in(system):
    """Gives these files the name of the image that the Dockerfile compiles in, which cannot be pulled here."""
    name = re.search(r"^ARG RUST_IMAGE=(\S+)$", (ROOT / "docker" / "Dockerfile").read_text(), re.MULTILINE).group(1)
    variables = ("PATH=/opt/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin", "CARGO_HOME=/opt/cargo", "CARGO_NET_OFFLINE=true")
    changes = [word for variable in variables for word in ("--change", f"ENV {variable}")]
    archive = subprocess.Popen(["tar", "--directory", system, "--create", "."], stdout=subprocess.PIPE)
    subprocess.run(["docker", "import", *changes, "-", name], stdin=archive.stdout, check=True, capture_output=True)
    archive.stdout.close()
    assert archive.wait() == 0, "the files of the system could not be read"


def copy_sources(to):
    """What a clone would have, as it is here now."""
    for name in run("git", "ls-files", "-z").split("\0"):
        if name and (ROOT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
