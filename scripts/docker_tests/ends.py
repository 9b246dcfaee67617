"""Ends that nobody planned: a kill in the middle of a changeover, a PDF in hand, a bad file at the next start."""

import random
import threading
import time

from stage import NAME, settings
from test_tools import ROOT, passed, run, wait_for

KILLS = 5
PAPERS = 60


def starts_again(prod):
    run("docker", "start", NAME)
    wait_for("an answer after the start", lambda: prod.server.ask("/health")[0] in (200, 503))


def killed_in_the_middle(prod):
    """Saves without pause, and a SIGKILL at a random moment: the journal is whole, the last content ends live."""
    last = prod.server.last()
    for kill in range(KILLS):
        stop = threading.Event()

        def save(stop=stop, kill=kill):
            number = 0
            while not stop.is_set():
                prod.vault.save_by_rename(settings(f"killed/{kill}-{number}"))
                number += 1

        saver = threading.Thread(target=save)
        saver.start()
        time.sleep(random.uniform(0.2, 0.8))
        run("docker", "kill", NAME)
        stop.set()
        saver.join()
        prod.vault.save_by_rename(settings(f"survived/{kill}"))
        starts_again(prod)
        prod.server.becomes(f"survived/{kill}")
        watch = prod.server.watch()
        assert watch["history_problem"] is None and not watch["drift"] and not watch["safe_mode"], watch
        ids = [verdict["id"] for verdict in prod.server.verdicts()]
        assert ids == sorted(set(ids)) and ids[-1] > last, ids
        last = ids[-1]
    passed(f"docker kill in the middle of changeovers, {KILLS} times: the journal is whole, the last content is live")


def restarted_with_a_bad_file(prod):
    prod.vault.save_in_place(settings("known/good"))
    prod.server.becomes("known/good")
    run("docker", "stop", "--time", "10", NAME)
    prod.vault.save_in_place('{"llm": {"default": {"model": 7}}}')
    starts_again(prod)
    assert prod.server.model() == "known/good", prod.server.model()
    assert prod.server.watch()["drift"] is True
    prod.says("is refused; the newest settings that were applied are in effect")
    wait_for("a healthy container", lambda: prod.health() == "healthy")
    prod.vault.save_in_place(settings("second/model"))
    prod.server.becomes("second/model")
    passed("restarted with a bad file: the last known good serves, loudly, and the mended file is taken")


def stopped_with_pdfs_in_hand(prod):
    """Ended while it reads; the next start takes up what was left, each PDF once."""
    original = (ROOT / "examples" / "papers" / "okonkwo2024.pdf").read_bytes()
    names = [f"in-hand-{number}.pdf" for number in range(PAPERS)]
    for number, name in enumerate(names):
        # What follows the end of a PDF changes its identity and nothing else.
        (prod.vault.pdfs / name).write_bytes(original + b"%% copy %d\n" % number)
    rests = ("indexed", "skipped", "failed")

    def papers():
        _, body = prod.server.ask("/api/v1/papers?limit=1000")
        rows = [row for row in (body or {}).get("papers", []) if "in-hand" in row["file"]]
        return rows, [row for row in rows if row["status"] in rests]

    wait_for("the reading to begin", lambda: papers()[1])
    start = time.monotonic()
    run("docker", "stop", "--time", "10", NAME)
    took = time.monotonic() - start
    assert prod.shape()["State"]["ExitCode"] == 0 and took < 2.0, f"{took:.1f} s"
    starts_again(prod)
    _, done = papers()
    assert len(done) < PAPERS, "all were read before the stop: nothing was in hand"
    wait_for("every PDF to be at rest", lambda: len(papers()[1]) == PAPERS)
    rows, _ = papers()
    assert sorted(row["file"].rsplit("/", 1)[-1] for row in rows) == sorted(names), "each is taken once"
    assert not [row for row in rows if row["status"] == "failed"], rows
    notes = [row["note"] for row in rows if row.get("note")]
    assert len(notes) == len(set(notes)) and all((prod.vault.folder / note).is_file() for note in notes)
    passed(
        "stopped while it reads PDFs: within two seconds, and the next start takes up what was left",
        f"{took * 1000:.0f} ms, {len(done)} of {PAPERS} were done",
    )
