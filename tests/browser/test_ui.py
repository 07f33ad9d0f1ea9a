# SPDX-License-Identifier: AGPL-3.0-or-later
"""The way of one peer through the browser, over plain HTTP from another machine."""
import json
import os
import re
import subprocess
import time

from lib.procs import BUILD, ROOT, wait_for
from lib.wireguard import Pinger
from test_operators import grow_old


def browse(ns, step, outside=None, **given):
    """`outside`: what the step asks for by writing a file of that name into the folder."""
    given.setdefault("screens", os.path.join(BUILD, "screens"))
    end, waiting = time.monotonic() + 150, dict(outside or {})
    process = subprocess.Popen(ns.argv("node", os.path.join(ROOT, "tests/browser/steps.mjs"), step), text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(json.dumps(given))
    process.stdin.close()
    try:
        while process.poll() is None and time.monotonic() < end:
            for name in [name for name in waiting if os.path.exists(os.path.join(given["folder"], name))]:
                waiting.pop(name)()
                os.remove(os.path.join(given["folder"], name))
            time.sleep(0.02)
    finally:
        process.kill()
    output, errors = process.stdout.read(), process.stderr.read()
    assert process.wait(5) == 0, errors
    answer = json.loads(output)
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


def test_operators_tokens_and_the_password_that_is_asked_for(console, make_node, wan, tmp_path):
    admin, node = console.admin(), make_node(1)
    assert admin.post("/nodes", {"name": "de-1", "enrol": node.enrol}).status == 201
    given = {"base": "http://198.18.0.1:8080", "user": console.USER, "password": console.password, "folder": str(tmp_path)}

    def end_sessions():
        for row in admin.get("/sessions").json["data"]:
            if not row["current"]:
                assert admin.call("DELETE", f"/sessions/{row['id']}").status == 204

    made = browse(wan, "operators", outside={"grow-old": lambda: grow_old(console), "end-session": end_sessions}, **given)
    assert re.fullmatch(r"wgk_[\w-]{43}", made["token"])
    assert console.api(token=made["token"]).get("/nodes").json["total"] == 1
    seen = browse(wan, "auditor", given=made["first"], **{**given, "password": "lantern quilt orbit"})
    assert "read-only" in seen["role"]
    # what an auditor's pages offer: to look, to sort, to filter, and their own account
    looks = re.compile(r"^/[\w/]+: (All.*|Active.*|Ended.*|Current.*|Connected.*|Never used.*|Online.*|Change password|"
                       r"End( .*)?|Last .*|Expires.*|Issued.*|Peer.*|Owner.*|Node.*|\d+|admin.*|ada\.lovelace.*|Older|Newer|"
                       r"Contractor.*|Staff.*|de-1)$", re.S)
    assert [text for text in seen["seen"] if not looks.match(text)] == []
