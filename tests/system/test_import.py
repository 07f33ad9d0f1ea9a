# SPDX-License-Identifier: AGPL-3.0-or-later
"""Taking over what was there before: a published node's store, a wg-quick server, other subnets."""
import fcntl
import os
import re
import time
import uuid

import pytest

from lib import published
from lib.procs import wait_for
from lib.wireguard import Pinger, Quick, keypair

OLD_SUBNET = "10.61.0.0/16"
SIXES = ("--subnet", OLD_SUBNET, "--subnet6", "fd61::/64")


def set_key(node, key, value):
    """Sets a dotted key of the node's config.yaml (one that stands at the top, or below
    wireguard); None takes it away."""
    lines = open(node.config, encoding="utf-8").read().splitlines()
    section, _, name = key.rpartition(".")
    lines = [line for line in lines if not re.match(rf"{'  ' if section else ''}{name}:", line)]
    if value is not None:
        at = lines.index(f"{section}:") + 1 if section else 0
        lines.insert(at, f"{'  ' if section else ''}{name}: {value}")
    with open(node.config, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


def refused(node, *arguments):
    """Starts it; gives what it said when it has ended by itself."""
    before = len(open(f"{node.folder}/node.log").read()) if os.path.exists(f"{node.folder}/node.log") else 0
    node.start(*arguments, wait=False)
    wait_for(lambda: not node.process.running())
    assert node.stop() == 78
    return open(f"{node.folder}/node.log", encoding="utf-8").read()[before:]


def device_peers(node):
    """{public key: (preshared key, allowed IPs)} as WireGuard has them."""
    psks = node.ns.run("wg", "show", node.interface, "preshared-keys").stdout
    psks = dict(line.split("\t") for line in psks.splitlines())
    return {key: (psks[key], sorted(ips)) for key, ips in node.device.peers().items()}


def listed(node):
    peers, after = {}, 0
    while True:
        page = node.get(f"/v1/peers?after={after}").json
        peers.update({row["id"]: row for row in page["data"]})
        if not page["more"]:
            return peers
        after = page["nextRevision"]


def write(path, data):
    with open(path, "wb") as out:
        out.write(data)
    return str(path)


def untouched(path):
    stat = os.stat(path)
    return open(path, "rb").read(), stat.st_mtime_ns, stat.st_mode, stat.st_ino


#
# A published node's store
#

def test_golden_stores_are_as_the_writer_makes_them():
    for name, data in published.goldens().items():
        assert open(os.path.join(published.GOLDEN, name), "rb").read() == data, name


@pytest.mark.parametrize("name", ["published-small.db", "published-pages.db"])
def test_a_published_store_is_imported_once_and_left_alone(make_node, tmp_path, name):
    store = write(tmp_path / "peers.db", published.goldens()[name])
    rows = [published.sample(i) for i in range(3 if "small" in name else 120)]
    node = make_node(1, *SIXES, start=False)
    set_key(node, "wireguard.peer_store_file", store)
    before = untouched(store)
    node.start()
    assert device_peers(node) == {
        row["public_key"]: (row["preshared_key"], sorted(row["allowed_ips"])) for row in rows}
    peers = listed(node)
    assert sorted(peers) == sorted(row["peer_id"] for row in rows)
    for row in rows:
        peer = peers[row["peer_id"]]
        assert peer["publicKey"] == row["public_key"] and peer["addresses"] == row["allowed_ips"]
        assert peer["createdAt"].rstrip("Z")[:25] == row["created_at"].rstrip("Z")[:25]
        assert peer["expiresAt"] == row.get("expires_at")
        assert peer["state"] == "live" and peer["generation"] == 0 and peer["hasPresharedKey"]
    assert node.delete(rows[0]["peer_id"]).status == 200
    assert untouched(store) == before
    node.stop()
    node.start()
    assert rows[0]["public_key"] not in device_peers(node)
    assert len(device_peers(node)) == len(rows) - 1
    assert untouched(store) == before
    assert node.process.text().count("audit.peers_imported") == 1


def test_many_peers_are_imported_in_one_transaction(make_node, tmp_path):
    rows = [published.sample(i) for i in range(5000)]
    store = write(tmp_path / "peers.db", published.store(rows))
    node = make_node(1, *SIXES, start=False)
    set_key(node, "wireguard.peer_store_file", store)
    node.start()
    assert len(node.device.peers()) == len(listed(node)) == 5000
    assert f"revision={node.get('/v1/node').json['revision']} " in node.process.text()


def test_an_imported_peer_that_has_expired_ends(make_node, tmp_path):
    row = {**published.sample(1), "expires_at": "2026-05-02T00:00:00Z"}
    store = write(tmp_path / "peers.db", published.store([published.sample(0), row]))
    node = make_node(1, *SIXES, start=False)
    set_key(node, "wireguard.peer_store_file", store)
    node.start()
    wait_for(lambda: listed(node)[row["peer_id"]]["state"] == "ended")
    assert list(device_peers(node)) == [published.sample(0)["public_key"]]
    assert listed(node)[row["peer_id"]]["endReason"] == "expired"


def spoilt():
    """Records that cannot be taken: a name, the records (with a key of their own, where it is not
    their id), what the log must say."""
    a, b = published.sample(1), published.sample(2)
    return [
        ("not JSON", [a, ("x", b"{")], "not JSON"),
        ("id mismatch", [(b["peer_id"], a)], "differ"),
        ("no id", [("x", {**a, "peer_id": ""})], "differ"),
        ("not a UUID v4", [{**a, "peer_id": "x"}], "UUID v4"),
        ("one id in two spellings", [a, {**b, "peer_id": a["peer_id"].upper()}], "same id"),
        ("bad public key", [{**a, "public_key": "AAAA"}], "public_key"),
        ("low order key", [{**a, "public_key": "AQ" + "A" * 41 + "="}], "low order"),
        ("one key twice", [a, {**b, "public_key": a["public_key"]}], "same public key"),
        ("no preshared key", [{k: v for k, v in a.items() if k != "preshared_key"}], "preshared_key"),
        ("empty preshared key", [{**a, "preshared_key": "A" * 43 + "="}], "preshared_key"),
        ("no address", [{**a, "allowed_ips": []}], "allowed_ips"),
        ("not an address", [{**a, "allowed_ips": ["10.61.0.999/32"]}], "allowed_ips"),
        ("a network", [{**a, "allowed_ips": ["10.61.0.0/24"]}], "network"),
        ("outside the subnet", [{**a, "allowed_ips": ["10.99.0.2/32"]}], "--accept-subnet-change"),
        ("the server's address", [{**a, "allowed_ips": ["10.61.0.1/32"]}], "server_ip"),
        ("one address twice", [a, {**b, "allowed_ips": a["allowed_ips"]}], "another peer"),
        ("a member nobody knows", [{**a, "disabled": True}], "disabled"),
        ("bad time", [{**a, "created_at": "yesterday"}], "created_at"),
    ]


@pytest.mark.parametrize("rows,word", [row[1:] for row in spoilt()], ids=[row[0] for row in spoilt()])
def test_a_store_with_a_bad_record_changes_nothing(make_node, tmp_path, rows, word):
    values = {}
    for row in [published.sample(0)] + rows:
        key, row = row if isinstance(row, tuple) else (row["peer_id"], row)
        values[key.encode()] = row if isinstance(row, bytes) else published.encode(row)
    store = write(tmp_path / "peers.db", published.bbolt.build({b"peers": values}))
    node = make_node(1, *SIXES, start=False)
    set_key(node, "wireguard.peer_store_file", store)
    before = untouched(store)
    text = refused(node)
    assert "a record of the published peer store cannot be imported" in text
    assert word in text and "and so none was" in text, text
    assert untouched(store) == before and node.device.peers() == {}
    assert published.sample(1)["preshared_key"] not in text
    # without it the node starts, and has nothing of it
    set_key(node, "wireguard.peer_store_file", None)
    node.start()
    assert listed(node) == {}


def test_all_bad_records_are_listed_at_once(make_node, tmp_path):
    rows = [published.sample(i) for i in range(6)]
    for i in (1, 3, 5):
        rows[i]["allowed_ips"] = [f"10.99.0.{i}/32"]
    node = make_node(1, *SIXES, start=False)
    set_key(node, "wireguard.peer_store_file", write(tmp_path / "peers.db", published.store(rows)))
    text = refused(node)
    assert text.count("cannot be imported reason=") == 0
    for i in range(6):
        assert (rows[i]["peer_id"] in text) == (i in (1, 3, 5)), i
    assert "3 of 6 peers" in text


OTHER_FILES = [
    ("text", b"peers: none\n", "no bbolt database"),
    ("SQLite", b"SQLite format 3\0" + b"\0" * 4096, "no bbolt database"),
    ("another program's", published.bbolt.build({b"buckets": {b"a": b"b"}}), "another program's"),
    ("cut", published.goldens()["published-pages.db"][:30000], "cut"),
]


@pytest.mark.parametrize("data,word", [row[1:] for row in OTHER_FILES], ids=[row[0] for row in OTHER_FILES])
def test_other_files_are_refused_and_left_alone(make_node, tmp_path, data, word):
    store = write(tmp_path / "peers.db", data)
    node = make_node(1, *SIXES, start=False)
    set_key(node, "wireguard.peer_store_file", store)
    before = untouched(store)
    text = refused(node)
    assert word in text and "peers.db" in text, text
    assert untouched(store) == before


def test_a_store_that_a_published_node_has_open_is_refused(make_node, tmp_path):
    store = write(tmp_path / "peers.db", published.goldens()["published-small.db"])
    node = make_node(1, *SIXES, start=False)
    set_key(node, "wireguard.peer_store_file", store)
    with open(store, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        node.start(wait=False)
        wait_for(lambda: "stop it first" in node.process.text())
        assert node.device.peers() == {} and node.get("/readyz").status == 0
    # when it has ended, the next try gets on with it
    wait_for(lambda: node.get("/readyz").status == 200, timeout=20)
    assert len(node.device.peers()) == 3


def test_a_store_that_is_empty_or_not_there_is_none(make_node, tmp_path):
    node = make_node(1, *SIXES, start=False)
    set_key(node, "wireguard.peer_store_file", str(tmp_path / "none.db"))
    node.start()
    node.stop()
    set_key(node, "wireguard.peer_store_file", write(tmp_path / "empty.db", b""))
    node.start()
    assert listed(node) == {} and open(tmp_path / "empty.db", "rb").read() == b""


def test_what_ended_here_is_not_imported(make_node, tmp_path):
    row = published.sample(0)
    node = make_node(1, *SIXES)
    assert node.put(row["peer_id"], row["public_key"]).status == 200
    assert node.delete(row["peer_id"]).status == 200
    node.stop()
    set_key(node, "wireguard.peer_store_file",
            write(tmp_path / "peers.db", published.store([row, published.sample(1)])))
    assert "has ended on this node" in refused(node)


#
# Subnets that change
#

def make_three(make_node):
    """Three peers with 10.61.0.2, .3 and 10.61.1.4."""
    node = make_node(1, "--subnet", OLD_SUBNET)
    made = {}
    for address in ("10.61.0.2", "10.61.0.3", "10.61.1.4"):
        peer, public = str(uuid.uuid4()), keypair()[1]
        answer = node.put(peer, public, addresses=[address])
        assert answer.status == 200, answer.text
        made[address] = (peer, public)
    node.stop()
    return node, made


def test_a_changed_subnet_refuses_the_start_with_the_list(make_node):
    node, made = make_three(make_node)
    set_key(node, "wireguard.subnet", "10.62.0.0/24")
    text = refused(node)
    for peer, _ in made.values():
        assert peer in text
    assert "3 peers have no place" in text and "--accept-subnet-change" in text
    assert {key for key in node.device.peers()} == {key for _, key in made.values()}
    set_key(node, "wireguard.subnet", OLD_SUBNET)
    node.start()
    assert {row["state"] for row in listed(node).values()} == {"live"}


def test_peers_of_another_subnet_are_kept_and_come_back(make_node):
    node, made = make_three(make_node)
    peer, public = made["10.61.1.4"]
    set_key(node, "wireguard.subnet", "10.61.0.0/24")
    assert peer in refused(node)
    node.start("--accept-subnet-change")
    row = listed(node)[peer]
    assert (row["state"], row["quarantine"], row["addresses"]) == ("suspended", "subnet", ["10.61.1.4/32"])
    assert public not in node.device.peers() and len(node.device.peers()) == 2
    info = node.get("/v1/node").json
    assert info["quarantined"] == info["suspended"] == 1 and info["drift"]["missing"] == 0
    assert node.get(f"/v1/peers/{peer}").json["quarantine"] == "subnet"
    # nothing puts it back on the device while its address is not ours, and nobody is told it did
    assert node.put(peer, public, generation=2).json["code"] == "peer_quarantined"
    answer = node.call("POST", "/peers", {"peerId": peer})
    assert answer.status == 409 and answer.json["code"] == "peer_quarantined"
    assert node.put(peer, public, generation=2, suspended=True).status == 200
    assert node.put(peer, public, generation=3, suspended=True, label="kept").status == 200
    # accepted once is accepted
    node.stop()
    node.start()
    assert listed(node)[peer]["quarantine"] == "subnet" and public not in node.device.peers()
    node.stop()
    set_key(node, "wireguard.subnet", OLD_SUBNET)
    node.start()
    row = listed(node)[peer]
    assert (row["state"], row["quarantine"], row["label"]) == ("suspended", None, "kept")
    assert node.put(peer, public, generation=4).json["state"] == "live"
    assert node.device.peers()[public] == ["10.61.1.4/32"]


def test_a_peer_in_quarantine_comes_back_by_itself_and_can_end(make_node):
    node, made = make_three(make_node)
    set_key(node, "wireguard.subnet", "10.62.0.0/24")
    node.start("--accept-subnet-change")
    assert node.device.peers() == {}
    peer, public = made["10.61.0.2"]
    ended = node.delete(peer)
    assert ended.status == 200 and ended.json["absentFromDevice"] is True
    # one that is given an address meanwhile does not get in the way
    assert node.put(str(uuid.uuid4()), keypair()[1]).json["addresses"] == ["10.62.0.2/32"]
    node.stop()
    set_key(node, "wireguard.subnet", "10.60.0.0/14")
    node.start()
    assert listed(node)[peer]["state"] == "ended"
    for address in ("10.61.0.3", "10.61.1.4"):
        assert node.device.peers()[made[address][1]] == [f"{address}/32"]
        assert listed(node)[made[address][0]]["quarantine"] is None


def test_one_family_outside_keeps_the_other_address_for_its_peer(make_node):
    node = make_node(1, "--subnet", "10.61.0.0/29", "--subnet6", "fd61::/64")
    peer, public = str(uuid.uuid4()), keypair()[1]
    assert node.put(peer, public).json["addresses"] == ["10.61.0.2/32", "fd61::2/128"]
    node.stop()
    set_key(node, "wireguard.subnet6", '"fd62::/64"')
    node.start("--accept-subnet-change")
    assert listed(node)[peer]["quarantine"] == "subnet"
    given = [node.put(str(uuid.uuid4()), keypair()[1]).json for _ in range(5)]
    assert [row.get("code") for row in given] == [None] * 4 + ["no_available_ip"]
    assert "10.61.0.2/32" not in [row["addresses"][0] for row in given[:4]]


def test_the_servers_address_on_a_peers_is_handled_alike(make_node):
    node, made = make_three(make_node)
    peer, public = made["10.61.0.3"]
    set_key(node, "wireguard.server_ip", "10.61.0.3")
    text = refused(node)
    assert peer in text and made["10.61.0.2"][0] not in text
    node.start("--accept-subnet-change")
    assert listed(node)[peer]["quarantine"] == "server_address" and public not in node.device.peers()
    node.stop()
    set_key(node, "wireguard.server_ip", None)
    node.start()
    assert node.device.peers()[public] == ["10.61.0.3/32"]


def test_a_published_store_of_another_subnet_can_be_taken_into_quarantine(make_node, tmp_path):
    rows = [published.sample(i) for i in range(3)]
    node = make_node(1, "--subnet", "10.61.0.0/30", start=False)
    for row in rows:
        row["allowed_ips"] = row["allowed_ips"][:1]
    store = write(tmp_path / "peers.db", published.store(rows))
    set_key(node, "wireguard.peer_store_file", store)
    assert "2 of 3 peers" in refused(node)
    node.start("--accept-subnet-change")
    assert list(node.device.peers()) == [rows[0]["public_key"]]
    assert [listed(node)[row["peer_id"]]["quarantine"] for row in rows] == [None, "subnet", "subnet"]
    node.stop()
    set_key(node, "wireguard.subnet", OLD_SUBNET)
    node.start()
    assert device_peers(node) == {
        row["public_key"]: (row["preshared_key"], row["allowed_ips"]) for row in rows}


#
# A server that wg-quick runs
#

class Office:
    """wg-quick's file with two peers, as PiVPN would write it, and the keys of everybody."""

    def __init__(self, folder):
        self.private, self.public = keypair()
        self.alice, self.bob = keypair(), keypair()
        self.psk = keypair()[0]
        self.hooks = os.path.join(folder, "hooks")
        self.text = (
            f"[Interface]\nPrivateKey = {self.private}\nAddress = 10.61.0.1/24\nListenPort = 51999\n"
            f"MTU = 1390\nPostUp = echo up >>{self.hooks}\nPostDown = echo down >>{self.hooks}\n"
            f"### begin alice ###\n[Peer]\nPublicKey = {self.alice[1]}\nPresharedKey = {self.psk}\n"
            f"AllowedIPs = 10.61.0.2/32\n### end alice ###\n"
            f"### begin bob ###\n[Peer]\nPublicKey = {self.bob[1]}\nAllowedIPs = 10.61.0.3/32\n### end bob ###\n")

    def client_file(self, node):
        return (f"[Interface]\nPrivateKey = {self.alice[0]}\nAddress = 10.61.0.2/32\n\n[Peer]\n"
                f"PublicKey = {self.public}\nPresharedKey = {self.psk}\nEndpoint = {node.host}:51999\n"
                f"AllowedIPs = 10.61.0.1/32\nPersistentKeepalive = 25\n")


@pytest.fixture
def office(tmp_path):
    return Office(str(tmp_path))


@pytest.fixture
def quick(stack):
    """quick(node, text): wg-quick's file for the node's interface; its wireguard-go is not there
    any more."""
    def make(node, text):
        node.device.stop()
        made = Quick(node.ns, node.interface, text)
        stack.callback(made.stop)
        return made
    return make


def state_of_host(node):
    """What inventory must leave as it is."""
    wait_for(lambda: "tentative" not in node.ns.run("ip", "addr", "show").stdout)
    said = {what: node.ns.run(*argv).stdout for what, argv in {
        "links": ("ip", "-d", "link", "show"), "addresses": ("ip", "addr", "show"),
        "routes": ("ip", "route", "show", "table", "all"), "rules": ("nft", "list", "ruleset"),
        "settings": ("wg", "showconf", node.interface),
        "forwarding": ("sysctl", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding")}.items()}
    said["links"] = re.sub(r" (gso|gro|tso|numrxqueues|promiscuity)\S* \d+", "", said["links"])
    said["settings"] = sorted(said["settings"].strip().split("\n\n"))  # in no order of their own
    return said


def settle(node):
    """Some readings of the device, and time for whatever would be done of itself."""
    for _ in range(3):
        time.sleep(0.4)
        assert node.get("/v1/node").status == 200


def test_inventory_changes_nothing(make_node, quick, office):
    node = make_node(1, "--subnet", "10.61.0.0/24", start=False)
    server = quick(node, office.text).up()
    node.ns.run("nft", "add", "table", "inet", "theirs")
    file_before, before = untouched(server.path), state_of_host(node)
    set_key(node, "mode", "inventory")
    node.start()
    settle(node)
    info = node.get("/v1/node").json
    assert (info["mode"], info["publicKey"], info["listenPort"]) == ("inventory", office.public, 51999)
    assert info["drift"] == {"unmanaged": 2, "altered": 0, "missing": 0, "offered": 0} and info["device"] == "ready"
    key = office.alice[1].replace("+", "-").replace("/", "_").rstrip("=")
    found = node.get(f"/v1/keys/{key}").json
    assert found["onDevice"] and not found["inStore"]
    peer, public = str(uuid.uuid4()), keypair()[1]
    for answer in (node.put(peer, public), node.delete(peer),
                   node.call("POST", "/peers", {"peerId": peer}), node.call("DELETE", f"/peers/{peer}")):
        assert (answer.status, answer.json["code"]) == (409, "inventory_mode"), answer.text
        assert "mode: manage" in answer.text
    assert node.call("DELETE", f"/peers/{peer}", key="x" * 43).status == 401
    assert node.get("/v1/node").json["revision"] == info["revision"]
    before_kill = node.pid_of("keeper")
    node.kill("keeper")
    wait_for(lambda: node.pid_of("keeper") not in (None, before_kill))
    wait_for(lambda: node.get("/readyz").status == 200)
    settle(node)
    assert state_of_host(node) == before
    node.stop()
    assert state_of_host(node) == before and untouched(server.path) == file_before
    assert open(office.hooks).read() == "up\n"
    assert not os.path.exists(os.path.join(node.folder, "state", "interface.key"))
    # what is compared above does change when the node works
    set_key(node, "mode", "manage")
    set_key(node, "wireguard.listen_port", "51998")
    node.start()
    after = state_of_host(node)
    assert after["rules"] != before["rules"] and after["settings"] != before["settings"]


def test_inventory_waits_for_an_interface_and_does_not_make_one(make_node, quick, office):
    node = make_node(1, "--subnet", "10.61.0.0/24", start=False)
    server = quick(node, office.text)
    set_key(node, "mode", "inventory")
    node.start(wait=False)
    wait_for(lambda: node.get("/readyz").status == 503)
    assert node.interface not in node.ns.ip("link", "show").stdout
    server.up()
    wait_for(lambda: node.get("/readyz").status == 200)
    assert node.get("/v1/node").json["drift"]["unmanaged"] == 2


def test_inventory_says_what_an_import_would_do(make_node, quick, office, tmp_path):
    rows = [published.sample(i) for i in range(3)]
    rows[2]["allowed_ips"] = ["10.99.0.9/32"]
    store = write(tmp_path / "peers.db", published.store(rows))
    node = make_node(1, *SIXES, start=False)
    quick(node, office.text.replace("10.61.0.1/24", "10.61.0.1/16")).up()
    set_key(node, "mode", "inventory")
    set_key(node, "wireguard.peer_store_file", store)
    before, host = untouched(store), state_of_host(node)
    node.start()
    settle(node)
    text = node.process.text()
    assert "could not be imported as it is" in text and rows[2]["peer_id"] in text
    assert node.get("/peers").json["data"] == [] and listed(node) == {}
    node.stop()
    with open(store, "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        node.start()
        assert "was not looked at" in node.process.text()
        node.stop()
    write(store, published.store(rows[:2]))
    node.start()
    assert "could be imported" in node.process.text() and listed(node) == {}
    node.stop()
    assert state_of_host(node) == host and before[0] == published.store(rows)


def test_a_running_server_is_taken_over_without_a_lost_packet(make_node, make_client, quick, office, tmp_path):
    node = make_node(1, "--subnet", "10.61.0.0/24", "--listen-port", "51999", start=False)
    server = quick(node, office.text).up()
    client = make_client(1, office.client_file(node))
    ping = Pinger(client.ns, "10.61.0.1", str(tmp_path / "ping.log"), interval=0.05)
    wait_for(lambda: len(ping.answers()) > 5)
    node.start()
    info = node.get("/v1/node").json
    assert info["publicKey"] == office.public and info["drift"]["unmanaged"] == 2
    assert "10.61.0.4/32" == node.put(str(uuid.uuid4()), keypair()[1]).json["addresses"][0]
    theirs = node.put(str(uuid.uuid4()), keypair()[1], addresses=["10.61.0.2"])
    assert (theirs.status, theirs.json["code"]) == (409, "address_in_use")
    # with its own key the address is alice's, and she is one of ours from then on
    alice = str(uuid.uuid4())
    adopted = node.put(alice, office.alice[1], addresses=["10.61.0.2"], presharedKey=office.psk)
    assert adopted.status == 200 and adopted.json["addresses"] == ["10.61.0.2/32"]
    wait_for(lambda: node.get("/v1/node").json["drift"]["unmanaged"] == 1)
    time.sleep(1)
    ping.stop()
    assert ping.lost() == 0 and len(ping.answers()) > 20
    peers = device_peers(node)
    assert peers[office.alice[1]] == (office.psk, ["10.61.0.2/32"])
    assert peers[office.bob[1]] == ("(none)", ["10.61.0.3/32"])
    assert open(office.hooks).read() == "up\n" and open(server.path).read() == office.text
    # bob goes, as somebody would do it by hand: a reading later his address is free
    node.ns.run("wg", "set", node.interface, "peer", office.bob[1], "remove")
    wait_for(lambda: node.get("/v1/node").json["drift"]["unmanaged"] == 0)


def test_a_fresh_boot_takes_the_key_and_keeps_the_addresses(make_node, stack, office):
    node = make_node(1, "--subnet", "10.61.0.0/29", start=False)
    server = Quick(node.ns, node.interface, office.text)
    stack.callback(server.stop)
    node.start()
    assert node.get("/v1/node").json["publicKey"] == office.public
    text = node.process.text()
    assert 'source="wg-quick\'s file"' in text and "peers=2 named=2" in text
    assert "commands in wg-quick's file are not run" in text and "another MTU" in text
    assert "another ListenPort" in text and "another Address" in text and not os.path.exists(office.hooks)
    assert node.device.peers() == {} and office.psk not in text and office.private not in text
    given = [node.put(str(uuid.uuid4()), keypair()[1]).json for _ in range(4)]
    assert [row.get("addresses", [row.get("code")])[0] for row in given] == [
        "10.61.0.4/32", "10.61.0.5/32", "10.61.0.6/32", "no_available_ip"]
    assert node.get("/v1/node").json["drift"]["offered"] == 2
    bob = node.put(str(uuid.uuid4()), office.bob[1], addresses=["10.61.0.3"])
    assert bob.status == 200, bob.text
    assert node.get("/v1/node").json["drift"]["offered"] == 1
    assert node.delete(bob.json["id"]).status == 200
    assert node.get("/v1/node").json["drift"]["offered"] == 1
    # once it is taken the file does not count any more
    server.write(office.text.replace(office.private, keypair()[0]))
    node.stop()
    node.start()
    info = node.get("/v1/node").json
    assert (info["publicKey"], info["drift"]["offered"]) == (office.public, 1)


def adopt(node, key, **more):
    path = key.replace("+", "-").replace("/", "_").rstrip("=")
    return node.call("POST", f"/v1/drift/{path}", {"action": "adopt", **more})


def test_what_the_file_offers_is_listed_with_names_and_adopted(make_node, stack, office):
    carol, dave = keypair()[1], keypair()[1]
    node = make_node(1, "--subnet", "10.61.0.0/24", start=False)
    server = Quick(node.ns, node.interface, office.text + (
        f"#[disabled] ### begin carol ###\n#[disabled] [Peer]\n#[disabled] PublicKey = {carol}\n"
        f"#[disabled] AllowedIPs = 10.61.0.4/32\n#[disabled] ### end carol ###\n"
        f"# the branch office\n[Peer]\nPublicKey = {dave}\n"
        f"AllowedIPs = 10.61.0.5/32, fd00::5/128, 192.168.7.0/24\n"))
    stack.callback(server.stop)
    node.start()
    page = node.get("/v1/drift").json
    found = {row["publicKey"]: row for row in page["data"]}
    assert page["total"] == 4 and {row["kind"] for row in found.values()} == {"offered"}
    alice = found[office.alice[1]]
    assert (alice["label"], alice["allowedIPs"], alice["hasPresharedKey"], alice["state"]) == (
        "alice", ["10.61.0.2/32"], True, None)
    assert (found[carol]["label"], found[carol]["state"]) == ("carol", "suspended")
    assert (found[dave]["label"], found[dave]["allowedIPsTotal"]) == ("the branch office", 3)
    made = adopt(node, office.alice[1])
    assert made.status == 200, made.text
    assert made.json["peer"]["label"] == "alice" and made.json["peer"]["addresses"] == ["10.61.0.2/32"]
    assert device_peers(node) == {office.alice[1]: (office.psk, ["10.61.0.2/32"])}
    made = adopt(node, carol, label="Carol (gone)")
    assert (made.json["peer"]["state"], made.json["peer"]["label"]) == ("suspended", "Carol (gone)")
    assert carol not in node.device.peers()
    networks = adopt(node, dave)
    assert (networks.status, networks.json["code"]) == (409, "not_adoptable") and "3" in networks.json["detail"]
    assert adopt(node, keypair()[1]).json["code"] == "drift_not_found"
    assert {row["publicKey"] for row in node.get("/v1/drift").json["data"]} == {office.bob[1], dave}
    # put on the interface by hand, bob is a stranger there, still with the name of the file
    node.ns.run("wg", "set", node.interface, "peer", office.bob[1], "allowed-ips", "10.61.0.3/32")
    bob = {row["publicKey"]: row for row in node.get("/v1/drift").json["data"]}[office.bob[1]]
    assert (bob["kind"], bob["label"]) == ("unmanaged", "bob")
    assert adopt(node, office.bob[1]).json["peer"]["addresses"] == ["10.61.0.3/32"]
    # who has ended is not offered again
    assert node.delete(made.json["peer"]["id"]).status == 200
    node.stop()
    node.start()
    assert [row["publicKey"] for row in node.get("/v1/drift").json["data"]] == [dave]


BAD_FILES = [
    ("no key", lambda text: re.sub(r"PrivateKey.*\n", "", text), "no usable PrivateKey"),
    ("malformed key", lambda text: re.sub(r"PrivateKey = .*\n", "PrivateKey = x\n", text), "no usable PrivateKey"),
    ("a long line", lambda text: text + "#" * 5000, "longer than 4096"),
]


@pytest.mark.parametrize("change,word", [row[1:] for row in BAD_FILES], ids=[row[0] for row in BAD_FILES])
def test_no_new_key_is_made_beside_a_file_that_may_have_one(make_node, stack, office, change, word):
    node = make_node(1, "--subnet", "10.61.0.0/24", start=False)
    server = Quick(node.ns, node.interface, change(office.text))
    stack.callback(server.stop)
    assert word in refused(node)
    assert not os.path.exists(os.path.join(node.folder, "state", "interface.key"))
    os.remove(server.path)
    node.start()
    assert node.get("/v1/node").json["publicKey"] not in ("", office.public)
