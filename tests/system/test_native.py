# SPDX-License-Identifier: AGPL-3.0-or-later
"""The native surface beyond single peers: batches, drift, keys of the API, audit checkpoints."""
import hashlib
import json
import os
import secrets
import signal
import sqlite3
import subprocess
import time

import pytest

from lib.auditlog import Log, b64
from lib.netns import sh
from lib.procs import wait_for
from lib.wireguard import Pinger, keypair
from test_node import client_file, new_id


def public_key():
    """As good as any for a peer that nobody connects as; `wg genkey` takes a process each."""
    raw = bytearray(os.urandom(32))
    raw[31] &= 0x7F
    return b64(bytes(raw))


def url(key):
    return key.replace("+", "-").replace("/", "_").rstrip("=")


def refused(answer, status, code, field=None):
    assert (answer.status, answer.json["code"]) == (status, code), answer.text
    if field:
        assert answer.json["field"] == field, answer.text
    return answer.json


def put_op(peer, key, generation=1, **more):
    return {"op": "put", "id": peer, "peer": {"publicKey": key, "generation": generation, **more}}


def delete_op(peer, generation=2):
    return {"op": "delete", "id": peer, "generation": generation}


def batch(node, operations, **kwargs):
    return node.post("/v1/batch", {"operations": operations}, **kwargs)


def statuses(answer):
    assert answer.status == 200, answer.text
    return [result["status"] for result in answer.json["results"]]


#
# Batches
#


def test_a_thousand_peers_come_and_go_in_one_commit_each(make_node):
    node = make_node(1, "--subnet", "10.61.0.0/20")
    peers = {new_id(): public_key() for _ in range(1000)}
    before = node.get("/v1/node").json["revision"]
    puts = [put_op(peer, key) for peer, key in peers.items()]
    made = batch(node, puts)
    assert statuses(made) == [200] * 1000
    # one revision a peer, in their order, and nothing in between
    assert [r["peer"]["revision"] for r in made.json["results"]] == list(range(before + 1, before + 1001))
    assert [r["peer"]["id"] for r in made.json["results"]] == list(peers)
    assert set(node.device.peers()) == set(peers.values())
    addresses = [r["peer"]["addresses"][0] for r in made.json["results"]]
    assert len(set(addresses)) == 1000
    # the same again is the same again
    again = batch(node, puts)
    assert [r["peer"] for r in again.json["results"]] == [r["peer"] for r in made.json["results"]]
    assert again.json["revision"] == made.json["revision"]
    ended = batch(node, [delete_op(peer) for peer in peers])
    assert statuses(ended) == [200] * 1000
    assert all(r["deleted"]["absentFromDevice"] for r in ended.json["results"])
    assert node.device.peers() == {}


def test_a_refused_element_does_not_keep_the_others(make_node):
    node = make_node()
    good, bad, key = [new_id() for _ in range(4)], new_id(), public_key()
    answer = batch(node, [
        put_op(good[0], key),
        put_op(bad, key),                                   # another's key
        put_op(bad, "A" * 43 + "="),                        # zero
        put_op("00000000-0000-1000-8000-000000000000", public_key()),
        put_op(good[1], public_key(), addresses=["10.61.0.2"]),  # taken a moment ago
        put_op(good[2], public_key(), expiresAt="2020-01-01T00:00:00Z"),
        {"op": "put", "id": bad},
        {"op": "delete", "id": bad, "peer": {"publicKey": key}},
        put_op(good[3], public_key(), label="the last one"),
        delete_op(good[0], generation=0),                   # behind generation 1
        delete_op(new_id()),                                # never was
    ])
    codes = [r.get("problem", {}).get("code") for r in answer.json["results"]]
    assert codes == [None, "key_in_use", "invalid_key", "invalid_peer_id", "address_in_use",
                     "invalid_expires_at", "missing_field", "invalid_field", None,
                     "generation_went_back", None]
    for result in answer.json["results"]:
        if "problem" in result:
            assert result["problem"]["status"] == result["status"] and result["problem"]["requestId"]
    assert len(node.device.peers()) == 2
    assert node.get(f"/v1/peers/{good[3]}").json["label"] == "the last one"


def test_elements_are_done_in_order(make_node):
    node = make_node()
    peer, first, second = new_id(), public_key(), public_key()
    answer = batch(node, [put_op(peer, first), put_op(peer, second, 2), delete_op(peer, 3),
                          put_op(peer, public_key(), 4)])
    assert statuses(answer) == [200, 200, 200, 409]
    results = answer.json["results"]
    assert [r["peer"]["publicKey"] for r in results[:2]] == [first, second]
    assert results[3]["problem"]["code"] == "peer_ended"
    assert node.device.peers() == {}
    assert batch(node, []).json["results"] == []


BAD_BATCHES = [
    ("no JSON", "{", 400, "invalid_json", None),
    ("no operations", {}, 400, "missing_field", "operations"),
    ("unknown member", {"operations": [], "colour": 1}, 400, "unknown_field", "colour"),
    ("unknown member of an element", {"operations": [{"op": "put", "id": "x", "colour": 1}]}, 400, None, None),
    ("unknown member of a peer", {"operations": [put_op("%s", "%k", colour=1)]}, 400, "unknown_field",
     "operations[0].peer.colour"),
    ("no such operation", {"operations": [{"op": "explode", "id": "%s"}]}, 400, "invalid_field",
     "operations[0].op"),
    ("not a key", {"operations": [put_op("%s", "short")]}, 400, "invalid_field",
     "operations[0].peer.publicKey"),
    ("too many", {"operations": [delete_op("%s")] * 1001}, 400, "invalid_field", "operations"),
    ("too large", "x" * (1024 * 1024 + 1), 413, "body_too_large", None),
]


def test_bad_batches_are_refused_whole(make_node):
    node = make_node()
    good = put_op(new_id(), public_key())
    for name, body, status, code, field in BAD_BATCHES:
        text = body if isinstance(body, str) else json.dumps(body)
        text = text.replace("%s", new_id()).replace("%k", public_key())
        if isinstance(body, dict) and body.get("operations") and code != "invalid_field":
            # what is good stands before what is not, and is not done either
            text = text.replace('"operations": [', '"operations": [' + json.dumps(good) + ", ")
            field = field and field.replace("[0]", "[1]")
        answer = node.call("POST", "/v1/batch", text)
        assert answer.status == status, (name, answer.text)
        assert code in (None, answer.json["code"]), (name, answer.text)
        assert field in (None, answer.json["field"]), (name, answer.text)
    assert node.get("/v1/node").json["revision"] == 1  # the enrolment key's
    assert node.device.peers() == {}


def killed_at(node, part, call, when, log="/dev/null"):
    """SIGKILL for a process of the node when it is about to make its n-th call of this kind."""
    pid = node.pid_of(part)
    trace = subprocess.Popen(["strace", "-qq", "-p", str(pid), "-e", f"trace={call}", "-o", log,
                              "-e", f"inject={call}:signal=KILL:when={when}"], stderr=subprocess.DEVNULL)
    wait_for(lambda: "TracerPid:\t0" not in open(f"/proc/{pid}/status", encoding="ascii").read())
    return trace


def test_a_gate_that_dies_half_way_leaves_nothing(make_node, tmp_path):
    node = make_node(1, "--subnet", "10.61.0.0/20", start=False)
    # without TLS sendmsg() is only what goes to the keeper: four pieces for a thousand peers
    node.edit(lambda text: text.replace("server:\n", "server:\n  tls: off\n"))
    node.scheme = "http"
    node.start()
    operations = [put_op(new_id(), public_key()) for _ in range(1000)]
    gate = node.pid_of("gate")
    trace = killed_at(node, "gate", "sendmsg", 3, str(tmp_path / "trace"))
    assert batch(node, operations).status == 0
    trace.wait(10)
    assert (tmp_path / "trace").read_text().count("sendmsg(") == 3
    wait_for(lambda: node.pid_of("gate") not in (None, gate))
    wait_for(lambda: node.get("/readyz").status == 200)
    # a change behind it: nothing of the batch comes along
    assert node.put(new_id(), public_key()).status == 200
    assert node.get("/v1/node").json["peers"] == 1 and len(node.device.peers()) == 1
    assert statuses(batch(node, operations)) == [200] * 1000


def test_a_batch_is_whole_or_not_at_all_when_the_keeper_dies(make_node):
    """Killed at one of the writes to the store that a batch makes, or at the end of all."""
    node = make_node(1, "--subnet", "10.61.0.0/20")
    operations = [put_op(new_id(), public_key()) for _ in range(1000)]
    writes = 0
    for call, when in (("pwrite64", 1), ("pwrite64", 30), ("pwrite64", 90), ("pwrite64", 170), ("fdatasync", 1),
                       ("fdatasync", 2)):
        count = node.get("/v1/node").json["peers"]
        trace = killed_at(node, "keeper", call, when)
        answer = batch(node, operations)
        trace.terminate()
        trace.wait(10)
        wait_for(lambda: node.get("/readyz").status == 200, timeout=20)
        left = node.get("/v1/node").json["peers"]
        assert left in (count, 1000), (call, when, left)
        assert answer.status != 200 or left == 1000
        writes += answer.status != 200
    assert writes >= 3  # of the kills that hit
    assert statuses(batch(node, operations)) == [200] * 1000
    assert len(node.device.peers()) == 1000


#
# Drift
#


def by_hand(node, key, *settings, preshared=None):
    argv = ["wg", "set", node.interface, "peer", key]
    if preshared is not None:
        path = os.path.join(node.folder, "psk")
        with open(path, "w", encoding="ascii") as out:
            out.write(preshared)
        argv += ["preshared-key", path]
    sh(*argv, *settings)


def preshared_of(node, key):
    out = sh("wg", "show", node.interface, "preshared-keys").stdout
    return dict(line.split("\t") for line in out.splitlines())[key]


def drift(node, query=""):
    answer = node.get("/v1/drift" + query)
    assert answer.status == 200, answer.text
    return answer.json


def act(node, key, action, **more):
    return node.post(f"/v1/drift/{url(key)}", {"action": action, **more})


def test_an_unmanaged_peer_is_listed_and_adopted_without_a_lost_packet(
        make_node, make_client, wan, tmp_path):
    wan.ip("addr", "add", "192.0.2.9/32", "dev", "lo")
    node = make_node()
    (private, public), preshared = keypair(), keypair()[0]
    by_hand(node, public, "allowed-ips", "10.61.0.40/32", "persistent-keepalive", "21", preshared=preshared)
    text = client_file(private, {"addresses": ["10.61.0.40/32"]}, node, "192.0.2.9/32")
    text = text.replace("Endpoint", f"PresharedKey = {preshared}\nEndpoint")
    client = make_client(1, text)
    ping = Pinger(client.ns, "192.0.2.9", str(tmp_path / "ping.log"), interval=0.02)
    wait_for(lambda: len(ping.answers()) > 5)
    listed = node.get("/v1/drift")
    assert preshared not in listed.text
    entry, = listed.json["data"]
    assert entry["endpoint"].startswith("203.0.1.2:") and entry["lastHandshakeAt"]
    assert {k: entry[k] for k in ("publicKey", "kind", "allowedIPs", "allowedIPsTotal", "hasPresharedKey",
                                  "persistentKeepalive", "peerId", "state", "differs", "label")} == {
        "publicKey": public, "kind": "unmanaged", "allowedIPs": ["10.61.0.40/32"], "allowedIPsTotal": 1,
        "hasPresharedKey": True, "persistentKeepalive": 21, "peerId": None, "state": None, "differs": [],
        "label": None}
    assert node.get("/v1/node").json["drift"]["unmanaged"] == 1
    peer = new_id()
    adopted = act(node, public, "adopt", id=peer, label="found here", generation=3)
    assert adopted.status == 200, adopted.text
    assert preshared not in adopted.text
    made = adopted.json["peer"]
    assert (made["id"], made["addresses"], made["persistentKeepalive"], made["generation"], made["label"],
            made["hasPresharedKey"]) == (peer, ["10.61.0.40/32"], 21, 3, "found here", True)
    # the same again has the same answer; another id has not
    assert act(node, public, "adopt", id=peer).json["peer"] == made
    refused(act(node, public, "adopt", id=new_id()), 409, "key_in_use", "id")
    assert drift(node)["total"] == 0
    # it is as ours as any: the store brings it back, to the byte
    node.stop()
    by_hand(node, public, preshared=keypair()[0])
    node.start()
    assert preshared_of(node, public) == preshared
    time.sleep(0.5)
    ping.stop()
    assert len(ping.answers()) > 25 and ping.lost() == 0
    assert node.delete(peer, generation=4).json["absentFromDevice"] is True
    refused(act(node, public, "adopt"), 404, "drift_not_found")


def test_nobody_is_given_the_address_of_an_unmanaged_peer(make_node):
    node = make_node()
    strangers = {public_key(): f"10.61.0.{host}/32" for host in (2, 3, 5)}
    for key, address in strangers.items():
        by_hand(node, key, "allowed-ips", address)
    assert drift(node)["total"] == 3
    given = [node.put(new_id(), public_key()).json["addresses"][0] for _ in range(3)]
    assert given == ["10.61.0.4/32", "10.61.0.6/32", "10.61.0.7/32"]
    assert node.get("/v1/node").json["pools"][0]["foreign"] == 3
    refused(node.put(new_id(), public_key(), addresses=["10.61.0.2"]), 409, "address_in_use", "addresses")
    # nor after a restart, when the store knows nothing of them
    node.restart()
    assert node.put(new_id(), public_key()).json["addresses"] == ["10.61.0.8/32"]
    device = node.device.peers()
    assert all(device[key] == [address] for key, address in strangers.items())


def test_an_altered_peer_is_restored_or_taken_as_it_is(make_node):
    node = make_node()
    peer, key, preshared, other = new_id(), public_key(), keypair()[0], keypair()[0]
    node.put(peer, key, presharedKey=preshared, persistentKeepalive=11)
    by_hand(node, key, "persistent-keepalive", "33", "allowed-ips", "10.61.0.50/32", preshared=other)
    entry, = drift(node)["data"]
    assert (entry["kind"], entry["peerId"], entry["state"], entry["addresses"]) == (
        "altered", peer, "live", ["10.61.0.2/32"])
    assert entry["differs"] == ["allowedIPs", "presharedKey", "persistentKeepalive"]
    refused(act(node, key, "remove"), 409, "wrong_drift_action", "action")
    refused(act(node, key, "adopt", generation=0), 409, "generation_went_back", "generation")
    restored = act(node, key, "restore")
    assert restored.status == 200 and restored.json["peer"]["addresses"] == ["10.61.0.2/32"]
    assert node.device.peers() == {key: ["10.61.0.2/32"]} and preshared_of(node, key) == preshared
    assert drift(node)["total"] == 0
    by_hand(node, key, "persistent-keepalive", "33", "allowed-ips", "10.61.0.50/32", preshared=other)
    before = node.get(f"/v1/peers/{peer}").json
    adopted = act(node, key, "adopt", generation=2).json["peer"]
    assert (adopted["addresses"], adopted["persistentKeepalive"], adopted["generation"]) == (
        ["10.61.0.50/32"], 33, 2)
    assert adopted["createdAt"] == before["createdAt"] and adopted["revision"] > before["revision"]
    assert drift(node)["total"] == 0
    # the address it had before rests, the one it has now is nobody else's; over a restart too
    refused(node.put(new_id(), public_key(), addresses=["10.61.0.50"]), 409, "address_in_use")
    node.restart()
    assert drift(node)["total"] == 0 and preshared_of(node, key) == other
    assert node.put(new_id(), public_key(), addresses=["10.61.0.2"]).status == 200


def test_what_cannot_be_a_peer_is_not_adopted(make_node):
    node = make_node()
    taken = node.put(new_id(), public_key()).json["addresses"][0]
    rows = [
        (["10.99.0.1/32"], "not_adoptable"),        # outside
        (["10.61.0.32/28"], "not_adoptable"),       # a network
        (["10.61.0.40/32", "10.61.0.41/32"], "not_adoptable"),
        (["10.61.0.1/32"], "not_adoptable"),        # the server's
        (["fd00::5/128"], "not_adoptable"),         # a family the node has not
        ([], "not_adoptable"),
        (["0.0.0.0/0"], "not_adoptable"),
    ]
    revision = node.get("/v1/node").json["revision"]
    for allowed, code in rows:
        key = public_key()
        by_hand(node, key, "allowed-ips", ",".join(allowed))
        refused(act(node, key, "adopt"), 409, code, "allowedIPs")
        assert key in node.device.peers()
        removed = act(node, key, "remove")
        assert removed.status == 200 and removed.json["absentFromDevice"] and removed.json["peer"] is None
        assert key not in node.device.peers()
        assert act(node, key, "remove").status == 200
    altered = new_id(), public_key()
    node.put(*altered)
    by_hand(node, altered[1], "allowed-ips", f"10.61.0.9/32,{taken}")
    refused(act(node, altered[1], "adopt"), 409, "not_adoptable", "allowedIPs")
    assert node.get("/v1/node").json["revision"] == revision + 1


def test_missing_suspended_and_ended_peers(make_node):
    node = make_node()
    missing, suspended, ended = [(new_id(), public_key()) for _ in range(3)]
    for peer in (missing, suspended, ended):
        node.put(*peer)
    node.put(*suspended, generation=2, suspended=True)
    node.delete(ended[0])
    sh("wg", "set", node.interface, "peer", missing[1], "remove")
    by_hand(node, suspended[1], "allowed-ips", "10.61.0.60/32")
    by_hand(node, ended[1], "allowed-ips", "10.61.0.61/32")
    found = {e["publicKey"]: (e["kind"], e["state"], e["peerId"], e["differs"]) for e in drift(node)["data"]}
    assert found == {missing[1]: ("missing", "live", missing[0], []),
                     suspended[1]: ("altered", "suspended", suspended[0], ["present"]),
                     ended[1]: ("unmanaged", "ended", ended[0], [])}
    assert node.get("/v1/node").json["drift"] == {
        "unmanaged": 1, "altered": 1, "missing": 1, "offered": 0}
    for key, action, status, code in (
            (missing[1], "adopt", 409, "wrong_drift_action"), (missing[1], "remove", 409, "wrong_drift_action"),
            (suspended[1], "adopt", 409, "wrong_drift_action"), (ended[1], "adopt", 409, "key_in_use"),
            (ended[1], "restore", 409, "wrong_drift_action"), (public_key(), "restore", 404, "drift_not_found"),
            (public_key(), "adopt", 404, "drift_not_found")):
        refused(act(node, key, action), status, code)
    assert act(node, missing[1], "restore").json["peer"]["state"] == "live"
    gone = act(node, suspended[1], "restore").json
    assert gone["absentFromDevice"] and gone["confirmedAt"] and gone["peer"]["state"] == "suspended"
    assert act(node, ended[1], "remove").json["absentFromDevice"] is True
    assert set(node.device.peers()) == {missing[1]}
    assert drift(node)["total"] == 0


def test_drift_comes_in_pages(make_node):
    node = make_node(1, "--subnet", "10.61.0.0/20")
    keys = sorted((public_key() for _ in range(150)), key=lambda k: __import__("base64").b64decode(k))
    lines = "".join(f"[Peer]\nPublicKey = {key}\nAllowedIPs = 10.61.9.{i}/32\n" for i, key in enumerate(keys))
    path = os.path.join(node.folder, "add.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write(lines)
    sh("wg", "addconf", node.interface, path)
    seen, after = [], ""
    while True:
        page = drift(node, f"?limit=40{after}")
        assert page["total"] == 150
        seen += [entry["publicKey"] for entry in page["data"]]
        if not page["more"]:
            break
        assert len(page["data"]) == 40
        after = f"&after={url(seen[-1])}"
    assert seen == keys
    assert drift(node)["more"] is False and len(drift(node)["data"]) == 150


def test_bad_decisions_change_nothing(make_node):
    node = make_node()
    key = public_key()
    by_hand(node, key, "allowed-ips", "10.61.0.9/32")
    path = f"/v1/drift/{url(key)}"
    rows = [
        (path, {}, 400, "missing_field", "action"),
        (path, {"action": "explode"}, 400, "invalid_field", "action"),
        (path, {"action": "adopt", "id": "nope"}, 400, "invalid_field", "id"),
        (path, {"action": "adopt", "id": "00000000-0000-1000-8000-000000000000"}, 400, "invalid_peer_id", "id"),
        (path, {"action": "adopt", "label": "x" * 65}, 400, "invalid_field", "label"),
        (path, {"action": "adopt", "label": "a\nb"}, 400, "invalid_field", "label"),
        (path, {"action": "adopt", "generation": -1}, 400, "invalid_field", "generation"),
        (path, {"action": "adopt", "expiresAt": "2020-01-01T00:00:00Z"}, 400, "invalid_expires_at", "expiresAt"),
        (path, {"action": "remove", "label": "x"}, 400, "invalid_field", "label"),
        (path, {"action": "adopt", "publicKey": key}, 400, "unknown_field", "publicKey"),
        ("/v1/drift/short", {"action": "adopt"}, 400, "invalid_key", "publicKey"),
    ]
    revision = node.get("/v1/node").json["revision"]
    for where, body, status, code, field in rows:
        refused(node.post(where, body), status, code, field)
    refused(node.get("/v1/drift?limit=0"), 400, "invalid_field", "limit")
    refused(node.get("/v1/drift?after=x"), 400, "invalid_key", "after")
    assert node.get("/v1/node").json["revision"] == revision and key in node.device.peers()
    taken = new_id()
    node.put(taken, public_key())
    refused(act(node, key, "adopt", id=taken), 409, "already_exists", "id")
    node.delete(taken)
    refused(act(node, key, "adopt", id=taken), 409, "peer_ended")


#
# Counters
#


def test_counters_never_fall_while_the_node_runs(make_node, make_client, wan):
    wan.ip("addr", "add", "192.0.2.9/32", "dev", "lo")
    node = make_node()
    peer, (private, public) = new_id(), keypair()
    created = node.put(peer, public).json
    client = make_client(1, client_file(private, created, node, "192.0.2.9/32"))

    def traffic():
        def one():
            row = node.get(f"/v1/peers/{peer}").json
            return row["receiveBytes"], row["transmitBytes"]
        assert client.ns.run("ping", "-c", "3", "-i", "0.2", "-W", "8", "192.0.2.9", timeout=60).returncode == 0
        time.sleep(1.1)  # a reading is fresh for a second
        return one()

    first = traffic()
    assert min(first) > 300
    cursor = node.get("/v1/counters").json["cursor"]
    node.device.stop()  # the interface goes, and comes back empty: its counters begin again
    node.device.start()
    wait_for(lambda: public in node.device.peers(), timeout=20)
    wait_for(lambda: node.get("/readyz").status == 200)
    rows = node.get("/v1/counters").json["data"]
    assert [r["receiveBytes"] >= first[0] and r["transmitBytes"] >= first[1] for r in rows] == [True]
    node.put(peer, public, generation=2, suspended=True)
    node.put(peer, public, generation=3)
    assert node.get(f"/v1/peers/{peer}").json["receiveBytes"] >= first[0]
    # a cursor of before a restart does not hide what moved since
    node.kill("keeper")
    wait_for(lambda: node.get("/readyz").status == 200)
    time.sleep(0.2)
    later = node.get(f"/v1/counters?after={cursor}").json
    assert later["cursor"] > cursor
    refused(node.get("/v1/counters?limit=5"), 400, "unknown_field", "limit")


#
# Keys of the API
#


def sha256(key):
    return hashlib.sha256(key.encode()).hexdigest()


def keys(node, **kwargs):
    return {row["id"]: row for row in node.get("/v1/apikeys", **kwargs).json["data"]}


def test_a_key_follows_another_without_a_gap(make_node):
    node = make_node()
    old, new = node.key, secrets.token_urlsafe(32)
    first, = keys(node).values()
    assert (first["id"], first["origin"], first["state"], first["current"]) == (1, "file", "live", True)
    refused(node.call("DELETE", "/v1/apikeys/1"), 409, "last_api_key")
    added = node.post("/v1/apikeys", {"sha256": sha256(new)})
    assert added.status == 200 and new not in added.text and sha256(new) not in added.text
    number = added.json["apiKey"]["id"]
    assert node.post("/v1/apikeys", {"sha256": sha256(new)}).json["apiKey"]["id"] == number
    refused(node.post("/v1/apikeys", {"sha256": sha256(new), "source": "10.0.0.0/8"}), 409, "already_exists")
    refused(node.post("/v1/apikeys", {"sha256": sha256(secrets.token_urlsafe(32))}), 409, "too_many_api_keys")
    # the old one cannot go before the new one has been seen to work
    refused(node.call("DELETE", "/v1/apikeys/1"), 409, "api_key_unused")
    assert node.get("/v1/node", key=new).status == 200
    assert keys(node)[number]["lastUsedFrom"] == "198.51.1.1"
    ended = node.call("DELETE", "/v1/apikeys/1", key=new)
    assert ended.status == 200 and ended.json["apiKey"]["state"] == "retired"
    again = node.call("DELETE", "/v1/apikeys/1", key=new)
    assert again.json == ended.json
    assert node.get("/v1/node", key=old).status == 401
    assert "auth.api_key is retired; remove it" in node.log()
    refused(node.call("DELETE", f"/v1/apikeys/{number}", key=new), 409, "last_api_key")
    refused(node.post("/v1/apikeys", {"sha256": sha256(old)}, key=new), 409, "api_key_retired")
    refused(node.call("DELETE", "/v1/apikeys/99", key=new), 404, "api_key_not_found")
    # retired is retired, though the file still has it; and without it the file is fine
    node.key = new
    node.restart()
    assert node.log().count("auth.api_key is retired; remove it") == 2
    assert node.get("/v1/node", key=old).status == 401
    assert keys(node)[number]["lastUsedAt"] is not None
    node.edit(lambda text: text.replace(f'  api_key: "{old}"\n', "  {}\n"))
    assert node.check().returncode == 0
    node.restart()
    assert node.get("/v1/node").status == 200


def test_a_key_that_turns_out_wrong_can_go_again(make_node):
    node = make_node()
    number = node.post("/v1/apikeys", {"sha256": sha256("lost before it was ever used, alas")}).json["apiKey"]["id"]
    assert node.call("DELETE", f"/v1/apikeys/{number}").json["apiKey"]["state"] == "retired"
    new = secrets.token_urlsafe(32)
    assert node.post("/v1/apikeys", {"sha256": sha256(new)}).status == 200


def test_another_key_in_the_file_takes_the_former_ones_place(make_node):
    node = make_node()
    old, new, api = node.key, secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    node.post("/v1/apikeys", {"sha256": sha256(api)})
    assert node.get("/v1/node", key=api).status == 200
    node.edit(lambda text: text.replace(old, new))
    node.key = new
    node.restart()
    assert node.get("/v1/node", key=old).status == 401
    assert node.get("/v1/node", key=api).status == 200
    assert [row["origin"] for row in keys(node).values() if row["state"] == "live"] == ["file", "api"]
    # back to the former one: it stays retired, and nobody is locked out
    node.edit(lambda text: text.replace(new, old))
    node.restart()
    assert node.get("/v1/node", key=old).status == 401 and node.get("/v1/node", key=new).status == 200
    # with two of the API in force the one that was used last stays
    node.call("DELETE", f"/v1/apikeys/{[n for n, r in keys(node).items() if r['current']][0]}", key=api)
    second = secrets.token_urlsafe(32)
    assert node.post("/v1/apikeys", {"sha256": sha256(second)}, key=api).status == 200
    assert node.get("/v1/node", key=second).status == 200
    third = secrets.token_urlsafe(32)
    node.edit(lambda text: text.replace(old, third))
    node.key = third
    node.restart()
    assert [node.get("/v1/node", key=key).status for key in (api, second, third)] == [401, 200, 200]


def test_a_key_has_its_time_and_its_place(make_node):
    node = make_node()
    away, short = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    number = node.post("/v1/apikeys", {"sha256": sha256(away), "source": "203.0.113.7/24"}).json["apiKey"]
    assert number["source"] == "203.0.113.0/24"
    assert node.get("/v1/node", key=away).status == 401
    assert "an API key was used from an address it is not for" in node.log()
    refused(node.call("DELETE", "/v1/apikeys/1"), 409, "api_key_unused")
    node.call("DELETE", f"/v1/apikeys/{number['id']}")
    at = time.time() + 2
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1e6):06d}Z"
    added = node.post("/v1/apikeys", {"sha256": sha256(short), "expiresAt": text}).json["apiKey"]
    assert node.get("/v1/node", key=short).status == 200
    peer, key = new_id(), public_key()
    assert node.call("PUT", f"/v1/peers/{peer}", {"publicKey": key}, key=short).json["changedByKey"] == added["id"]
    wait_for(lambda: node.get("/v1/node", key=short).status == 401)
    assert time.time() - at < 1
    assert keys(node)[added["id"]]["state"] == "expired"
    # its place is free again, and what it did is still known
    assert node.post("/v1/apikeys", {"sha256": sha256(secrets.token_urlsafe(32))}).status == 200
    assert keys(node)[added["id"]]["state"] == "retired"
    row = [row for row in node.get("/v1/peers").json["data"] if row["id"] == peer][0]
    assert (row["changedByKey"], row["changedFrom"]) == (added["id"], "198.51.1.1")
    assert node.call("DELETE", f"/peers/{peer}").status == 200
    row = [row for row in node.get("/v1/peers").json["data"] if row["id"] == peer][0]
    assert (row["state"], row["changedByKey"]) == ("ended", 1)


def test_bad_keys_are_refused(make_node):
    node = make_node()
    good = sha256(secrets.token_urlsafe(32))
    rows = [
        ({}, 400, "missing_field", "sha256"),
        ({"sha256": good[:-1]}, 400, "invalid_field", "sha256"),
        ({"sha256": "g" + good[1:]}, 400, "invalid_field", "sha256"),
        ({"sha256": good, "expiresAt": "2020-01-01T00:00:00Z"}, 400, "invalid_expires_at", "expiresAt"),
        ({"sha256": good, "expiresAt": "soon"}, 400, "invalid_field", "expiresAt"),
        ({"sha256": good, "source": "10.0.0.0/33"}, 400, "invalid_field", "source"),
        ({"sha256": good, "key": "x"}, 400, "unknown_field", "key"),
    ]
    for body, status, code, field in rows:
        refused(node.post("/v1/apikeys", body), status, code, field)
    refused(node.call("DELETE", "/v1/apikeys/first"), 404, "api_key_not_found")
    assert len(keys(node)) == 1


#
# Audit checkpoints
#


def hand_over(node, body):
    return node.call("PUT", "/v1/checkpoint", body)


def held(node):
    return node.get("/v1/node").json["checkpoint"]


def test_checkpoints_are_held_and_only_grow(make_node):
    node, log = make_node(), Log("audit.example/1").add(5)
    assert held(node) is None and node.get("/v1/checkpoint").json["logs"] == []
    refused(hand_over(node, log.put()), 400, "missing_field", "logKey")
    first = hand_over(node, log.put(logKey=log.key.vkey))
    assert first.status == 200, first.text
    assert first.json["held"]["size"] == 5 and first.json["held"]["checkpoint"] == log.checkpoint()
    # the same again changes nothing
    assert hand_over(node, log.put()).json == first.json
    for old, new in ((5, 6), (6, 7), (7, 8), (8, 100), (100, 257), (257, 1000)):
        log.add(new - old)
        answer = hand_over(node, log.put(old))
        assert answer.status == 200 and answer.json["held"]["size"] == new, answer.text
    node.restart()
    now = held(node)
    assert (now["size"], now["origin"], now["rootHash"], now["forked"]) == (
        1000, "audit.example/1", b64(log.mth(0, 1000)), False)
    only, = node.get("/v1/checkpoint").json["logs"]
    assert only["logKey"] == log.key.vkey
    assert [c["size"] for c in only["checkpoints"]] == [1000]  # one a day


def test_what_contradicts_is_refused_and_kept(make_node):
    node, log = make_node(), Log("audit.example/1").add(20)
    assert hand_over(node, log.put(logKey=log.key.vkey)).status == 200
    log.add(10)
    assert refused(hand_over(node, log.put(10)), 409, "checkpoint_old_size", "oldSize")["detail"].count("20")
    bad = log.put(20)
    bad["proof"][0] = b64(bytes(32))
    refused(hand_over(node, bad), 409, "checkpoint_forked", "proof")
    refused(hand_over(node, {**log.put(20), "proof": []}), 409, "checkpoint_forked", "proof")
    # another history: no proof leads there, and of the same size it proves itself
    other = Log("audit.example/1").add(19).add(11, forged=True)
    other.key = log.key
    refused(hand_over(node, other.put(20)), 409, "checkpoint_forked", "proof")
    assert held(node)["size"] == 20 and held(node)["forked"] is False
    assert hand_over(node, log.put(20)).status == 200
    refused(hand_over(node, log.put(0, 12)), 409, "checkpoint_went_back", "checkpoint")
    refused(hand_over(node, other.put(20)), 409, "checkpoint_forked", "checkpoint")
    assert "the audit log has forked" in node.log()
    node.restart()
    assert held(node)["forked"] is True and held(node)["size"] == 30
    kept, = node.get("/v1/checkpoint").json["logs"]
    assert kept["fork"] == other.checkpoint()
    log.add(1)
    assert hand_over(node, log.put(30)).status == 200


def test_bad_checkpoints_are_refused(make_node):
    node, log = make_node(), Log("audit.example/1").add(3)
    other = Log("audit.example/2").add(3)
    good = log.put(logKey=log.key.vkey)
    rows = [
        ({**good, "checkpoint": log.text()}, 400, "invalid_note", "checkpoint"),
        ({**good, "checkpoint": "x"}, 400, "invalid_note", "checkpoint"),
        ({**good, "checkpoint": log.checkpoint().replace("\n3\n", "\n4\n")}, 400, "invalid_signature",
         "checkpoint"),
        ({**good, "checkpoint": log.checkpoint(signers=[other.key])}, 400, "invalid_signature", "checkpoint"),
        ({**good, "checkpoint": log.checkpoint(text="audit.example/1\n3\n")}, 400, "invalid_checkpoint",
         "checkpoint"),
        ({**good, "checkpoint": log.checkpoint(text=other.text())}, 400, "invalid_checkpoint", "checkpoint"),
        ({**good, "logKey": "nonsense"}, 400, "invalid_key", "logKey"),
        ({**good, "logKey": other.key.vkey}, 400, "invalid_signature", "checkpoint"),
        ({**good, "oldSize": 2}, 409, "checkpoint_old_size", "oldSize"),
        ({**good, "proof": [b64(bytes(31))]}, 400, "invalid_field", "proof"),
        ({**good, "proof": [b64(bytes(32))] * 65}, 400, "invalid_field", "proof"),
        ({**good, "checkpoint": "x" * 2048}, 400, "invalid_field", "checkpoint"),
        ({**good, "colour": 1}, 400, "unknown_field", "colour"),
        ({**good, "succession": {"entry": "eA==", "proof": []}}, 400, "missing_field", "succession.predecessor"),
    ]
    for body, status, code, field in rows:
        refused(hand_over(node, body), status, code, field)
    assert held(node) is None
    assert hand_over(node, good).status == 200


def test_a_log_that_follows_names_the_last_checkpoint_of_the_one_before(make_node):
    node, old = make_node(), Log("audit.example/1").add(9)
    assert hand_over(node, old.put(logKey=old.key.vkey)).status == 200
    new = Log("audit.example/2").add(2)
    refused(hand_over(node, new.put(logKey=new.key.vkey)), 409, "log_unknown", "checkpoint")
    body = new.succeed(old)
    forged = Log("audit.example/3").add(1)
    rows = [
        # the log before has to sign, ...
        ({**body, "checkpoint": new.checkpoint()}, 400, "invalid_signature", None),
        # ... the first entry has to name it, and has to be the first
        ({**body, "succession": {**body["succession"], "entry": b64(b"{}")}}, 400, "invalid_checkpoint",
         "succession.proof"),
        ({**body, "succession": {**body["succession"], "proof": []}}, 400, "invalid_checkpoint",
         "succession.proof"),
        ({**body, "succession": {**body["succession"], "predecessor": old.text(8)}}, 400, "invalid_checkpoint",
         "succession.entry"),
        (forged.succeed(old, named=f"audit.example/1\n9\n{b64(bytes(32))}\n"), 409, "checkpoint_forked",
         "succession.predecessor"),
        (Log("audit.example/4").succeed(old, named=new.text()), 409, "log_unknown", "succession.predecessor"),
        ({**body, "oldSize": 9}, 409, "checkpoint_old_size", "oldSize"),
    ]
    for row in rows:
        refused(hand_over(node, row[0]), *row[1:])
    taken = hand_over(node, body)
    assert taken.status == 200, taken.text
    assert held(node)["origin"] == "audit.example/2" and held(node)["size"] == 3
    present, former = node.get("/v1/checkpoint").json["logs"]
    assert present["predecessor"] == old.text() and former["origin"] == "audit.example/1"
    assert [c["checkpoint"] for c in former["checkpoints"]] == [old.checkpoint()]
    # on it goes, and the former one has had its time
    new.add(4)
    assert hand_over(node, new.put(3)).status == 200
    old.add(1)
    refused(hand_over(node, old.put(9, logKey=old.key.vkey)), 409, "log_unknown", "checkpoint")


def test_a_log_that_forgets_is_taken_but_told(make_node):
    """A Console restored from an older backup knows less than it has signed."""
    node, old = make_node(), Log("audit.example/1").add(9)
    assert hand_over(node, old.put(logKey=old.key.vkey)).status == 200
    new = Log("audit.example/2")
    assert hand_over(node, new.succeed(old, named=old.text(5))).status == 200
    assert "forgets entries" in node.log()
    present, former = node.get("/v1/checkpoint").json["logs"]
    assert present["predecessor"] == old.text(5)
    assert former["checkpoints"][0]["size"] == 9  # whoever compares the two sees what is gone


def test_a_new_enrolment_frees_the_node_for_another_log(make_node):
    node, old = make_node(), Log("audit.example/1").add(4)
    assert hand_over(node, old.put(logKey=old.key.vkey)).status == 200
    node.edit(lambda text: text.replace(node.key, "another key of more than 32 characters"))
    node.key = "another key of more than 32 characters"
    node.restart()
    new = Log("elsewhere.example/1").add(2)
    assert hand_over(node, new.put(logKey=new.key.vkey)).status == 200
    assert [log["origin"] for log in node.get("/v1/checkpoint").json["logs"]] == [
        "elsewhere.example/1", "audit.example/1"]
    # once: the next one needs a succession again; and who comes back must not have another past
    refused(hand_over(node, old.put(4, logKey=old.key.vkey)), 409, "log_unknown")
    node.edit(lambda text: text.replace(node.key, "yet another key of 32 characters!"))
    node.key = "yet another key of 32 characters!"
    node.restart()
    forged = Log("audit.example/1").add(6, forged=True)
    forged.key = old.key
    refused(hand_over(node, forged.put(4, logKey=old.key.vkey)), 409, "checkpoint_forked", "proof")
    refused(hand_over(node, old.put(0, 3, logKey=old.key.vkey)), 409, "checkpoint_went_back")
    old.add(3)
    assert hand_over(node, old.put(4, logKey=old.key.vkey)).status == 200


#
# The surface as a whole
#

CALLS = [
    ("GET", "/v1/ready", None), ("GET", "/v1/node", None), ("GET", "/v1/peers", None), ("GET", "/v1/peers/{peer}", None),
    ("PUT", "/v1/peers/{peer}", {"publicKey": "{key}", "generation": 5}),
    ("DELETE", "/v1/peers/{other}", None),
    ("POST", "/v1/batch", {"operations": []}), ("GET", "/v1/keys/{urlkey}", None),
    ("GET", "/v1/counters", None), ("GET", "/v1/drift", None),
    ("POST", "/v1/drift/{urlkey}", {"action": "restore"}), ("GET", "/v1/apikeys", None),
    ("POST", "/v1/apikeys", {"sha256": "ab" * 32}), ("DELETE", "/v1/apikeys/2", None),
    ("GET", "/v1/checkpoint", None), ("PUT", "/v1/checkpoint", "{log}"),
]


def test_every_call_is_strict_and_says_which_store_answers(make_node):
    node, log = make_node(), Log("audit.example/1").add(1)
    peer, key = new_id(), public_key()
    node.put(peer, key)
    epoch = node.get("/v1/node").json["epoch"]

    def fill(text):
        return (text.replace("{peer}", peer).replace("{other}", new_id()).replace("{key}", key)
                .replace("{urlkey}", url(key)))

    deep = "[" * 17 + "]" * 17
    for method, path, body in CALLS:
        path = fill(path)
        if body == "{log}":
            body = log.put(logKey=log.key.vkey)
        text = None if body is None else fill(json.dumps(body))
        for query in ("colour=1", "after=1&after=2"):
            answer = node.call(method, f"{path}?{query}", text)
            assert answer.status == 400 and answer.json["code"] in ("unknown_field", "duplicate_field"), path
        if text is None:
            refused(node.call(method, path, "{}"), 400, "invalid_json")
        else:
            refused(node.call(method, path, text, content_type="text/plain"), 415, "unsupported_media_type")
            refused(node.call(method, path, text, content_type=""), 415, "unsupported_media_type")
            refused(node.call(method, path, text[:-1] + ', "colour": 1}'), 400, "unknown_field", "colour")
            name = text.split('"')[1]
            refused(node.call(method, path, f'{{"{name}": 1, {text[1:]}'), 400, "duplicate_field")
            refused(node.call(method, path, f'{{"{name}": {deep}}}'), 400, "invalid_json")
            refused(node.call(method, path, f'{{"{name}": "\xff"}}'.encode("latin1")), 400, "invalid_json")
            refused(node.call(method, path, text + " x"), 400, "invalid_json")
            refused(node.call(method, path, "[]"), 400, "invalid_json")
            refused(node.call(method, path, ""), 400, "invalid_json")
            limit = 1024 if path == "/v1/batch" else 64
            refused(node.call(method, path, " " * (limit * 1024 + 1)), 413, "body_too_large")
        assert node.call(method, path, text, key="x" * 43).status == 401, path
        answers = [node.call(method, path, text) for _ in range(2)]
        for answer in answers:
            assert answer.status == 200, (path, answer.text)
            assert answer.json["epoch"] == epoch and answer.json["revision"] >= 1, path
        if method in ("PUT", "DELETE", "POST"):
            # twice is once
            first, second = ({k: v for k, v in a.json.items() if k != "confirmedAt"} for a in answers)
            assert first == second, path


ALTERATIONS = [
    ("api_keys", "UPDATE api_keys SET expires_at = 1"),
    ("api_keys", "UPDATE api_keys SET key_digest = zeroblob(32) WHERE number = 2"),
    ("api_keys", "UPDATE api_keys SET retired_at = NULL"),
    ("api_keys", "DELETE FROM api_keys WHERE number = 1"),
    ("checkpoints", "UPDATE checkpoints SET note = replace(note, 'audit', 'tidua')"),
    ("checkpoints", "UPDATE checkpoints SET received_at = received_at + 1"),
    ("checkpoints", "DELETE FROM checkpoints"),
    ("logs", "UPDATE logs SET released = 1"),
    ("logs", "UPDATE logs SET public_key = zeroblob(32)"),
    ("logs", "DELETE FROM logs"),
    ("peers", "UPDATE peers SET author_key = 7"),
    ("tombstones", "UPDATE tombstones SET author_source = '192.0.2.1'"),
]


def test_an_altered_store_is_refused(make_node):
    node, log = make_node(), Log("audit.example/1").add(2)
    hand_over(node, log.put(logKey=log.key.vkey))
    new, ended = secrets.token_urlsafe(32), new_id()
    node.post("/v1/apikeys", {"sha256": sha256(new)})
    node.call("DELETE", "/v1/apikeys/1")
    node.get("/v1/node", key=new)
    node.call("DELETE", "/v1/apikeys/1", key=new)
    node.key = new
    node.put(new_id(), public_key())
    node.put(ended, public_key())
    node.delete(ended)
    node.stop()
    path = os.path.join(node.folder, "state", "store.db")
    whole = {name: open(name, "rb").read() for name in (path, path + "-wal") if os.path.exists(name)}
    for table, statement in ALTERATIONS:
        db = sqlite3.connect(path)
        assert db.execute(statement).rowcount > 0, (table, statement)
        db.commit()
        db.close()
        node.start(wait=False)
        wait_for(lambda: not node.process.running())
        assert node.process.popen.returncode == 78, statement
        assert "damaged" in node.process.text() or "malformed" in node.process.text()
        node.process.stop(signal.SIGTERM)
        for name in (path, path + "-wal", path + "-shm"):
            if os.path.exists(name):
                os.remove(name)
        for name, data in whole.items():
            with open(name, "wb") as out:
                out.write(data)
    node.start()
    assert held(node)["size"] == 2
