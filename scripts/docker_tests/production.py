"""Production: `make prod` on a vault, scenarios 1 and 3 of the plan, and the targets that ask the running server."""

import json
import os
import pathlib
import shutil
import subprocess
import time

from stage import APPLIED, IMAGE, NAME, OWNER, REFUSED, settings
from test_tools import ROOT, fails, passed, run, wait_for

PAPER = ROOT / "examples" / "papers" / "okonkwo2024.pdf"
IMAGE_MAX_MB = 40
LIVE_MAX_MS = 2000


def starts(prod):
    prod.up()
    passed("`make prod` serves, and its health check says so", f"image {megabytes():.1f} MB")
    anonymous = prod.server.open("/health")
    assert anonymous.status == 200
    token, prod.server.token = prod.server.token, None
    assert prod.server.ask("/api/v1/settings")[0] in (401, 403), "settings were shown without a token"
    prod.server.token = token
    assert prod.server.model() == "first/model"
    passed("the published port asks for the token, and takes it")


def megabytes(image=IMAGE):
    size = json.loads(run("docker", "image", "inspect", image))[0]["Size"] / 1e6
    # A build for tests is not as small as what users get.
    assert size < IMAGE_MAX_MB or "/debug/" in os.environ.get("THOTH_BINARY", ""), f"the image has {size:.1f} MB"
    return size


def is_confined(prod):
    shape = prod.shape()
    host = shape["HostConfig"]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0 and host["PidsLimit"] == 512, (host["Memory"], host["PidsLimit"])
    assert host["RestartPolicy"]["Name"] == "unless-stopped" and host["LogConfig"]["Config"]["max-size"] == "10m"
    assert shape["Config"]["User"].split(":")[0] == str(OWNER)
    labels = shape["Config"]["Labels"]
    assert labels["org.opencontainers.image.licenses"] == "MIT" and labels["org.opencontainers.image.version"] != "unknown"
    # What the kernel says of the process, beside what Docker says of the container.
    status = pathlib.Path(f"/proc/{shape['State']['Pid']}/status")
    if status.exists():
        facts = dict(line.split(":", 1) for line in status.read_text().splitlines())
        assert facts["CapEff"].strip() == facts["CapBnd"].strip() == "0" * 16, facts["CapEff"]
        assert facts["NoNewPrivs"].strip() == "1"
    passed("it runs as the vault's owner, confined", f"user {shape['Config']['User']}, files {', '.join(files())}")


def files(image=IMAGE):
    """The files of the image itself, without what Docker puts into every container."""
    made = subprocess.run(["docker", "create", image], capture_output=True, text=True, check=True).stdout.strip()
    exported = subprocess.run(["docker", "export", made], capture_output=True, check=True).stdout
    run("docker", "rm", "--volumes", made)
    listed = subprocess.run(["tar", "--list"], input=exported, capture_output=True, check=True).stdout.decode().split()
    names = {name.rstrip("/") for name in listed}
    ours = sorted(name for name in names if name.split("/")[0] not in ("dev", "etc", "proc", "sys", ".dockerenv"))
    assert ours == ["state", "thoth", "tmp"], f"the image has more than it needs: {ours}"
    return ours


def reads_a_paper(prod):
    shutil.copy(PAPER, prod.vault.pdfs / PAPER.name)

    def indexed():
        paper = prod.server.paper(PAPER.name)
        assert not paper or paper["status"] != "failed", paper
        return paper if paper and paper["status"] == "indexed" else None

    paper, took = wait_for("the paper to be indexed", indexed)
    assert paper["title"].startswith("Fading Directions"), paper
    note = prod.vault.folder / paper["note"]
    assert note.is_file(), f"no note at {note}"
    assert note.stat().st_uid == OWNER, "the note is not the vault owner's"
    passed("a paper dropped on the host is read, and its note is the vault owner's", f"{took} ms")
    _, found = prod.server.ask("/api/v1/search?q=dance%20fading&limit=3")
    assert any(hit["paper"] == paper["id"] for hit in found["hits"]), found
    passed("a search finds it")


def scenario_1_a_comment_is_appended(prod):
    """The plan's own words, on the vault's file, by a shell."""
    watch = prod.server.watch()
    assert watch["enabled"] and watch["running"], watch
    before, last = prod.log().count(APPLIED), prod.server.last()
    run("sh", "-c", f"echo '# Test change' >> {prod.vault.file}")
    took = prod.says(APPLIED, before + 1)
    assert took < LIVE_MAX_MS, f"the log said so after {took} ms"
    verdicts = prod.server.verdicts(last)
    assert [verdict["verdict"] for verdict in verdicts] == ["unchanged"], verdicts
    assert prod.server.model() == "first/model"
    passed("scenario 1: a comment appended on the host: the log says so", f"{took} ms")
    prod.vault.save_in_place(settings("second/model"))
    took = prod.server.becomes("second/model")
    assert took < LIVE_MAX_MS, f"it was live after {took} ms"
    passed("scenario 1: another model, saved on the host, is served", f"{took} ms")


def scenario_3_a_broken_file_is_refused(prod):
    """`echo "{ invalid }" > settings.json`, and back by `mv`, as the plan has it."""
    file, backup = prod.vault.file, prod.vault.file.with_suffix(".json.backup")
    shutil.copy2(file, backup)
    os.chown(backup, OWNER, OWNER)
    before, refused = prod.server.settings(), prod.log().count(REFUSED)
    run("sh", "-c", f"echo '{{ invalid }}' > {file}")
    took = prod.says(REFUSED, refused + 1)
    assert prod.server.settings() == before, "a refused file changed what is served"
    assert prod.server.watch()["drift"] is True
    run("make", "health")
    last = prod.server.last()
    backup.rename(file)
    wait_for("the restored file's verdict", lambda: prod.server.verdicts(last))
    assert prod.server.settings() == before and prod.server.watch()["drift"] is False
    passed("scenario 3: an invalid file is refused, what is served stays, the restored one is taken", f"{took} ms")


def targets_ask_the_running_server(prod):
    said = run("make", "status")
    assert NAME in said and "healthy" in said, said
    assert "unchanged" in run("make", "reload-settings")
    assert '"generation"' in run("make", "hot-reload-status")
    prod.vault.save_in_place('{"llm": {"default": {"model": 7}}}')
    wait_for("the refusal", lambda: prod.server.watch()["drift"])
    assert "rejected" in fails("make", "reload-settings"), "a refused file must fail the target"
    prod.vault.save_in_place(settings("second/model"))
    wait_for("the mended file", lambda: not prod.server.watch()["drift"])
    passed("make status, health, reload-settings and hot-reload-status ask the container")
    watch = subprocess.Popen(["make", "watch-settings"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        wait_for("the command in the container", lambda: "watch" in run("docker", "top", NAME))
        prod.vault.save_in_place(settings("watched/model"))
        line = watch.stdout.readline()
        assert "applied" in line and "llm" in line, line
    finally:
        watch.terminate()
        watch.wait(20)
    passed("make watch-settings prints the verdict of a save", line.strip()[:80])


def test_hot_reload_proves_it(prod):
    text = '// kept\n{ # "reload": {},\r\n  "llm": { "default": { "model": "second/model", } }, /* x */\n  "paths": {},\n}\n'
    prod.vault.save_by_rename(text)
    prod.server.becomes("second/model")
    inode = prod.vault.file.stat().st_ino
    said = run("make", "test-hot-reload")
    assert "hot reload works" in said, said
    assert prod.vault.file.read_bytes() == text.encode()
    assert prod.vault.file.stat().st_ino == inode
    passed("make test-hot-reload changes a setting, sees it live, and puts the file back byte for byte")
    prod.vault.save_in_place("{ half")
    wait_for("the refusal", lambda: prod.server.watch()["drift"])
    assert "FAILED" in fails("make", "test-hot-reload")
    assert prod.vault.file.read_text() == "{ half"
    prod.vault.save_in_place(settings("second/model"))
    wait_for("the mended file", lambda: not prod.server.watch()["drift"])
    passed("make test-hot-reload fails on a file that cannot go live, and leaves it as it was")


def keys_come_as_secrets(prod, place):
    key = place / "openrouter.key"
    key.write_text("sk-of-a-secret-file\n", encoding="utf-8")
    os.chown(key, OWNER, OWNER)
    key.chmod(0o400)
    before = prod.server.settings()["apiKeys"]["openrouterKey"]
    assert not before, f"a key is shown where none was given: {before}"
    prod.up("prod-restart", OPENROUTER_API_KEY_FILE=str(key))
    shown = prod.server.settings()["apiKeys"]["openrouterKey"]
    assert shown == "<redacted>", shown
    everything = run("docker", "inspect", NAME) + prod.log() + json.dumps(prod.server.settings())
    assert "sk-of-a-secret-file" not in everything
    passed("a key comes as a Docker secret where its file is named, and shows nowhere")
    prod.up("prod-restart")
    assert not prod.server.settings()["apiKeys"]["openrouterKey"]
    passed("make prod-restart takes the variables of the shell anew")


def hot_reload_off(prod):
    prod.up("prod-restart", THOTH_HOT_RELOAD="0")
    watch = prod.server.watch()
    assert (watch["enabled"], watch["running"], watch["watch"]["mode"]) == (False, False, "off"), watch
    model, last, polls = prod.server.model(), prod.server.last(), watch["watch"]["polls_seen"]
    prod.vault.save_in_place(settings("unseen/model"))
    # Twice the longest time in which a watch would have seen it: there is no event to wait for.
    time.sleep(3)
    assert prod.server.model() == model and not prod.server.verdicts(last), "a watch that is off has read the file"
    assert prod.server.watch()["watch"]["polls_seen"] == polls
    assert prod.health() == "healthy", "a watch that is switched off is not ill"
    assert "applied" in run("make", "reload-settings")
    assert prod.server.model() == "unseen/model"
    assert "switched off" in fails("make", "test-hot-reload")
    prod.up("prod-restart")
    assert prod.server.watch()["running"]
    passed("THOTH_HOT_RELOAD=0 in the container: no watch, healthy, and `make reload-settings` reads the file")


def stops(prod):
    start = time.monotonic()
    run("docker", "stop", "--time", "10", NAME)
    took = time.monotonic() - start
    code = prod.shape()["State"]["ExitCode"]
    assert code == 0, f"it exited with {code}:\n{prod.log()[-2000:]}"
    assert took < 2, f"it took {took:.1f} s to stop"
    passed("SIGTERM ends it in good order", f"{took * 1000:.0f} ms")
    run("make", "prod-stop")
    assert NAME not in run("docker", "ps", "--all", "--format", "{{.Names}}").split()
    assert f"{NAME}_state" in run("docker", "volume", "ls", "--quiet")
    passed("`make prod-stop` removes the container and keeps its state")


def docker_and_a_vault_are_enough(prod):
    """One command, with nothing set but the vault, as a person has it who has only Docker."""
    prod.vault.save_by_rename(settings("alone/model"))
    bare = {"OBSIDIAN_VAULT_PATH": str(prod.vault.folder), "THOTH_UID": str(OWNER), "THOTH_GID": str(OWNER)}
    run("scripts/compose.sh", "up", "--detach", "--wait", env=bare)
    prod.server.token = prod.token()
    assert prod.server.model() == "alone/model", prod.server.model()
    run("scripts/compose.sh", "down", env=bare)
    passed("OBSIDIAN_VAULT_PATH=… docker compose up --detach --wait: it serves")
