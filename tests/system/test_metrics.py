# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node tells of itself: metrics, checks, logs, on real WireGuard."""
import concurrent.futures
import os
import re
import signal
import subprocess
import time
import uuid

import pytest

from lib import telemetry
from lib.netns import sh
from lib.procs import ROOT, Process, wait_for
from lib.telemetry import TOKEN, ask, ask_many, enable, scrape
from lib.wireguard import keypair
from test_node import client_file, new_id


@pytest.fixture
def metered(make_node):
    """metered(number, **metrics): a running node that serves metrics."""

    def make(number=1, *options, start=True, **more):
        node = make_node(number, *options, start=False)
        enable(node, **more)
        return node.start() if start else node

    return make


def fresh(node, **kwargs):
    """A scrape of a reading that began after now."""
    time.sleep(1.05)
    return scrape(node, **kwargs)


def create(node, peer=None, **more):
    return node.call("POST", "/peers", {"peerId": peer or new_id(), **more})


def totals(got):
    return got.get("wgkeeper_wireguard_rx_bytes_total"), got.get("wgkeeper_wireguard_tx_bytes_total")


def transfer(node):
    out = node.device.ns.run("wg", "show", node.interface, "transfer").stdout
    return {line.split("\t")[0]: tuple(map(int, line.split("\t")[1:])) for line in out.splitlines()}


def ping(client, address="192.0.2.9", count=3):
    return client.ns.run("ping", "-c", str(count), "-i", "0.2", "-W", "3", address, check=False).returncode == 0


def test_totals_move_with_traffic_and_never_fall(metered, make_client, wan):
    wan.ip("addr", "add", "192.0.2.9/32", "dev", "lo")
    node = metered(per_peer="true")
    peer, (private, public) = new_id(), keypair()
    created = node.put(peer, public).json
    assert totals(fresh(node)) == (0, 0)
    client = make_client(1, client_file(private, created, node, "192.0.2.9/32"))
    assert ping(client)
    first = fresh(node)
    rx, tx = transfer(node)[public]
    ours = {"peer_id": peer, "allowed_ip": "10.61.0.2/32"}
    theirs = {"interface": node.interface, "public_key": public, "allowed_ips": "10.61.0.2/32"}
    assert rx > 3 * 84 and totals(first) == (rx, tx)
    for name, labels, value in (
            ("wgkeeper_peer_rx_bytes_total", ours, rx), ("wgkeeper_peer_tx_bytes_total", ours, tx),
            ("wireguard_received_bytes_total", theirs, rx), ("wireguard_sent_bytes_total", theirs, tx)):
        assert first.samples[name] == [(labels, value)]
    shaken = int(node.ns.run("wg", "show", node.interface, "latest-handshakes").stdout.split()[1])
    assert int(first.get("wireguard_latest_handshake_seconds", **theirs)) == shaken
    age = first.get("wgkeeper_peer_last_handshake_seconds", **ours)
    assert 0 < age <= time.time() - shaken + 0.1
    assert first.get("wgkeeper_peers", state="active") == 1
    assert first.get("wgkeeper_wireguard_stale_peers") == 0

    # a revoke takes nothing away
    assert node.delete(peer).status == 200
    gone = fresh(node)
    assert all(now >= before for now, before in zip(totals(gone), totals(first)))
    assert "wgkeeper_peer_rx_bytes_total" not in gone.samples
    assert "wireguard_received_bytes_total" not in gone.types

    # neither does an interface that is made anew; what it moves then is added
    private, public = keypair()
    created = node.put(new_id(), public).json
    client.stop()
    client = make_client(2, client_file(private, created, node, "192.0.2.9/32"))
    assert ping(client)
    before = totals(fresh(node))
    assert before > totals(gone)
    node.device.stop()
    node.device.start()
    wait_for(lambda: node.get("/readyz").status == 200)
    after = totals(fresh(node))
    assert all(now >= then for now, then in zip(after, before))
    client.stop()
    assert ping(make_client(3, client_file(private, created, node, "192.0.2.9/32")))
    assert all(now > then for now, then in zip(totals(fresh(node)), before))


def test_a_revoked_and_an_unknown_peer_do_not_disturb_the_totals(metered):
    """Peers that are there before the keeper is, and those somebody else puts there."""
    node = metered()
    _, public = keypair()
    node.put(new_id(), public)
    _, stranger = keypair()
    node.ns.run("wg", "set", node.interface, "peer", stranger, "allowed-ips", "10.99.0.1/32")
    got = fresh(node)
    assert got.get("wgkeeper_drift_peers", kind="unmanaged") == 1
    assert got.get("wgkeeper_wireguard_stale_peers") == 2
    assert got.get("wgkeeper_peers", state="issued") == 1
    assert totals(got) == (0, 0)
    node.ns.run("wg", "set", node.interface, "peer", public, "persistent-keepalive", "9")
    assert fresh(node).get("wgkeeper_drift_peers", kind="altered") == 1
    node.ns.run("wg", "set", node.interface, "peer", public, "remove")
    assert fresh(node).get("wgkeeper_drift_peers", kind="missing") == 1


def documented():
    text = open(os.path.join(ROOT, "docs", "observability.md"), encoding="utf-8").read()
    return {row[0]: row[1] for row in re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \|", text, re.M)}


def test_every_documented_name_comes_once_and_promtool_agrees(metered):
    node = metered(1, "--subnet", "10.61.0.0/26", "--subnet6", "fd61::/112", per_peer="true")
    assert create(node).status == 200
    node.get("/peers/%7Bno%7D")
    got = fresh(node)
    assert got.types == documented()
    result = subprocess.run(["promtool", "check", "metrics"], input=got.text, capture_output=True, text=True)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    for family in ("IPv4", "IPv6"):
        assert got.get("wgkeeper_pool_addresses", family=family, state="used") == 1
    assert got.get("wgkeeper_pool_addresses", family="IPv4", state="possible") == 61
    assert got.get("wgkeeper_build_info", version=node.get("/stats").json["service"]["version"]) == 1
    assert got.get("wgkeeper_store_revision") == node.get("/v1/node").json["revision"]
    for process in ("main", "keeper", "gate"):
        assert got.get("process_resident_memory_bytes", process=process) > 100000
        assert got.get("process_open_fds", process=process) > 3
        assert abs(time.time() - got.get("process_start_time_seconds", process=process)) < 60
    again = fresh(node)  # what annotates restarts must stand still
    assert again.samples["process_start_time_seconds"] == got.samples["process_start_time_seconds"]


def operations(got):
    return {(have["op"], have["result"]): value
            for have, value in got.samples["wgkeeper_peer_operations_total"] if value}


def test_changes_are_counted_by_what_became_of_them(metered):
    node = metered(1, "--subnet", "10.61.0.0/30")
    peer = new_id()
    assert create(node, peer).status == 200
    assert create(node, peer).status == 200  # a rotation
    assert create(node).status == 409  # the pool is full
    assert create(node, addressFamilies=["IPv6"]).status == 400
    assert node.call("DELETE", f"/peers/{new_id()}").status == 404
    assert node.put(new_id(), node.get(f"/peers/{peer}").json["publicKey"]).status == 409
    assert node.put(peer, keypair()[1], expiresAt="2001-01-01T00:00:00Z").status == 400
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    assert create(node, peer, expiresAt=soon).status == 200
    wait_for(lambda: node.get(f"/peers/{peer}").status == 404)
    other = new_id()
    assert create(node, other).status == 200
    assert node.put(other, node.get(f"/peers/{other}").json["publicKey"], label="x").status == 200
    assert node.call("DELETE", f"/peers/{other}").status == 200
    want = {("create", "success"): 2, ("rotate", "success"): 2, ("create", "error_no_ip"): 1,
            ("create", "error_unsupported_family"): 1, ("delete", "error_not_found"): 1,
            ("create", "error_conflict"): 1, ("rotate", "error_invalid"): 1,
            ("expire", "success"): 1, ("update", "success"): 1, ("delete", "success"): 1}
    got = fresh(node)
    assert operations(got) == want
    for op in ("create", "rotate", "update", "delete", "expire"):
        counted = sum(value for (name, _), value in want.items() if name == op)
        assert got.get("wgkeeper_peer_operation_duration_seconds_count", op=op) == counted
    assert got.get("wgkeeper_ended_records") == 2
    assert got.get("wgkeeper_store_commit_duration_seconds_count") >= 6
    # without a device a rotation fails as a rotation, by the device
    assert create(node, other).status == 200
    node.device.stop()
    wait_for(lambda: node.get("/readyz").status == 503)
    assert create(node, other).status == 500
    assert create(node).status == 500
    want = operations(scrape(node))
    assert want[("rotate", "error_device")] == 1 and want[("create", "error_device")] == 1
    # the records survive, the counters are the process'
    before = node.pid_of("keeper")
    node.kill("keeper")
    wait_for(lambda: node.pid_of("keeper") not in (None, before))
    wait_for(lambda: scrape(node).get("wgkeeper_keeper_up") == 1)
    got = scrape(node)
    assert got.get("wgkeeper_ended_records") == 1 and operations(got) == {}


def test_series_of_peers_are_capped_to_those_that_moved_most(metered, make_client, wan):
    wan.ip("addr", "add", "192.0.2.9/32", "dev", "lo")
    node = metered(per_peer="true", per_peer_max=2)
    peer, (private, public) = new_id(), keypair()
    ids = sorted(new_id() for _ in range(5))
    for each in ids:
        assert node.put(each, keypair()[1]).status == 200
    created = node.put(peer, public).json
    # of equals the first ids
    got = fresh(node)
    lowest = set(sorted(ids + [peer])[:2])
    assert got.values("wgkeeper_peer_rx_bytes_total", "peer_id") == lowest
    assert got.get("wgkeeper_peers_capped") == 4
    client = make_client(1, client_file(private, created, node, "192.0.2.9/32"))
    assert ping(client)
    got = fresh(node)
    assert peer in got.values("wgkeeper_peer_tx_bytes_total", "peer_id")
    assert len(got.samples["wireguard_latest_handshake_seconds"]) == 2
    never = [value for have, value in got.samples["wgkeeper_peer_last_handshake_seconds"]
             if have["peer_id"] != peer]
    assert never == [float("inf")]


PUTS = r"""
import base64, http.client, json, os, ssl, sys, uuid
host, port, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
key = sys.stdin.readline().strip()
conn = http.client.HTTPSConnection(host, port, context=ssl._create_unverified_context())
for _ in range(n):
    peer = str(uuid.uuid4())
    body = {"publicKey": base64.b64encode(os.urandom(31) + b"\1").decode(), "generation": 1}
    conn.request("PUT", f"/v1/peers/{peer}", json.dumps(body), {"X-API-Key": key, "Content-Type": "application/json"})
    answer = conn.getresponse()
    answer.read()
    print(peer, answer.status)
"""


STALLED = r"""
import socket, sys
socks = []
for _ in range(4):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.connect((sys.argv[1], 9586))
    s.sendall(f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sys.argv[2]}\r\n\r\n".encode())
    assert s.recv(12) == b"HTTP/1.1 200"
    socks.append(s)
print("stalled", flush=True)
sys.stdin.read()
"""


def put_many(node, n):
    out = node.ns.run("/usr/bin/python3", "-c", PUTS, node.host, node.port, str(n), text=node.key + "\n", timeout=60)
    rows = [line.split() for line in out.stdout.splitlines()]
    assert {row[1] for row in rows} == {"200"}
    return {row[0] for row in rows}


def test_many_peers_come_in_pieces_and_whole(metered):
    node = metered(1, "--subnet", "10.61.0.0/16", per_peer="true", per_peer_max=100000)
    ids = put_many(node, 1200)
    got = fresh(node)
    for name in ("wgkeeper_peer_rx_bytes_total", "wgkeeper_peer_last_handshake_seconds"):
        assert got.values(name, "peer_id") == ids
    assert len(got.samples["wireguard_sent_bytes_total"]) == 1200
    assert got.get("wgkeeper_peers_capped") == 0
    # scrapers that do not read hold memory: so many and no more
    node.ns.run("sysctl", "-qw", "net.ipv4.tcp_wmem=4096 4096 4096")
    stalled = subprocess.Popen(node.ns.argv("/usr/bin/python3", "-c", STALLED, node.host, TOKEN),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert stalled.stdout.readline() == "stalled\n"
        status, headers, _ = ask(node)
        assert (status, headers["retry-after"]) == (503, "1")
        assert node.get("/v1/node").status == 200
    finally:
        stalled.communicate("")
    assert wait_for(lambda: ask(node)[0] == 200)


HOSTILE = ["FOO", "GET\\n", "X" * 200, "get", "PROPFIND", "TRACE", "OPTIONS", "HEAD", "M-SEARCH"]


def test_labels_of_requests_are_bounded_whatever_comes(metered):
    node = metered()
    before = scrape(node)
    for method in HOSTILE + [f"M{n}" for n in range(20)]:
        node.call(method, "/peers", timeout=3)
    for n in range(20):
        node.get(f"/{uuid.uuid4()}?q={n}")
    assert node.call("POST", "/peers", "x" * 300000).status == 413
    wrong = ask_many(node, 60, f"https://{node.host}:{node.port}/stats", "X-API-Key: " + "wrong" * 8)
    assert {status for status, _ in wrong} == {401, 429}
    got = scrape(node)
    name = "wgkeeper_http_requests_total"
    assert got.values(name, "method") <= {"GET", "POST", "PUT", "PATCH", "DELETE", "other"}
    assert got.values(name, "path") <= {"/readyz", "/peers", "/stats", "unmatched"}
    assert got.values(name, "status_class") <= {"2xx", "3xx", "4xx", "5xx", "unknown"}
    assert got.get(name, method="POST", path="/peers", status_class="4xx") == 1
    assert got.sum(name, status_class="4xx") - before.sum(name, status_class="4xx") >= 20 + 60 + 1
    for have, _ in got.samples["wgkeeper_http_request_duration_seconds_count"]:
        counted = got.sum(name, method=have["method"], path=have["path"])
        assert got.get("wgkeeper_http_request_duration_seconds_count", **have) == counted


def test_the_listener_answers_as_published(metered):
    node = metered()
    assert ask(node, token=None)[0] == 401
    status, headers, body = ask(node, token="x" * 40)
    assert (status, body, headers["www-authenticate"]) == (401, "", 'Bearer realm="metrics"')
    assert ask(node, token=node.key)[0] == 401  # the API's key is another matter
    assert node.get("/stats", key=TOKEN).status == 401
    for method in ("POST", "DELETE", "HEAD"):
        status, headers, body = ask(node, method=method)
        assert (status, body, headers["allow"]) == (405, "", "GET"), method
        assert ask(node, method=method, token=None)[0] == 401
    for path in ("/", "/metrics/", "/metrics/x", "/peers", "/%6detrics", "//metrics"):
        status, headers, body = ask(node, path=path, token=None)
        assert (status, body) == (404, "404 page not found\n"), path
    time.sleep(2.2)
    url = f"http://{node.host}:9586/metrics"
    refused = ask_many(node, 40, url, "Authorization: Bearer " + "y" * 40)
    assert [status for status, _ in refused[:10]] == [401] * 10
    assert (refused[-1][0], refused[-1][1]["retry-after"], refused[-1][1]["content-length"]) == (429, "1", "0")
    assert scrape(node).types  # strangers do not use up the scraper's share
    known = [status for status, _ in ask_many(node, 40, url, f"Authorization: Bearer {TOKEN}")]
    assert known[0] == 200 and known[-1] == 429
    assert f"token" in node.process.text() and "y" * 40 not in node.process.text()


def test_the_address_is_configurable_and_a_taken_port_costs_only_the_metrics(metered):
    node = metered(bind="127.0.0.1")
    assert ask(node)[0] == 0  # node.host is another address
    argv = node.ns.argv("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:9586/metrics")
    assert subprocess.run(argv, capture_output=True, text=True).stdout == "401"
    node.stop()
    taker = Process(node.ns.argv("/usr/bin/python3", "-c", "import socket, time\n"
                                 "s = socket.create_server(('127.0.0.1', 9586))\nprint('taken', flush=True)\n"
                                 "time.sleep(60)"), os.path.join(node.folder, "taker.log"))
    try:
        wait_for(lambda: "taken" in taker.text())
        node.start()
        assert node.put(new_id(), keypair()[1]).status == 200
        assert "the metrics cannot be served; everything else is" in node.process.text()
    finally:
        taker.stop()


def test_gate_and_keeper_may_come_and_go(metered):
    node = metered()
    assert scrape(node).get("wgkeeper_keeper_up") == 1
    for part in ("keeper", "gate"):
        before = node.pid_of(part)
        node.kill(part)
        wait_for(lambda: node.pid_of(part) not in (None, before))
        wait_for(lambda: ask(node)[0] == 200 and scrape(node).get("wgkeeper_keeper_up") == 1)
    # a keeper that hangs: what the gate knows comes, in time
    pid = node.pid_of("keeper")
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        got = scrape(node)
        assert time.monotonic() - began < 8
        assert got.get("wgkeeper_keeper_up") == 0 and "wgkeeper_peers" not in got.types
        assert got.get("process_resident_memory_bytes", process="gate") > 100000
        assert got.get("process_resident_memory_bytes", process="keeper") is None
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: scrape(node).get("wgkeeper_keeper_up") == 1)


def audits(node):
    return [telemetry.logfmt(line) for line in node.process.text().splitlines() if "audit." in line]


def test_a_device_that_hangs_keeps_neither_the_metrics_nor_the_log(metered):
    node = metered()
    peer = new_id()
    assert create(node, peer).status == 200
    assert fresh(node).get("wgkeeper_device_read_age_seconds") < 1
    os.kill(node.device.process.pid, signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            time.sleep(1.1)
            began = time.monotonic()
            got = scrape(node)
            assert time.monotonic() - began < 6
            assert got.get("wgkeeper_device_read_age_seconds") > 3
            device = checks_of(node)["device"]
            assert device["state"] == "warning" and "reading" in device["detail"]
            deleted = pool.submit(node.call, "DELETE", f"/peers/{peer}", timeout=20)
            wait_for(lambda: scrape(node).get("wgkeeper_device_read_failures_total") == 1, timeout=15, every=0.5)
            got = scrape(node)
            assert got.get("wgkeeper_check_ok", check="device") == 0
            assert "wgkeeper_peers" not in got.types and "wgkeeper_wireguard_stale_peers" not in got.types
            assert deleted.result().status == 500
    finally:
        os.kill(node.device.process.pid, signal.SIGCONT)
    # the store has it, and the caller was told that nobody has seen it done
    row = audits(node)[-1]
    assert row["msg"] == "audit.peer_deleted" and row["outcome"] == "stored" and row["reason"]
    wait_for(lambda: node.get("/readyz").status == 200)


#
# Readiness
#

UNREADY = '{"status":"unhealthy","reason":"wireguard_unavailable"}'


def health(node):
    return node.ns.run(node.program, "--config", node.config, "--health", check=False)


def checks_of(node):
    return {row["name"]: row for row in node.get("/v1/ready").json["checks"]}


def test_what_is_wrong_is_said_with_its_remedy(make_node):
    node = make_node(start=False)
    # another table drops what is forwarded: ready all the same, and the command that mends it does
    node.ns.run("nft", "add table ip strict; add chain ip strict fw { type filter hook forward priority 0; "
                "policy drop; }")
    node.start()
    answer = node.get("/v1/ready")
    assert answer.status == 200 and answer.json["ready"] is True
    checks = checks_of(node)
    assert list(checks) == ["device", "store", "forwarding", "clock", "certificate", "disk"]
    for name in ("device", "store", "certificate", "disk"):
        assert checks[name]["state"] == "ok" and checks[name]["remedy"] is None, checks[name]
    blocked = checks["forwarding"]
    assert blocked["state"] == "warning" and "strict" in blocked["remedy"]
    node.ns.run("sh", "-c", blocked["remedy"])
    wait_for(lambda: checks_of(node)["forwarding"]["state"] == "ok", timeout=8)
    assert node.get("/v1/ready", key="z" * 43).status == 401
    result = health(node)
    assert result.returncode == 0 and result.stdout.startswith("ready\ndevice       ok"), result
    assert node.key not in result.stdout + result.stderr

    # without its interface it is not ready; strangers learn no more than before
    node.device.stop()
    wait_for(lambda: node.get("/readyz").status == 503)
    for key in (node.key, "z" * 43):
        assert node.get("/readyz", key=key).text == UNREADY
    answer = node.get("/v1/ready")
    assert answer.status == 503 and answer.json["ready"] is False
    device = {row["name"]: row for row in answer.json["checks"]}["device"]
    assert device["state"] == "failed" and f"wgkeeper-wireguard-go@{node.interface}" in device["remedy"]
    result = health(node)
    assert result.returncode == 1 and result.stdout.startswith("not ready\ndevice       failed"), result
    assert "remedy: " in result.stdout
    node.device.start()
    wait_for(lambda: health(node).returncode == 0)


def test_a_full_disk_is_said_and_over_when_there_is_room(metered):
    node = metered(start=False)
    state = os.path.join(node.folder, "state")
    kept = os.path.join(node.folder, "kept")
    os.rename(state, kept)
    os.mkdir(state, 0o700)
    sh("mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "none", state)
    try:
        sh("cp", "-a", f"{kept}/.", state)
        node.start()
        assert create(node).status == 200
        assert checks_of(node)["disk"]["state"] == "warning"  # of so small a disk
        with open(os.path.join(state, "filler"), "wb", buffering=0) as filler:
            with pytest.raises(OSError):
                while True:
                    filler.write(b"x" * 4096)
        assert wait_for(lambda: create(node).status == 507)
        got = scrape(node)
        assert got.get("wgkeeper_peer_operations_total", op="create", result="error_persist") >= 1
        assert got.get("wgkeeper_store_commit_failures_total") >= 1
        assert got.get("wgkeeper_disk_free_bytes") == 0
        checks = checks_of(node)
        for name in ("store", "disk"):
            assert checks[name]["state"] == "failed" and state in checks[name]["remedy"], checks[name]
        assert node.get("/v1/ready").status == 200  # peers that are there are served
        os.remove(os.path.join(state, "filler"))
        assert create(node).status == 200
        assert checks_of(node)["store"]["state"] == "ok"
    finally:
        node.stop()
        sh("umount", state)


def test_the_key_is_shown_to_nobody_else_on_the_port(make_node, tmp_path):
    """While the node is down any local user may listen on its port."""
    node = make_node()
    node.stop()
    cert, key, seen = (str(tmp_path / name) for name in ("c.pem", "k.pem", "seen"))
    sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
       "-subj", "/CN=x", "-keyout", key, "-out", cert)
    code = f"""
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain({cert!r}, {key!r})
server = socket.create_server(("127.0.0.1", {node.port})); print("listening", flush=True)
while True:
    try:
        conn, _ = server.accept(); conn = context.wrap_socket(conn, server_side=True)
        open({seen!r}, "ab").write(conn.recv(65536)); conn.close()
    except OSError:
        pass
"""
    impostor = Process(node.ns.argv("/usr/bin/python3", "-c", code), str(tmp_path / "impostor.log"))
    try:
        wait_for(lambda: "listening" in impostor.text())
        assert health(node).returncode == 1
        asked = open(seen, encoding="latin-1").read()
        assert "/readyz" in asked and "/v1/ready" not in asked and node.key not in asked
    finally:
        impostor.stop()


#
# Logs
#

def exercise(node):
    """One of everything that is logged; gives the secrets that were about."""
    peer = new_id()
    made = create(node, peer, expiresAt="2099-01-01T00:00:00Z").json
    turned = create(node, peer).json
    psk = keypair()[0]
    other, (_, public) = new_id(), keypair()
    assert node.put(other, public, presharedKey=psk).status == 200
    for _ in range(2):  # the second time nothing changes, and nothing is said
        assert node.put(other, public, generation=2, label="x").status == 200
    assert node.put(other, public, generation=3, label="x\n<3>level=error").status == 400
    assert node.delete(other, generation=3).status == 200
    assert node.call("DELETE", f"/peers/{peer}").status == 200
    for path in (b"/\xff\xfe%0a<3>forged", b"/a\"b\\c d?secret=hunter2", "/\u202eevil".encode()):
        raw_request(node, b"GET " + path.replace(b" ", b"%20") + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    node.get("/stats?api_key=hunter2")
    wrong = "wrong-key-" + "w" * 33
    node.get("/stats", key=wrong)
    ask(node, token="stolen" * 8)
    return peer, other, [node.key, TOKEN, psk, wrong, "stolen" * 8, "hunter2",
                         *(made["peer"][k] for k in ("privateKey", "presharedKey")),
                         *(turned["peer"][k] for k in ("privateKey", "presharedKey"))]


def raw_request(node, data):
    code = ("import socket, ssl, sys\n"
            "c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE\n"
            f"s = c.wrap_socket(socket.create_connection(('{node.host}', {node.port}), 5))\n"
            "s.sendall(sys.stdin.buffer.read()); s.settimeout(3)\n"
            "try: s.recv(4096)\nexcept OSError: pass\n")
    subprocess.run(node.ns.argv("/usr/bin/python3", "-c", code), input=data, capture_output=True, timeout=10)


PUBLISHED = {
    "audit.peer_created": {"peerId", "publicKey", "allowedIPs", "addressFamilies", "expiresAt", "client_ip",
                           "request_id"},
    "audit.peer_rotated": {"peerId", "publicKey", "allowedIPs", "addressFamilies", "expiresAt", "client_ip",
                           "request_id"},
    "audit.peer_deleted": {"peerId", "allowedIPs", "client_ip", "request_id"},
    "audit.peer_expired": {"peerId", "allowedIPs"},
}


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_logs_parse_and_hold_no_secret(metered, form):
    node = metered(start=False)
    with open(node.config, "a", encoding="utf-8") as out:
        out.write(f"log:\n  format: {form}\n  level: debug\n")
    node.start()
    peer, other, secrets = exercise(node)
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    short = new_id()
    assert create(node, short, expiresAt=soon).status == 200
    wait_for(lambda: "peer_expired" in node.process.text())
    before = node.pid_of("keeper")
    node.kill("keeper")  # main's own line
    wait_for(lambda: node.pid_of("keeper") not in (None, before))
    wait_for(lambda: node.get("/readyz").status == 200)
    node.stop()
    raw = open(os.path.join(node.folder, "node.log"), "rb").read()
    parse = telemetry.logfmt if form == "logfmt" else telemetry.json_line
    lines = [parse(line) for line in raw.decode("utf-8").splitlines()]
    for secret in secrets:
        assert secret.encode() not in raw, secret
    assert len([row for row in lines if row["msg"] == "a process ended; it is started again"]) == 1

    audits = [row for row in lines if row["msg"].startswith("audit.")]
    kinds = [(row["msg"].split("_")[1], row["peerId"]) for row in audits]
    assert kinds == [("created", peer), ("rotated", peer), ("created", other), ("changed", other),
                     ("deleted", other), ("deleted", peer), ("created", short), ("expired", short)]
    for row in audits:
        assert PUBLISHED.get(row["msg"], set()) <= set(row), row
    assert audits[0]["expiresAt"] == "2099-01-01T00:00:00Z" and audits[2]["expiresAt"] == "permanent"
    requests = {row["request_id"]: row for row in lines if row["msg"] == "request"}
    for row in audits[:-1]:
        assert row["client_ip"] == node.host
        assert requests[row["request_id"]]["method"] in ("POST", "PUT", "DELETE")
        assert {"method", "path", "status", "latency", "ip", "request_id"} <= set(requests[row["request_id"]])
    assert not any("?" in row["path"] or row["path"] in ("/readyz", "/healthz") for row in requests.values())
    assert any("\ufffd" in row["path"] for row in requests.values())


def test_the_client_in_the_audit_line_is_who_the_proxy_says(metered):
    node = metered()
    name = os.path.join(node.folder, "head")
    with open(name, "w", encoding="utf-8") as out:
        out.write(f"X-API-Key: {node.key}\nX-Forwarded-For: 203.0.113.77\n"
                  "X-Request-Id: 6b1f6c9e-6a58-4c2f-9c4e-0f9d2b7f1a55\n")
    result = node.ns.run("curl", "-sk", "-H", f"@{name}", "--data-binary", f'{{"peerId":"{new_id()}"}}',
                         f"https://127.0.0.1:{node.port}/peers")
    assert "privateKey" in result.stdout
    row = audits(node)[0]
    assert row["client_ip"] == "203.0.113.77"
    assert row["request_id"] == "6b1f6c9e-6a58-4c2f-9c4e-0f9d2b7f1a55"


def test_a_revoke_without_an_interface_is_confirmed(metered):
    """With the interface gone the key is gone too."""
    node = metered()
    peer = new_id()
    assert create(node, peer).status == 200
    node.device.stop()
    wait_for(lambda: node.get("/readyz").status == 503)
    assert node.call("DELETE", f"/peers/{peer}").status == 200
    assert [row["msg"] for row in audits(node)] == ["audit.peer_created", "audit.peer_deleted"]
    assert "outcome" not in audits(node)[1]


LEVELS = [("warn", False), ("info", True)]


@pytest.mark.parametrize("level,shown", LEVELS)
def test_the_level_holds_in_all_processes(metered, level, shown):
    node = metered(start=False)
    with open(node.config, "a", encoding="utf-8") as out:
        out.write(f"log:\n  level: {level}\n")
    node.start()
    assert create(node).status == 200
    node.stop()
    text = open(os.path.join(node.folder, "node.log"), encoding="utf-8").read()
    assert ("audit.peer_created" in text) == ('msg="request"' in text) == shown


def test_wrong_settings_are_named(metered):
    node = metered(start=False)
    text = open(node.config, encoding="utf-8").read()
    for more, word in (("log:\n  format: xml\n", "log.format"), ("log:\n  level: loud\n", "log.level"),
                       ("log:\n  colour: red\n", "log.colour")):
        result = node.check(text + more)
        assert result.returncode == 78 and word in result.stderr, result.stderr
    result = node.check(text.replace(TOKEN, node.key))
    assert result.returncode == 78 and "metrics.token must differ" in result.stderr
    assert node.key not in result.stderr
