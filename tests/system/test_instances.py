# SPDX-License-Identifier: AGPL-3.0-or-later
"""Several Consoles on one database: one works it, the others stand by."""
import os
import signal
import sqlite3
import time

import pytest

from lib.console import Console
from lib.procs import wait_for
from test_console import add_node, add_person, issue


pytestmark = pytest.mark.engines("sqlite", "postgres")


@pytest.fixture
def twin(stack, console, tmp_path):
    """twin(): another Console on the same database, not started."""

    def make():
        made = Console(console.ns, str(tmp_path / "twin"), console.database, port=8081)
        made.first_password, made.password, made.secret = console.first_password, console.password, console.secret
        stack.callback(made.stop)
        return made

    return make


def ready(console):
    return console.api().get("/readyz")


def test_two_started_together_make_one_database_and_one_works(console, twin, database):
    console.stop()
    other = twin()
    other.database = console.database = database.fresh()
    for each in (console, other):
        each.spawn()
    apis = [each.api() for each in (console, other)]
    wait_for(lambda: all(api.get("/healthz").status == 200 for api in apis))
    answers = [api.get("/readyz") for api in apis]
    assert sorted(answer.status for answer in answers) == [200, 503], [a.text for a in answers]
    idle = [answer for answer in answers if answer.status == 503][0]
    assert idle.json["code"] == "standby" and "Retry-After" in idle.headers
    works, waits = sorted((console, other), key=lambda each: ready(each).status)
    refused = waits.api().post("/session", {"username": "admin", "password": "x"})
    assert refused.status == 503 and refused.json["code"] == "standby"
    assert waits.api().call("GET", "/people").json["code"] == "standby"
    api = works.admin()
    add_person(api)
    log = [row["action"] for row in api.get("/audit?limit=100").json["data"]]
    assert log.count("log.start") == 1 and log.count("operator.create") == 1


def test_another_takes_over_at_once_when_the_one_that_works_dies(console, twin, make_node):
    api, node = console.admin(), make_node(1)
    de1, ada = add_node(api, node, "de-1"), add_person(api)
    answer, _, public = issue(api, ada, de1)
    assert answer.status == 201, answer.text
    other = twin()
    other.spawn()
    wait_for(lambda: ready(other).json and ready(other).json.get("code") == "standby")
    epoch = int(console.database.sql("SELECT lease_epoch FROM nodes"))
    console.kill()
    began = time.monotonic()
    wait_for(lambda: ready(other).status == 200)
    assert time.monotonic() - began < 5
    assert int(console.database.sql("SELECT lease_epoch FROM nodes")) == epoch + 1
    api = other.admin()
    assert api.post(f"/peers/{answer.json['peer']['id']}/revoke").json["access"] == "revoked"
    assert public not in node.device.peers()


def test_a_clean_stop_hands_over(console, twin):
    other = twin()
    other.spawn()
    wait_for(lambda: ready(other).json and ready(other).json.get("code") == "standby")
    assert console.database.sql("SELECT count(*) FROM instances") == "2"
    console.stop()
    wait_for(lambda: ready(other).status == 200, timeout=5)
    assert console.database.sql("SELECT count(*) FROM instances") == "1"


def test_another_version_changes_no_tables_of_one_that_works(console, twin):
    last = console.database.sql("SELECT max(number) FROM schema_migrations")
    console.database.sql(f"DELETE FROM schema_migrations WHERE number = {last}")
    process = twin().spawn()
    wait_for(lambda: not process.running())
    assert process.popen.returncode == 75 and "older version works" in process.text().splitlines()[-1]
    assert console.database.sql("SELECT max(number) FROM schema_migrations") != last
    assert ready(console).status == 200


def stop_between_writes(console):
    """A file's lock that a stopped process holds is held for good: nobody could take over from it."""
    while True:
        os.kill(console.process.pid, signal.SIGSTOP)
        try:
            console.database.sql("UPDATE leases SET epoch = epoch")
            return
        except sqlite3.OperationalError:
            os.kill(console.process.pid, signal.SIGCONT)
            time.sleep(0.1)


@pytest.mark.long
def test_one_that_was_stopped_writes_nothing_after_it_has_lost_its_lease(console, twin, make_node):
    api, node = console.admin(), make_node(1)
    add_node(api, node, "de-1")
    other = twin()
    other.spawn()
    wait_for(lambda: ready(other).json and ready(other).json.get("code") == "standby")
    stop_between_writes(console)
    wait_for(lambda: ready(other).status == 200, timeout=40)
    fresh = other.admin()
    epoch = console.database.sql("SELECT lease_epoch FROM nodes")
    for number in range(3):
        add_person(fresh, f"Person {number}")
    os.kill(console.process.pid, signal.SIGCONT)
    late = [api.post("/people", {"name": "Late", "kind": "staff"}) for _ in range(20)]
    assert {answer.json["code"] for answer in late} <= {"standby", "lease_lost"}, [a.text for a in late]
    wait_for(lambda: ready(console).json.get("code") == "standby")
    assert "another instance has taken over" in console.process.text()
    assert fresh.get("/people").json["total"] == 3
    time.sleep(3)  # no flapping
    assert ready(other).status == 200 and console.database.sql("SELECT lease_epoch FROM nodes") == epoch
