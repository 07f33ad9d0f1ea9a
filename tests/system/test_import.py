# SPDX-License-Identifier: AGPL-3.0-or-later
"""Taking over what was there before: a published node's store, a wg-quick server, other subnets."""
import os
import re
import time
import uuid

import pytest

from lib.procs import wait_for
from lib.wireguard import Quick, keypair


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


def untouched(path):
    stat = os.stat(path)
    return open(path, "rb").read(), stat.st_mtime_ns, stat.st_mode, stat.st_ino


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
    assert info["drift"] == {"unmanaged": 2, "altered": 0, "missing": 0} and info["device"] == "ready"
    key = office.alice[1].replace("+", "-").replace("/", "_").rstrip("=")
    found = node.get(f"/v1/keys/{key}").json
    assert found["onDevice"] and not found["inStore"]
    peer, public = str(uuid.uuid4()), keypair()[1]
    for answer in (node.put(peer, public), node.delete(peer),
                   node.call("POST", "/peers", {"peerId": peer}), node.call("DELETE", f"/peers/{peer}")):
        assert (answer.status, answer.json["code"]) == (409, "inventory_mode"), answer.text
        assert "mode: manage" in answer.text
    assert node.call("DELETE", f"/peers/{peer}", key="x" * 43).status == 401
    assert node.get("/v1/node").json["revision"] == 0
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
