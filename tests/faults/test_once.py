# SPDX-License-Identifier: AGPL-3.0-or-later
"""kill -9 of the Console within a request that has an Idempotency-Key: sent again it is done, once."""
import collections
import subprocess
import uuid

from lib.procs import wait_for
from test_operators import make_token

CALLS = "pwrite64,fdatasync"


class Requests:
    """The same request again and again, each with a name and key of its own."""

    def __init__(self, console):
        self.console, self.asked, self.replayed = console, [], 0
        _, self.program = make_token(console, console.admin(), "operator")
        self.program.get("/me")  # notes the token's use: there is nothing more to note for a minute

    def send(self, name, key):
        return self.program.post("/people", {"name": name, "kind": "staff"}, headers={"Idempotency-Key": key})

    def once(self, number, meanwhile=lambda: None):
        """Sends one while the Console is killed as a thread enters its `number`th write of the database, then
        sends it again. False: there were not that many."""
        name, key = f"Person {number}", str(uuid.uuid4())
        self.asked.append(name)
        died = self.killed_at(number, lambda: self.send(name, key).status == 0)
        if died:
            meanwhile()
            self.console.start()
        again = self.send(name, key)
        assert again.status == 201, again.text
        self.replayed += died and again.headers.get("Idempotency-Replayed") == "true"
        return died

    def killed_at(self, number, call):
        pid = self.console.process.pid
        tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", f"trace={CALLS}",
                                   "-e", f"inject={CALLS}:signal=KILL:when={number}"])
        wait_for(lambda: "TracerPid:\t0\n" not in open(f"/proc/{pid}/status", encoding="ascii").read())
        died = call()
        if died:
            wait_for(lambda: not self.console.process.running())
        tracer.terminate()
        tracer.wait(10)
        return died

    def faults(self):
        made = collections.Counter(self.console.database.sql("SELECT name FROM people").split("\n"))
        return [f"{name}: {made[name]} times" for name in self.asked if made[name] != 1]


def test_the_harness_sees_a_record_that_is_not_the_changes_own(console):
    requests = Requests(console)
    # as if the record were written behind the change, and not with it
    for number in range(1, 60):
        if not requests.once(number, lambda: console.database.sql("DELETE FROM idempotency")) or requests.faults():
            break
    assert any("2 times" in fault for fault in requests.faults()), requests.asked


def test_killed_at_every_write_a_request_is_done_once(console):
    requests, number = Requests(console), 1
    while requests.once(number):
        number += 1
        assert number < 60
    assert requests.faults() == []
    assert number > 4 and requests.replayed > 0, (number, requests.replayed)
