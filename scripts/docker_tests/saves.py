"""Every way in which people save, done on the host, seen through the mount."""

import os
import pty
import shutil
import time

from stage import NAME, OWNER, settings
from test_tools import installed, passed, run, wait_for

# A good save may be read when half of it is there; that must never become a verdict.
GOOD = ("applied", "unchanged", "superseded")


def truncate_and_write(file, text):
    file.write_text(text)


def aside_and_rename(file, text):
    aside = file.with_suffix(".aside")
    aside.write_text(text)
    aside.replace(file)


def rename_with_a_backup(file, text):
    file.rename(file.with_suffix(".json~"))
    file.write_text(text)


def delete_and_create(file, text):
    file.unlink()
    file.write_text(text)


def byte_by_byte(file, text):
    with file.open("wb", buffering=0) as opened:
        for byte in text.encode():
            opened.write(bytes([byte]))
            time.sleep(0.002)


def flush_by_halves(file, text):
    with file.open("w") as opened:
        opened.write(text[: len(text) // 2])
        opened.flush()
        time.sleep(0.4)
        opened.write(text[len(text) // 2 :])


def tee_appends(file, text):
    file.write_text("")
    for part in (text[:20], text[20:]):
        run("tee", "-a", file, stdin=part)


def sed_in_place(file, text):
    run("sed", "-i", f's|"model": "[^"]*"|"model": "{model_of(text)}"|', file)


def cp_over(file, text):
    other = file.with_suffix(".other")
    other.write_text(text)
    run("cp", other, file)


def node_writes(file, text, flush=False):
    """What `fs.writeFile` of Node does, call by call: the editors below are programs of Node."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    os.write(opened, text.encode())
    if flush:
        os.fdatasync(opened)
    os.close(opened)


def vs_code(file, text):
    """In place; what was written is flushed before the file is closed."""
    node_writes(file, text, flush=True)


def vs_code_atomic(file, text):
    """Its option for writes that nobody may see in halves."""
    aside = file.with_name(f"{file.name}.vsctmp")
    node_writes(aside, text, flush=True)
    os.rename(aside, file)


def obsidian(file, text):
    """The desktop: on the path itself."""
    node_writes(file, text)


def obsidian_sync(file, text):
    """What arrives from another device: written aside, with the time of that device, then renamed."""
    aside = file.with_name(f".{file.name}.tmp")
    node_writes(aside, text)
    an_hour_ago = time.time() - 3600
    os.utime(aside, (an_hour_ago, an_hour_ago))
    os.rename(aside, file)


def docker_cp(file, text):
    """The engine unpacks it into the mount, as the user that the archive names."""
    other = file.parent / "by-docker.json"
    other.write_text(text)
    run("docker", "cp", other, f"{NAME}:/vault/.thoth/settings.json")


def vim(backup):
    def save(file, text):
        change = f'%s#"model": "[^"]*"#"model": "{model_of(text)}"#'
        run("vim", "-u", "NONE", "-N", "-es", "-c", f"set backup backupcopy={backup}", "-c", change, "-c", "wq", file)

    return save


def emacs(file, text):
    change = f"""(progn (re-search-forward "\\"model\\": \\"[^\\"]*\\"") (replace-match "\\"model\\": \\"{model_of(text)}\\"" t t) (save-buffer))"""
    run("emacs", "-Q", "--batch", file, "--eval", change)


def nano(file, text):
    """By its keys, on a terminal of its own: replace all, write out, leave."""
    keys = [b"\x1c", old_model(file).encode() + b"\r", model_of(text).encode() + b"\r", b"a", b"\x0f", b"\r", b"\x18"]
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe("nano", ["nano", "--ignorercfiles", str(file)], {**os.environ, "TERM": "xterm"})
    for key in keys:
        # It shows its question before it takes the answer.
        time.sleep(0.3)
        os.read(terminal, 65536)
        os.write(terminal, key)
    deadline = time.monotonic() + 20
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline, "nano does not end"
        time.sleep(0.05)
    os.close(terminal)


def model_of(text):
    return text.split('"model": "')[1].split('"')[0]


def old_model(file):
    return model_of(file.read_text())


PLAIN = [
    truncate_and_write, aside_and_rename, rename_with_a_backup, delete_and_create, byte_by_byte, flush_by_halves,
    tee_appends, sed_in_place, cp_over, docker_cp, vs_code, vs_code_atomic, obsidian, obsidian_sync,
]
EDITORS = [("vim", f"vim backupcopy={backup}", vim(backup)) for backup in ("yes", "no", "auto", "auto,breakhardlink")] + [
    ("emacs", "emacs", emacs), ("nano", "nano", nano),
]


def every_save_arrives(prod):
    ways = [(way.__name__.replace("_", " "), way) for way in PLAIN]
    ways += [(name, way) for program, name, way in EDITORS if installed(program, f"a save by {name}")]
    slowest = (0, "")
    for number, (name, way) in enumerate(ways):
        model = f"saved/{number}"
        last = prod.server.last()
        way(prod.vault.file, settings(model))
        took = prod.server.becomes(model, limit_s=10)
        # Said a moment after the switch, when every follower has followed.
        said = lambda since=last: [verdict["verdict"] for verdict in prod.server.verdicts(since)]
        wait_for(f"the verdict of {name}", lambda: "applied" in said())
        assert all(verdict in GOOD for verdict in said()), f"{name}: {said()}"
        slowest = max(slowest, (took, name))
    assert slowest[0] < 2000, slowest
    passed(f"{len(ways)} ways to save on the host, each live, none refused on the way", f"slowest {slowest[1]}, {slowest[0]} ms")


def a_config_map_is_swapped(prod):
    """What a kubelet does: `..data` leads to a folder; another folder, another link, one rename."""
    folder, file = prod.vault.file.parent, prod.vault.file
    for number in range(2):
        dated = folder / f"..2026_{number}"
        dated.mkdir()
        (dated / "settings.json").write_text(settings(f"swapped/{number}"))
        link = folder / "..data_tmp"
        link.symlink_to(dated.name)
        link.rename(folder / "..data")
        if not file.is_symlink():
            file.unlink()
            file.symlink_to("..data/settings.json")
        took = prod.server.becomes(f"swapped/{number}", limit_s=10)
        assert took < 2000, took
    file.unlink()
    prod.vault.save_by_rename(settings("second/model"))
    prod.server.becomes("second/model")
    for left in (folder / "..data", folder / "..2026_0", folder / "..2026_1"):
        left.unlink() if left.is_symlink() else shutil.rmtree(left)
    passed("a ConfigMap's `..data` is swapped, and is live", f"{took} ms")


def the_folder_is_replaced(prod):
    """Somebody restores the whole folder from elsewhere: another inode of the same name."""
    folder = prod.vault.file.parent
    other = folder.with_name(".thoth-restored")
    shutil.copytree(folder, other)
    (other / "settings.json").write_text(settings("restored/model"))
    run("chown", "-R", f"{OWNER}:{OWNER}", other, check=False)
    folder.rename(folder.with_name(".thoth-before"))
    other.rename(folder)
    took = prod.server.becomes("restored/model", limit_s=10)
    shutil.rmtree(folder.with_name(".thoth-before"))
    prod.vault.save_by_rename(settings("second/model"))
    prod.server.becomes("second/model")
    passed("the settings' folder is replaced, and the watch follows", f"{took} ms")
