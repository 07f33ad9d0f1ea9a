# SPDX-License-Identifier: AGPL-3.0-or-later
"""What strangers may do to a node's API, and for how long. tests/faults/test_crowd.py has many of them."""
import concurrent.futures
import time

import pytest

from lib import netns, tls
from lib.procs import wait_for

WRONG = "x" * 43
PUT = ("PUT /v1/peers/4d2b1c9e-6f6a-4c1e-9b7f-0a1b2c3d4e5f HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n"
       "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n")


@pytest.fixture
def outside(stack, wan):
    """outside(node): a client that can speak from any address of 10.99.0.0/16."""

    def make(node):
        wan.ip("route", "replace", "local", "10.99.0.0/16", "dev", "lo")
        made = tls.Client(wan, node)
        stack.callback(made.close)
        return made

    return make


def established(node, source):
    out = node.ns.run("ss", "-Htn", "state", "established", f"( sport = :{node.port} )").stdout
    return sum(source in line for line in out.splitlines())


def test_wrong_keys_add_up_to_being_refused_and_only_for_who_showed_them(make_node, outside):
    node = make_node()
    client = outside(node)
    answers = [client.visit("/stats", key=WRONG, source="10.99.0.1").get("status") for _ in range(6)]
    # three of 5 s make 15, when they come at once
    assert answers in ([401] * 3 + [None] * 3, [401] * 4 + [None] * 2)
    began = time.monotonic()
    assert "error" in client.visit("/healthz", key=False, source="10.99.0.1")
    # the right key does not help any more: nothing of it is read
    assert "error" in client.visit("/stats", source="10.99.0.1")
    assert client.visit("/stats", source="10.99.0.2")["status"] == 200
    # 15 s have come together, less what has passed
    wait_for(lambda: client.visit("/stats", source="10.99.0.1").get("status") == 200, timeout=25, every=0.5)
    assert 10 < time.monotonic() - began < 22


def test_who_has_shown_a_key_is_never_locked_out(make_node, outside):
    node = make_node()
    client = outside(node)
    assert client.visit("/stats", source="10.99.0.1")["status"] == 200
    assert [client.visit("/stats", key=WRONG, source="10.99.0.1")["status"] for _ in range(20)] == [401] * 20
    assert client.visit("/stats", source="10.99.0.1")["status"] == 200


def test_penalties_and_friends_outlive_the_gate(make_node, outside):
    node = make_node()
    client = outside(node)
    assert client.visit("/stats", source="10.99.0.1")["status"] == 200
    for _ in range(6):
        client.visit("/stats", key=WRONG, source="10.99.0.2")
    # who is there when it dies may be why: 90 s
    assert "error" not in client.open("there", source="10.99.0.3")
    before = node.pid_of("gate")
    node.kill("gate")
    wait_for(lambda: node.pid_of("gate") not in (None, before))
    wait_for(lambda: client.visit("/stats", source="10.99.0.4").get("status") == 200)
    assert [client.visit("/stats", key=WRONG, source="10.99.0.1")["status"] for _ in range(5)] == [401] * 5
    for source in ("10.99.0.2", "10.99.0.3"):
        assert "error" in client.visit("/healthz", key=False, source=source), source


def test_requests_without_a_key_are_limited_as_published_and_others_are_not(make_node, outside):
    node = make_node()
    client = outside(node)
    client.open("kept", source="10.99.0.1")
    answers = [client.ask("kept", "/healthz", key=False) for _ in range(60)]
    limited = [a for a in answers if a["status"] == 429]
    assert {a["status"] for a in answers} == {200, 429} and 10 < len(limited) <= 30
    assert limited[0]["text"] == '{"code":"rate_limited","error":"too many requests"}'
    assert [client.ask("kept", "/stats")["status"] for _ in range(60)] == [200] * 60


def test_strangers_learn_whether_it_is_well_and_nothing_else(make_node, outside):
    node = make_node()
    client = outside(node)
    for path in ("/healthz", "/readyz"):
        assert client.visit(path, key=False, source="10.99.0.1")["text"] == '{"status":"ok"}'
    node.device.stop()
    sick = wait_for(lambda: [a for a in [client.visit("/readyz", key=False, source="10.99.0.2")]
                             if a["status"] == 503])[0]
    assert sick["text"] == '{"status":"unhealthy","reason":"wireguard_unavailable"}'
    for path in ("/stats", "/v1/node", "/peers"):
        answer = client.visit(path, key=False, source="10.99.0.3")
        assert answer["status"] == 401 and node.interface not in str(answer) and "10.61" not in answer["text"]
    node.device.start()


def slow_head(client):
    client.open("slow", source="10.99.0.1")
    client.send("slow", "GET /stats HTTP/1.1\r\nHost: x\r\n")
    assert 4 < client.wait("slow", 15, "X: y\r\n")["closed"] < 7


def slow_second_head(client):
    """Of somebody, even, who has shown the key."""
    client.open("slow", source="10.99.0.2")
    assert client.ask("slow", "/stats")["status"] == 200
    time.sleep(1)
    client.send("slow", "GET /stats HTTP/1.1\r\nHost: x\r\n")
    assert 4 < client.wait("slow", 15, "X: y\r\n")["closed"] < 7


def slow_body(client):
    client.open("slow", source="10.99.0.3")
    client.send("slow", PUT.format(key=client.key, length=4000))
    assert 4.5 < client.wait("slow", 15, " " * 100)["closed"] < 8


def steady_body(client):
    """1 KiB a second is enough, and then it is a request like any other."""
    client.open("steady", source="10.99.0.4")
    client.send("steady", PUT.format(key=client.key, length=9000))
    answer = client.wait("steady", 6.5, " " * 1500)
    assert answer["closed"] is None and "invalid_json" in answer["text"]


def idle_stranger(client):
    client.open("stranger", source="10.99.0.5")
    assert client.ask("stranger", "/healthz", key=False)["status"] == 200
    assert 8 < client.wait("stranger", 15)["closed"] < 12


def idle_friend(client):
    client.open("friend", source="10.99.0.6")
    assert client.ask("friend", "/stats")["status"] == 200
    assert client.wait("friend", 13)["closed"] is None
    assert client.ask("friend", "/stats")["status"] == 200


def test_the_slow_are_cut_off_and_the_steady_are_not(make_node, outside):
    node = make_node()
    cases = [slow_head, slow_second_head, slow_body, steady_body, idle_stranger, idle_friend]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        running = {case.__name__: pool.submit(case, outside(node)) for case in cases}
    failed = {name: repr(run.exception()) for name, run in running.items() if run.exception()}
    assert failed == {}


def test_nothing_of_a_body_is_read_before_the_key(make_node, outside):
    node = make_node()
    client = outside(node)
    client.open("stranger", source="10.99.0.1")
    client.send("stranger", PUT.format(key=WRONG, length=200000))
    answer = client.wait("stranger", 5)
    assert " 401 " in answer["text"] and answer["closed"] < 1


@pytest.mark.parametrize("head,status", [("X-Long: " + "y" * 9000 + "\r\n", (413, 431)),
                                         ("X: y\r\n" * 70, (413, 431)), ("X: " + "y" * 40000 + "\r\n", (413, 431))],
                         ids=["long", "many", "endless"])
def test_heads_have_a_size(make_node, outside, head, status):
    node = make_node()
    client = outside(node)
    client.open("large", source="10.99.0.1")
    client.send("large", f"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n")
    assert int(client.wait("large", 5)["text"].split()[1]) in status


def test_a_slash_64_has_one_share(make_node, stack, wan):
    node = make_node()
    netns.link(node.ns, "wan6", ["fd51::1/64"], wan, "n6", ["fd51::254/64"])
    wan.ip("-6", "route", "replace", "local", "fd99::/32", "dev", "lo")
    wan.run("sysctl", "-qw", "net.ipv6.ip_nonlocal_bind=1")
    node.ns.ip("-6", "route", "replace", "fd99::/32", "via", "fd51::254")
    client = tls.Client(wan, node)
    stack.callback(client.close)
    for n in range(40):
        client.open(f"{n}", host="fd51::1", source=f"fd99::{n + 1:x}")
    assert established(node, "fd99::") == 16
    for n in range(40, 44):
        assert "error" not in client.open(f"{n}", host="fd51::1", source=f"fd99:0:0:{n:x}::1")
    assert established(node, "fd99:") == 20
