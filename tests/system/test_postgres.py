# SPDX-License-Identifier: AGPL-3.0-or-later
"""What only a database on the network can do to a Console: break off, go away, keep its secrets badly."""
import os
import signal
import subprocess
import threading
import time

import pytest

from lib import pg, pgproxy
from lib.procs import wait_for
from test_console import add_person

pytestmark = pytest.mark.engines("postgres")
WRITER = b"pg_advisory_xact_lock"


@pytest.fixture
def server(stack):
    """One that tests may do what they like to."""
    return stack.enter_context(pg.cluster())


@pytest.fixture
def proxy(stack, postgres):
    made = pgproxy.Proxy(postgres)
    stack.callback(made.stop)
    return made


@pytest.fixture
def database(request):
    """The server's own, or with a proxy before it."""
    if "server" in request.fixturenames:
        return request.getfixturevalue("server").database()
    made = request.getfixturevalue("postgres").database()
    if "proxy" in request.fixturenames:
        made.url = made.server.url(made.name, socket=request.getfixturevalue("proxy").folder)
    return made


def names(api):
    return [row["name"] for row in api.get("/people?limit=100").json["data"]]


def audited(api):
    return len(api.get("/audit?limit=100&action=person.create").json["data"])


def started(console, **env):
    """The Console's process with this environment, serving or ended."""
    before = console.process.text() if console.process else open(os.path.join(console.folder, "console.log")).read()
    process = console.spawn(**env)
    wait_for(lambda: process.text().count('"serving"') > before.count('"serving"') or not process.running())
    return process


def begins(message):
    return message[:1] == b"Q" and WRITER in message


class Writer:
    """Adds people for as long as it is let; knows what was answered."""

    def __init__(self, console):
        self.api, self.acknowledged, self.tried = console.admin(), [], []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        while not self.stopping.is_set():
            self.tried.append(f"Person {len(self.tried)}")
            if self.api.post("/people", {"name": self.tried[-1], "kind": "staff"}).status == 201:
                self.acknowledged.append(self.tried[-1])

    def more(self, n=20):
        there = len(self.acknowledged)
        wait_for(lambda: len(self.acknowledged) >= there + n, timeout=30)

    def stop(self):
        self.stopping.set()
        self.thread.join(30)

    def check(self, database):
        """All that was answered is there, nothing twice, each with its entry, without a gap."""
        there = database.sql("SELECT name FROM people").splitlines()
        assert set(self.acknowledged) <= set(there) <= set(self.tried)
        assert len(there) == len(set(there))
        created = "SELECT count(*) FROM audit_entries WHERE person_id IS NOT NULL"
        assert int(database.sql(created)) == len(there)
        count, last = database.sql("SELECT count(*), max(seq) FROM audit_entries").split("|")
        assert count == last == database.sql("SELECT seq FROM audit_head")


def test_a_commit_whose_answer_is_lost_is_an_unknown_outcome(console, proxy):
    api = console.admin()
    for before, kept in ((False, 1), (True, 0)):
        name = f"Person {before}"
        cut = proxy.arm(pgproxy.Cut(lambda message: message[:1] == b"Q" and b"COMMIT" in message, before=before))
        answer = api.post("/people", {"name": name, "kind": "staff"})
        assert cut.done and answer.status == 500 and answer.json["code"] == "outcome_unknown", answer.text
        assert "look, then try again" in answer.json["detail"]
        wait_for(lambda: api.get("/people").status == 200)
        assert names(api).count(name) == kept
    assert audited(api) == 1


def test_a_connection_cut_at_any_message_leaves_all_or_nothing(console, proxy):
    """Every message of the transaction in turn, before it reaches the server and after."""
    api, made, unknown, at = console.admin(), [], [], 0
    add_person(api, "Warm")  # statements are prepared with it
    while True:
        outcomes = []
        for before in (True, False):
            name = f"Person {at} {before}"
            cut = proxy.arm(pgproxy.Cut(begins, at, before))
            answer = api.post("/people", {"name": name, "kind": "staff"})
            outcomes.append(answer.status)
            if not cut.done:
                assert answer.status == 201, answer.text
                proxy.arm(None)
            if answer.status == 201:
                made.append(name)
            elif answer.json["code"] == "outcome_unknown":
                unknown.append(name)
            else:
                assert answer.json["code"] == "store_unavailable", answer.text
        at += 1
        if outcomes == [201, 201] and not cut.done:
            break
        assert at < 60
    there = names(api)
    assert set(made) <= set(there) <= {*made, *unknown, "Warm"}
    assert at > 5 and unknown and audited(api) == len(there) == len(set(there))


def test_a_database_that_goes_away_and_comes_back(console, server, stack):
    api, writer = console.admin(), Writer(console)
    stack.callback(writer.stop)
    for how in (signal.SIGINT, signal.SIGQUIT):
        writer.more()
        server.stop(how)
        wait_for(lambda: api.get("/readyz").status == 503)
        assert api.get("/healthz").status == 200
        away = api.get("/people")
        assert away.status == 503 and away.json["code"] == "store_unavailable", away.text
        assert server.socket not in away.text + api.get("/readyz").text
        wait_for(lambda: server.socket in console.process.text())  # the log says what the answers do not
        server.start()
        wait_for(lambda: api.get("/readyz").status == 200)
        writer.more()
    writer.stop()
    writer.check(console.database)


@pytest.mark.long
def test_a_database_that_hangs_takes_no_request_for_ever(console, server):
    """Stopped processes take what is sent, and say nothing."""
    api, pids = console.admin(), [server.process.pid, *server.backends()]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        assert api.get("/healthz").status == 200
        answer = api.get("/people", timeout=100)
        assert answer.status == 503 and answer.json["code"] == "store_unavailable", answer.text
        assert api.get("/healthz").status == 200
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: api.get("/people").status == 200)


def test_a_password_is_nowhere_to_be_seen(console, postgres):
    postgres.sql("CREATE ROLE secretive LOGIN PASSWORD 'hunter2-%/@'; GRANT ALL ON DATABASE "
                 f'"{console.database.name}" TO secretive; GRANT pg_read_all_data TO secretive')
    console.stop()
    database = postgres.database()
    database.sql("GRANT ALL ON SCHEMA public TO secretive")
    password = "hunter2-%25%2F%40"
    right = postgres.url(database.name, user=f"secretive:{password}")
    process = started(console, DATABASE_URL=right)
    assert process.running(), process.text()
    cmdline = open(f"/proc/{process.pid}/cmdline", encoding="utf-8").read()
    console.stop()
    wrong = postgres.url(database.name, user=f"secretive:{password}x")
    for url in (wrong, right.replace("%2F%40", "/@"), right.replace("%25", "%")):
        process = started(console, DATABASE_URL=url)
        assert process.popen.poll() == (75 if url == wrong else 78)
    text = process.text()
    assert "password authentication failed" in text and "DATABASE_URL" in text
    assert "hunter2" not in text + cmdline and "hunter2" not in open(postgres.log, encoding="utf-8").read()


def test_a_secret_file_may_hold_the_url(console, tmp_path):
    console.stop()
    path = tmp_path / "database-url"
    path.write_text(console.database.url + "\n")
    process = started(console, DATABASE_URL="", DATABASE_URL_FILE=str(path))
    assert process.running(), process.text()


def test_a_server_that_may_lose_changes_is_warned_of(console, server, postgres):
    assert "not as safe" not in console.process.text()
    console.stop()
    process = started(console, DATABASE_URL=postgres.database().url)  # it runs with fsync=off
    assert "fsync=off" in process.text() and "not as safe" in process.text()


def make_certificate(key, cert):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True, timeout=20)


def test_tls_is_as_the_url_asks(console, stack, tmp_path):
    """verify-full: the right certificate is believed, another one is not."""
    console.stop()
    key, cert = tmp_path / "server.key", tmp_path / "server.crt"
    make_certificate(key, cert)
    made = pg.Cluster(listen_addresses="*", ssl="on")
    stack.callback(made.remove)
    made.install(key, "server.key")
    made.install(cert, "server.crt")
    made.start(*console.ns.argv())
    made.database()
    url = "postgres://postgres@localhost/test1?sslmode=verify-full&sslrootcert="
    process = started(console, DATABASE_URL=url + str(cert))
    assert process.running(), process.text()
    assert made.sql("SELECT bool_and(ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
                    "WHERE a.application_name = 'wgkeeper'") == "t"
    console.stop()
    assert "encrypted" not in process.text() and "checked" not in process.text()
    for mode, advice in (("require", "certificate is not checked"), ("disable", "not encrypted")):
        process = started(console, DATABASE_URL=f"postgres://postgres@198.18.0.1/test1?sslmode={mode}")
        assert process.running() and advice in process.text(), process.text()
        console.stop()
    other = tmp_path / "other.crt"
    make_certificate(tmp_path / "other.key", other)
    process = started(console, DATABASE_URL=url + str(other))
    assert process.popen.poll() == 75 and "certificate" in process.text().splitlines()[-1]


@pytest.mark.long
def test_failover_loses_nothing_that_was_answered(console, stack):
    """kill -9 of the primary under load; its standby is synchronous, and becomes the primary."""
    console.stop()
    pair = stack.enter_context(pg.pair())
    console.database = pair
    api, writer = console.start().api(), Writer(console)
    stack.callback(writer.stop)
    for _ in range(int(os.environ.get("WGKEEPER_FAILOVERS", "5"))):
        writer.more()
        began = time.monotonic()
        pair.fail_over()
        wait_for(lambda: api.get("/readyz").status == 200, timeout=30)
        writer.more(1)
        assert time.monotonic() - began < 30
        pair.restore()
    writer.stop()
    writer.check(pair)
