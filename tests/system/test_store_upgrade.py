# SPDX-License-Identifier: AGPL-3.0-or-later
"""Stores that earlier versions wrote (tests/golden) open as they are, and lose nothing."""
import json
import os
import shutil

from lib.procs import ROOT

GOLDEN = os.path.join(ROOT, "tests", "golden")
NEW = {"changedByKey", "changedFrom"}


def test_a_store_of_version_1_is_taken_over(make_node):
    node = make_node(1, "--subnet", "10.61.0.0/26", "--subnet6", "fd61::/64", start=False)
    with open(os.path.join(GOLDEN, "node-store-0001.json"), encoding="utf-8") as file:
        golden = json.load(file)
    shutil.copy(os.path.join(GOLDEN, "node-store-0001.db"), os.path.join(node.folder, "state", "store.db"))
    node.start()
    info = node.get("/v1/node").json
    assert (info["id"], info["epoch"], info["tombstones"]) == (golden["id"], golden["epoch"], 2)
    rows = node.get("/v1/peers").json["data"]
    # who made them was not kept then
    assert not any(NEW & set(row) for row in rows)
    # members that came later say that there is nothing to say
    assert [{key: row[key] for key in was} for row, was in zip(rows, golden["data"])] == golden["data"]
    assert len(rows) == len(golden["data"]) and all(row["quarantine"] is None for row in rows)
    assert node.device.peers() == golden["device"]
    named = [row for row in rows if row["label"] == "named"][0]
    out = node.ns.run("wg", "show", node.interface, "preshared-keys").stdout
    assert f"{named['publicKey']}\t{golden['presharedKey']}" in out
    # changed now, it says by whom; over another start too
    peer = named["id"]
    assert node.put(peer, named["publicKey"], generation=2).json["changedByKey"] == 1
    node.restart()
    assert node.get(f"/v1/peers/{peer}").json["changedByKey"] == 1
