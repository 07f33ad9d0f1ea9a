# SPDX-License-Identifier: AGPL-3.0-or-later
"""One node and its API, on real WireGuard."""
import concurrent.futures
import os
import signal
import time
import uuid

import pytest

from lib.procs import wait_for
from lib.wireguard import Pinger, keypair


def new_id():
    return str(uuid.uuid4())


def client_file(private, answer, node, allowed):
    addresses = ", ".join(answer["addresses"])
    info = node.get("/v1/node").json
    return (f"[Interface]\nPrivateKey = {private}\nAddress = {addresses}\n\n[Peer]\n"
            f"PublicKey = {info['publicKey']}\nEndpoint = {node.host}:{info['listenPort']}\n"
            f"AllowedIPs = {allowed}\nPersistentKeepalive = 25\n")


def test_create_and_revoke_reach_the_device(make_node):
    node = make_node()
    peer, (_, public) = new_id(), keypair()
    created = node.put(peer, public)
    assert created.status == 200 and created.json["addresses"] == ["10.61.0.2/32"]
    assert node.device.peers() == {public: ["10.61.0.2/32"]}
    ended = node.delete(peer)
    assert ended.status == 200 and ended.json["absentFromDevice"] is True
    assert node.device.peers() == {}
    again = node.put(peer, public, generation=3)
    assert again.status == 409 and again.json["code"] == "peer_ended"


def test_a_client_gets_through_as_the_node_and_not_after_revoke(make_node, make_client, wan, tmp_path):
    wan.ip("addr", "add", "192.0.2.9/32", "dev", "lo")
    node = make_node()
    peer, (private, public) = new_id(), keypair()
    created = node.put(peer, public).json
    client = make_client(1, client_file(private, created, node, "192.0.2.9/32"))
    # the host behind sees the node's address: it has no route to the tunnel's
    assert client.ns.run("ping", "-c", "2", "-W", "3", "192.0.2.9").returncode == 0
    ping = Pinger(client.ns, "192.0.2.9", str(tmp_path / "ping.log"))
    wait_for(lambda: len(ping.answers()) > 5)
    asked = time.time()
    assert node.delete(peer).status == 200
    time.sleep(1.5)
    ping.stop()
    assert max(ping.answers().values()) - asked < 1
    assert client.ns.run("ping", "-c", "2", "-W", "1", "192.0.2.9", check=False).returncode != 0


def test_no_packet_is_lost_when_our_processes_die(make_node, make_client, wan, tmp_path):
    wan.ip("addr", "add", "192.0.2.9/32", "dev", "lo")
    node = make_node()
    private, public = keypair()
    created = node.put(new_id(), public).json
    client = make_client(1, client_file(private, created, node, "192.0.2.9/32"))
    ping = Pinger(client.ns, "192.0.2.9", str(tmp_path / "ping.log"), interval=0.02)
    wait_for(lambda: len(ping.answers()) > 5)
    for part in ("gate", "keeper"):
        before = node.pid_of(part)
        node.kill(part)
        wait_for(lambda: node.pid_of(part) not in (None, before))
        wait_for(lambda: node.get("/readyz").status == 200)
    node.stop()
    node.start()
    assert node.device.peers() == {public: created["addresses"]}
    time.sleep(2)
    ping.stop()
    assert len(ping.answers()) > 60 and ping.lost() == 0


def test_simultaneous_creates_never_share_an_address(make_node):
    node = make_node()
    keys = [keypair()[1] for _ in range(64)]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda key: node.put(new_id(), key), keys))
    made = [a.json["addresses"][0] for a in answers if a.status == 200]
    assert len(made) == len(set(made)) == 61
    refused = [a.json["code"] for a in answers if a.status == 409]
    assert refused == ["no_available_ip"] * 3


def test_expiry_is_on_time(make_node):
    node = make_node()
    peer, (_, public) = new_id(), keypair()
    at = time.time() + 2
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e6):06d}Z"
    assert node.put(peer, public, expiresAt=text).status == 200
    assert public in node.device.peers()
    gone = wait_for(lambda: public not in node.device.peers() and time.time(), timeout=5)
    assert 0 <= gone - at < 1
    ended = [row for row in node.get("/v1/peers?after=0").json["data"] if row["id"] == peer]
    assert [row["endReason"] for row in ended] == ["expired"]


def test_a_change_keeps_the_preshared_key(make_node):
    node = make_node()
    peer, (_, public) = new_id(), keypair()
    assert node.put(peer, public, presharedKey=keypair()[0]).json["hasPresharedKey"] is True
    later = node.put(peer, public, generation=2, expiresAt="2099-01-01T00:00:00Z")
    assert later.status == 200 and later.json["hasPresharedKey"] is True
    assert node.put(peer, public, generation=3, presharedKey=None).json["hasPresharedKey"] is False


BAD_REQUESTS = [
    ("PUT", "/v1/peers/%s", "{", 400, "invalid_json"),
    ("PUT", "/v1/peers/%s", {"generation": 1}, 400, "missing_field"),
    ("PUT", "/v1/peers/%s", {"publicKey": "A" * 43 + "=", "generation": 1}, 400, "invalid_key"),
    ("PUT", "/v1/peers/%s", {"publicKey": "short"}, 400, "invalid_field"),
    ("PUT", "/v1/peers/%s", {"colour": 1}, 400, "unknown_field"),
    ("PUT", "/v1/peers/not-a-uuid", {"publicKey": "x"}, 400, None),
    ("PUT", "/v1/peers/%s", "x" * (1024 * 1024), 413, "body_too_large"),
    ("POST", "/peers", {"peerId": "nope"}, 400, "invalid_peer_id"),
    ("POST", "/peers", "[]", 400, "invalid_json"),
    ("GET", "/peers?limit=5000", None, 400, "invalid_pagination"),
]


def test_bad_requests_are_refused_and_change_nothing(make_node):
    node = make_node()
    for method, path, body, status, code in BAD_REQUESTS:
        answer = node.call(method, path % new_id() if "%s" in path else path, body)
        assert (answer.status, answer.json and answer.json["code"]) == (
            status, code or answer.json["code"]), (path, answer.text)
    wrong = node.get("/v1/node", key="x" * 43)
    assert wrong.status == 401
    _, public = keypair()
    assert node.put(new_id(), public).status == 200
    assert node.put(new_id(), public).json["code"] == "key_in_use"
    assert len(node.device.peers()) == 1


BAD_CONFIGS = [
    ("subnets", lambda t: t.replace("subnet:", "subnets:"), "subnet"),
    ("short key", lambda t: t.replace('api_key: "', 'api_key: "short" #'), "api_key"),
    ("malformed subnet", lambda t: t.replace("10.61.0.0/26", "10.61.0/26"), "subnet"),
    ("port", lambda t: t.replace("port: 51821", "port: 70000", 1), "port"),
]


@pytest.mark.parametrize("name,change,word", BAD_CONFIGS, ids=[row[0] for row in BAD_CONFIGS])
def test_bad_configurations_are_named(make_node, name, change, word):
    node = make_node(1, start=False)
    text = open(node.config, encoding="utf-8").read()
    assert node.check(text).returncode == 0
    result = node.check(change(text))
    assert result.returncode != 0 and word in result.stderr, result.stderr
    assert node.key not in result.stderr


def test_an_overlapping_subnet_is_refused_at_start(make_node):
    node = make_node(1, "--subnet", "198.51.0.0/16", start=False)
    node.start(wait=False)
    wait_for(lambda: not node.process.running())
    assert node.process.popen.returncode == 78
    assert "overlaps" in node.process.text() and "wireguard.subnet" in node.process.text()


def test_health_says_what_is(make_node):
    node = make_node()
    argv = node.ns.argv(node.program, "--config", node.config, "--health")
    assert os.spawnvp(os.P_WAIT, argv[0], argv) == 0
    node.process.popen.send_signal(signal.SIGTERM)
    node.process.popen.wait(10)
    assert os.spawnvp(os.P_WAIT, argv[0], argv) != 0
