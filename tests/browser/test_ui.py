# SPDX-License-Identifier: AGPL-3.0-or-later
"""The way of one peer through the browser, over plain HTTP from another machine."""
import json
import os
import subprocess
import time

from lib.procs import BUILD, ROOT, wait_for
from lib.wireguard import Pinger


def browse(ns, step, **given):
    given.setdefault("screens", os.path.join(BUILD, "screens"))
    result = subprocess.run(ns.argv("node", os.path.join(ROOT, "tests/browser/steps.mjs"), step),
                            input=json.dumps(given), capture_output=True, text=True, timeout=90)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert "error" not in answer, answer
    assert answer["problems"] == [], answer["problems"]
    return answer


def test_issue_use_and_revoke_in_the_browser(console, make_node, make_client, wan, tmp_path):
    wan.ip("addr", "add", "192.0.2.9/32", "dev", "lo")
    nodes = {"de-1": make_node(1), "nl-1": make_node(2)}
    given = {"base": "http://198.18.0.1:8080", "user": console.USER, "first": console.first_password,
             "password": console.password, "folder": str(tmp_path)}
    browse(wan, "setup", nodes=[{"name": n, "enrol": node.enrol} for n, node in nodes.items()], **given)
    issued = browse(wan, "issue", person="Ada Example", device="mbp-14", node="de-1", **given)
    assert issued["leaked"] is False
    text = open(issued["file"], encoding="utf-8").read()
    key = text.split("PrivateKey = ")[1].split("\n")[0]
    for place in (console.process.text(), nodes["de-1"].process.text()):
        assert key not in place
    for folder, _, names in os.walk(tmp_path):
        for name in names:
            path = os.path.join(folder, name)
            if path != issued["file"] and not name.endswith(".conf"):
                assert key.encode() not in open(path, "rb").read(), path
    client = make_client(1, text)
    assert client.ns.run("ping", "-c", "2", "-W", "3", "192.0.2.9").returncode == 0
    ping = Pinger(client.ns, "192.0.2.9", str(tmp_path / "ping.log"))
    wait_for(lambda: len(ping.answers()) > 5)
    revoked = browse(wan, "revoke", device="mbp-14", **given)
    time.sleep(1)
    ping.stop()
    assert max(ping.answers().values()) - revoked["at"] < 1
    browse(wan, "tour", **given)
