"""Mounts that are not as they should be, and what Thoth says of them."""

import os
import pathlib
import re
import shutil
import sqlite3

from stage import NAME, OWNER, Lone, Vault, settings
from test_tools import ROOT, fails, installed, passed, run, skipped, wait_for

PAPERS = ROOT / "examples" / "papers"


def a_file_mounted_alone(place):
    """The host renames a new file over it; the container keeps the old one, and says so."""
    vault = Vault(place / "alone")
    target = "/vault/.thoth/settings.json"
    with Lone("alone", None, "--volume", f"{vault.file}:{target}", "--tmpfs", "/vault:mode=1777") as container:
        container.serves()
        vault.save_in_place(settings("in/place"))
        container.server.becomes("in/place")
        vault.save_by_rename(settings("renamed/model"))
        finding, took = wait_for("the finding", lambda: container.server.watch()["watch"]["finding"], limit_s=15)
        assert target in finding and "mount" in finding and "/vault/.thoth" in finding, finding
        assert container.server.model() == "in/place"
        assert finding in fails("docker", "exec", container.name, "/thoth", "health")
        assert finding in container.log()
    passed("a file mounted alone and replaced outside: recognised, and explained", f"{took} ms: {finding}")


def without_events(place):
    """A file system that hides who changed what: FUSE over the folder that is written to behind its back."""
    if not installed("bindfs", "a file system without events"):
        return
    vault, seen = Vault(place / "behind"), place / "seen"
    seen.mkdir()
    try:
        run("bindfs", "-o", "allow_other,attr_timeout=0,entry_timeout=0", vault.folder, seen)
    except AssertionError as refusal:
        skipped(f"a file system without events: FUSE is not permitted here: {refusal}")
        return
    try:
        with Lone("behind", seen) as container:
            container.serves()
            for number, save in enumerate((vault.save_in_place, vault.save_by_rename)):
                before = container.server.watch()["watch"]["events_seen"]
                save(settings(f"behind/{number}"))
                took = container.server.becomes(f"behind/{number}")
                assert took < 2500, took
                assert container.server.watch()["watch"]["events_seen"] == before, "it has events"
    finally:
        run("umount", "--lazy", seen)
    passed("a file system without events: the poll finds each save", f"{took} ms")


def a_vault_that_may_only_be_read(place):
    """One that was in use: what is known is found, what comes new cannot have its note, and the settings follow."""
    vault, state = Vault(place / "read-only"), f"{NAME}-read-only"
    put(PAPERS / "okonkwo2024.pdf", vault)
    try:
        with Lone("writable", vault.folder, state=state) as container:
            container.serves()
            wait_for("the paper", lambda: (container.server.paper("okonkwo2024.pdf") or {}).get("status") == "indexed")
        with Lone("read-only", None, "--volume", f"{vault.folder}:/vault:ro", state=state) as container:
            container.serves()
            _, found = container.server.ask("/api/v1/search?q=dance%20fading")
            assert found["hits"], found
            vault.save_by_rename(settings("read/only"))
            container.server.becomes("read/only")
            name = put(sorted(PAPERS.glob("*.pdf"))[0], vault)
            failed = lambda: (container.server.paper(name) or {}).get("status") == "failed"
            wait_for("the words for a note that cannot be written", failed)
            reason = container.server.paper(name)["reason"]
            assert "could not be written" in reason and "ead-only" in reason, reason
    finally:
        run("docker", "volume", "rm", "--force", state, check=False)
    passed("a read-only vault: search and settings work, and a note that cannot be written is said", reason[-90:])


def put(paper, vault):
    """Copies a paper into the vault, as its owner."""
    to = vault.pdfs / paper.name
    shutil.copy(paper, to)
    os.chown(to, OWNER, OWNER)
    return paper.name


def somebody_elses_vault(place):
    """Owned by another user: folders cannot be made, and a file of that user's alone cannot be read."""
    vault = Vault(place / "foreign")
    vault.folder.chmod(0o755)
    with Lone("foreign", vault.folder, user=OWNER + 1) as container:
        said = in_safe_mode(container, "cannot be written to: Permission denied")
        (vault.folder / "thoth").chmod(0o777)
        vault.file.touch()
        container.server.becomes("first/model")
    passed("a vault of somebody else: safe mode, in words, until it is permitted", said)
    vault.file.chmod(0o600)
    with Lone("closed", vault.folder, user=OWNER + 1) as container:
        said = in_safe_mode(container, "cannot be opened: Permission denied")
        vault.file.chmod(0o644)
        container.server.becomes("first/model")
    passed("a settings file that may not be read: safe mode, in words, until it may", said)


def in_safe_mode(container, words):
    """Waits for safe mode; the line of the log that says why, and the command line's judgement."""
    wait_for("safe mode", lambda: container.server.ask("/health")[0] == 503)
    wait_for(f"`{words}` in the log", lambda: words in container.log())
    assert "safe mode" in fails("docker", "exec", container.name, "/thoth", "health")
    line = next(line for line in container.log().splitlines() if words in line)
    return re.sub(r"\x1b\[[0-9;]*m", "", line)[35:200]


def a_state_of_a_newer_version(place):
    vault, state = Vault(place / "newer"), f"{NAME}-newer"
    try:
        with Lone("first", vault.folder, state=state) as container:
            container.serves()
            run("docker", "stop", container.name)
        database = sqlite3.connect(state_folder(state) / "thoth.db")
        with database:
            database.execute("PRAGMA user_version = 9999")
        database.close()
        with Lone("older", vault.folder, state=state) as container:
            wait_for("its end", lambda: container.shape()["State"]["Status"] in ("exited", "restarting"))
            assert container.shape()["State"]["ExitCode"] != 0
            log = container.log()
            assert "newer" in log, log
    finally:
        run("docker", "volume", "rm", "--force", state, check=False)
    passed("a state volume of a newer version is refused in words", log.strip().splitlines()[-1][:140])


def state_folder(volume):
    """Where the engine keeps a volume, as this machine sees it."""
    return pathlib.Path(run("docker", "volume", "inspect", "--format", "{{.Mountpoint}}", volume).strip())


def any_user(place):
    """No user of the image's, no entry in any list: the folder of state is writable for whoever it is."""
    vault = Vault(place / "any")
    for user in (0, 1, 65_534, 1_234_567) if os.getuid() == 0 else (os.getuid(),):
        os.chown(vault.folder, user, user)
        run("chown", "-R", f"{user}:{user}", vault.folder)
        with Lone(f"user-{user}", vault.folder, user=user) as container:
            container.serves()
    passed("it runs as any user", "0, 1, 65534, 1234567" if os.getuid() == 0 else str(os.getuid()))


def a_vault_that_is_not_there():
    """Compose must not make an empty folder, owned by root, where a path was misspelt."""
    said = fails("make", "prod", env={"VAULT": "/nowhere/vault"})
    assert "/nowhere/vault" in said and "not a folder" in said, said
    said = fails("scripts/compose.sh", "up", "--detach", "--no-build", env={"OBSIDIAN_VAULT_PATH": "/nowhere/vault"})
    assert not pathlib.Path("/nowhere").exists() and "/nowhere/vault" in said, said
    passed("a vault that is not there is said, not made")
