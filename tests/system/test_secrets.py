# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where a node's secrets are not: command lines, environments, logs, metrics, errors, and, once they have been
used, memory."""
import base64
import json
import os
import re

from lib.procs import wait_for
from lib.wireguard import keypair
from test_node import new_id

RELEASE = "build"  # sanitizers keep what was freed
TOKEN = "metrics-token-that-is-long-enough-0123456789"


def memory_of(pid):
    """All that a process has of its own, as one text."""
    parts = []
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not match or "[v" in line:
                continue
            first, last = (int(number, 16) for number in match.groups())
            mem.seek(first)
            try:
                parts.append(mem.read(last - first))
            except OSError:
                continue
    return b"\0".join(parts)


def forms(key):
    """A WireGuard key as text and as bytes."""
    return [key.encode(), base64.b64decode(key)]


def found(places, secrets):
    return [(place, name) for place, text in places.items() for name, kinds in secrets.items()
            if any(kind in text for kind in kinds)]


def busy(node):
    """Everything that handles secrets, wrong ones too. Names and forms of what came by."""
    (_, public), psk = keypair(), keypair()[0]
    assert node.put(new_id(), public, presharedKey=psk).status == 200
    made = node.call("POST", "/peers", {"peerId": new_id()}).json["peer"]
    again = node.call("POST", "/peers", {"peerId": made["peerId"]}).json["peer"]
    errors = [node.put(new_id(), "A" * 43 + "=", presharedKey=psk), node.put("nonsense", public, presharedKey=psk),
              node.call("PUT", f"/v1/peers/{new_id()}", json.dumps({"presharedKey": psk, "x": 1})),
              node.call("POST", "/peers", f'{{"peerId": "{psk}"}}'), node.get("/v1/node", key=node.key + "x")]
    assert all(answer.status >= 400 for answer in errors)
    secrets = {"the preshared key that was sent": forms(psk)}
    for name, peer in (("created", made), ("rotated", again)):
        secrets[f"the private key that was {name}"] = forms(peer["privateKey"])
        secrets[f"the preshared key that was {name}"] = forms(peer["presharedKey"])
    return secrets, "".join(answer.text for answer in errors)


def test_secrets_are_where_they_are_needed_and_nowhere_else(make_node):
    node = make_node(start=False, build=RELEASE)
    with open(node.config, "a", encoding="utf-8") as out:
        out.write(f"metrics:\n  port: 9586\n  token: {TOKEN}\n  per_peer: true\nlog:\n  level: debug\n")
    node.start()
    with open(os.path.join(node.folder, "state/interface.key"), encoding="ascii") as file:
        interface = forms(file.read().strip())
    with open(os.path.join(node.folder, "state/tls.key"), encoding="ascii") as file:
        https = [line.encode() for line in file.read().splitlines() if len(line) > 60]
    passing, errors = busy(node)
    scrape = node.ns.run("curl", "-s", "-H", f"Authorization: Bearer {TOKEN}", "http://127.0.0.1:9586/metrics").stdout
    assert "wgkeeper_peers" in scrape
    secrets = {**passing, "the API key": [node.key.encode()], "the metrics token": [TOKEN.encode()],
               "the interface's key": interface, "the HTTPS key": https}

    pids = {"main": node.process.pid, "keeper": node.pid_of("keeper"), "gate": node.pid_of("gate")}
    places = {"the log": node.process.text().encode(), "errors": errors.encode(), "metrics": scrape.encode()}
    for name, pid in pids.items():
        for file in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{file}", "rb") as text:
                places[f"{file} of {name}"] = text.read()
    assert found(places, secrets) == []

    # connections that are over take what came through them along
    wait_for(lambda: "ESTAB" not in node.ns.run("ss", "-Htn", f"( sport = :{node.port} )").stdout)
    memory = {name: memory_of(pid) for name, pid in pids.items()}
    assert all(len(text) > 100000 for text in memory.values())
    keeps = {"keeper": {"the interface's key", "the HTTPS key"} | {n for n in secrets if "preshared" in n}}
    there = [(place, name) for place, name in found(memory, secrets) if name not in keeps.get(place, ())]
    assert there == []
    # the scan does see what is there
    assert ("keeper", "the interface's key") in found(memory, secrets)
