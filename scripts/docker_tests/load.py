"""Changeovers under load, through the published port: every answer 200, and of one generation."""

import http.client
import json
import threading
import time

from stage import settings
from test_tools import passed, wait_for

CHANGEOVERS = 1000
CLIENTS = 4


def pair(number):
    """Model and temperature always change together."""
    return settings(f"m-{number}", llm={"default": {"temperature": number / 1000}})


class Clients:
    """Threads that ask without pause, half of them on kept connections. What was wrong is kept, in words."""

    def __init__(self, prod):
        self.prod, self.stop, self.wrong, self.answers = prod, threading.Event(), [], 0
        self.threads = [threading.Thread(target=self.ask, args=(number % 2 == 0,)) for number in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def ask(self, keep):
        headers = {"Authorization": f"Bearer {self.prod.server.token}", "Connection": "keep-alive" if keep else "close"}
        connection = None
        while not self.stop.is_set():
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.prod.port, timeout=20)
                connection.request("GET", "/api/v1/settings", headers=headers)
                answer = connection.getresponse()
                body = json.loads(answer.read())
                default = body["settings"]["llm"]["default"]
                whole = default["model"] == f"m-{round(default['temperature'] * 1000)}"
                if answer.status != 200 or not whole:
                    self.wrong.append(f"{answer.status} {default}")
                self.answers += 1
                if answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException, ValueError, KeyError) as lost:
                self.wrong.append(f"lost: {lost!r}")
                connection = None


def changeovers_under_load(prod):
    prod.vault.save_by_rename(pair(0))
    prod.server.becomes("m-0")
    last, start = prod.server.last(), time.monotonic()
    with Clients(prod) as clients:
        for number in range(1, CHANGEOVERS + 1):
            save = prod.vault.save_in_place if number % 10 == 0 else prod.vault.save_by_rename
            save(pair(number))
            wait_for(f"m-{number}", lambda wanted=f"m-{number}": prod.server.model() == wanted, 20)
    took = time.monotonic() - start
    assert not clients.wrong, f"{len(clients.wrong)} of {clients.answers}: {clients.wrong[:3]}"
    made = prod.server.last() - last
    assert made >= CHANGEOVERS, f"{made} verdicts for {CHANGEOVERS} saves"
    passed(
        f"{CHANGEOVERS} changeovers under load through the published port: none lost, wrong or mixed",
        f"{clients.answers} answers in {took:.0f} s",
    )
    prod.vault.save_by_rename(settings("second/model"))
    prod.server.becomes("second/model")
