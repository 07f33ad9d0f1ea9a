# SPDX-License-Identifier: AGPL-3.0-or-later
"""kill -9 of the keeper under load: what was answered stays, and the device is the store."""
import json
import os
import random
import signal
import subprocess
import time

from lib.netns import sh
from lib.procs import wait_for

KILLS = int(os.environ.get("WGKEEPER_KILLS", "300"))


class Load:
    def __init__(self, node, threads=4):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load.py")
        self.process = subprocess.Popen(node.ns.argv("/usr/bin/python3", script), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdin.write(json.dumps({"base": f"https://{node.host}:{node.port}", "key": node.key,
                                             "threads": threads}) + "\n")
        self.process.stdin.flush()

    def end(self):
        out, _ = self.process.communicate(timeout=60)
        return json.loads(out)


def store_of(node):
    peers, after = {}, 0
    while True:
        page = node.get(f"/v1/peers?after={after}").json
        peers.update({row["id"]: row for row in page["data"]})
        if not page["more"]:
            return peers
        after = page["nextRevision"]


def faults(node, journal):
    """Everything that is not as it must be."""
    wait_for(lambda: node.get("/readyz").status == 200, timeout=20)
    store, device, found = store_of(node), node.device.peers(), []
    for peer, row in journal.items():
        state = store.get(peer, {}).get("state")
        if row["state"] == "live" and (state != "live" or row["key"] not in device):
            found.append(f"acknowledged {peer} is lost: {state}")
        if row["state"] == "ended" and (state != "ended" or row["key"] in device):
            found.append(f"ended {peer} is back: {state}")
    live = {row["publicKey"]: row["addresses"] for row in store.values() if row["state"] == "live"}
    if {key: sorted(ips) for key, ips in device.items()} != {key: sorted(ips) for key, ips in live.items()}:
        found.append(f"device and store differ: {set(device) ^ set(live)}")
    addresses = [ip for ips in live.values() for ip in ips]
    if len(addresses) != len(set(addresses)):
        found.append("an address has two owners")
    return found


def test_the_harness_sees_planted_faults(make_node):
    node = make_node(1, "--subnet", "10.61.0.0/20")
    load = Load(node)
    time.sleep(2)
    journal = load.end()
    assert faults(node, journal) == []
    ended = [row for row in journal.values() if row["state"] == "ended"][0]
    live = [row for row in journal.values() if row["state"] == "live"][0]
    sh("wg", "set", node.interface, "peer", ended["key"], "allowed-ips", "10.61.15.1/32")
    assert any("is back" in fault for fault in faults(node, journal))
    sh("wg", "set", node.interface, "peer", ended["key"], "remove")
    assert faults(node, journal) == []
    sh("wg", "set", node.interface, "peer", live["key"], "remove")
    assert any("is lost" in fault for fault in faults(node, journal))


def test_nothing_answered_is_lost_and_nothing_ended_is_back(make_node):
    node = make_node(1, "--subnet", "10.61.0.0/18")
    load, killed = Load(node), 0
    while killed < KILLS:
        time.sleep(random.uniform(0.22, 0.3))
        pid = node.pid_of("keeper")
        if pid:
            os.kill(pid, signal.SIGKILL)
            killed += 1
    journal = load.end()
    states = [row["state"] for row in journal.values()]
    assert states.count("live") > KILLS / 4 and states.count("ended") > KILLS / 8
    assert faults(node, journal) == []
