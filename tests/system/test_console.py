# SPDX-License-Identifier: AGPL-3.0-or-later
"""The Console's API, with nodes on real WireGuard."""
import time

import pytest

from lib.procs import wait_for
from lib.wireguard import Pinger, keypair

pytestmark = pytest.mark.engines("sqlite", "postgres")


def add_node(api, node, name):
    answer = api.post("/nodes", {"name": name, "enrol": node.enrol})
    assert answer.status == 201, answer.text
    return answer.json


def add_person(api, name="Ada Example", kind="contractor"):
    answer = api.post("/people", {"name": name, "kind": kind})
    assert answer.status == 201, answer.text
    return answer.json


def issue(api, person, node, name="laptop", **more):
    private, public = keypair()
    answer = api.post("/peers", {"personId": person["id"], "nodeId": node["id"], "name": name,
                                 "publicKey": public, **more})
    return answer, private, public


def config_of(private, client):
    return (f"[Interface]\nPrivateKey = {private}\nAddress = {', '.join(client['addresses'])}\n\n"
            f"[Peer]\nPublicKey = {client['serverPublicKey']}\nEndpoint = {client['endpoint']}\n"
            f"AllowedIPs = {', '.join(client['allowedIPs'])}\n"
            f"PersistentKeepalive = {client['persistentKeepalive']}\n")


def entries(api, **filters):
    query = "&".join(f"{key}={value}" for key, value in filters.items())
    return api.get(f"/audit?limit=100&{query}").json["data"]


def test_two_nodes_are_online_within_five_seconds(console, make_node):
    api = console.admin()
    began = time.monotonic()
    for number, name in ((1, "de-1"), (2, "nl-1")):
        add_node(api, make_node(number), name)
    wait_for(lambda: api.get("/nodes").json["counts"]["online"] == 2, timeout=5)
    listed = api.get("/nodes?sort=name").json
    assert [row["name"] for row in listed["data"]] == ["de-1", "nl-1"] and listed["total"] == 2
    assert all(row["kind"] == "native" and row["forwarding"] == "ok" for row in listed["data"])
    assert time.monotonic() - began < 15


def test_nothing_else_before_the_password_is_changed(console):
    api = console.api()
    assert api.get("/nodes").status == 401
    session = api.login(console.USER, console.first_password)
    assert session.status == 200 and session.json["operator"]["mustChangePassword"] is True
    refused = api.get("/nodes")
    assert refused.status == 403 and refused.json["code"] == "password_change_required"
    weak = api.call("PUT", "/me/password", {"currentPassword": console.first_password, "newPassword": "short"})
    assert weak.status == 400 and weak.json["code"] == "weak_password"
    assert weak.json["field"] == "newPassword"


def test_changes_need_the_token_and_the_own_site(console):
    api = console.admin()
    body = {"name": "Eve", "kind": "staff"}
    assert api.post("/people", body, headers={"X-CSRF": "x" * 43}).json["code"] == "cross_site"
    assert api.post("/people", body, headers={"Sec-Fetch-Site": "cross-site"}).status == 403
    assert api.post("/people", body, headers={"Origin": "http://evil.example"}).status == 403
    assert api.post("/people", body).status == 201


def test_issue_use_revoke_and_the_log_says_so(console, make_node, make_client, wan, tmp_path):
    wan.ip("addr", "add", "192.0.2.9/32", "dev", "lo")
    api, node = console.admin(), make_node(1)
    de1, ada = add_node(api, node, "de-1"), add_person(console.admin())
    answer, private, public = issue(api, ada, de1)
    assert answer.status == 201, answer.text
    peer, client = answer.json["peer"], answer.json["client"]
    assert peer["access"] == "active" and peer["pending"] is False
    assert node.device.peers() == {public: client["addresses"]}
    machine = make_client(1, config_of(private, client))
    ping = Pinger(machine.ns, "192.0.2.9", str(tmp_path / "ping.log"))
    wait_for(lambda: len(ping.answers()) > 5)
    asked = time.time()
    revoked = api.post(f"/peers/{peer['id']}/revoke")
    assert revoked.status == 200 and revoked.json["access"] == "revoked"
    time.sleep(1.5)
    ping.stop()
    assert max(ping.answers().values()) - asked < 1
    assert api.post(f"/peers/{peer['id']}/revoke").json["access"] == "revoked"
    log = [(row["action"], row["outcome"]) for row in reversed(entries(api, peer=peer["id"]))]
    assert log == [("peer.issue", "requested"), ("peer.issue", "confirmed"),
                   ("peer.revoke", "requested"), ("peer.revoke", "confirmed")]
    who = entries(api, peer=peer["id"], action="peer.revoke", outcome="requested")[0]
    assert who["actor"]["name"] == "admin" and who["person"]["name"] == "Ada Example"
    assert who["node"]["name"] == "de-1" and who["source"] == "127.0.0.1"


def test_a_revoke_survives_the_node_and_the_console_being_away(console, make_node):
    api, node = console.admin(), make_node(1)
    de1, ada = add_node(api, node, "de-1"), add_person(api)
    answer, _, public = issue(api, ada, de1)
    peer = answer.json["peer"]["id"]
    node.ns.ip("link", "set", "wan0", "down")
    revoked = api.post(f"/peers/{peer}/revoke")
    assert revoked.status == 200 and revoked.json["access"] == "revoke_pending"
    assert revoked.json["pending"] is True
    assert api.get("/peers?view=pending").json["counts"]["pending"] == 1
    console.kill()
    assert public in node.device.peers()
    console.start()
    api = console.admin()
    assert api.get(f"/peers/{peer}").json["access"] == "revoke_pending"
    node.ns.ip("link", "set", "wan0", "up")
    node.ns.ip("route", "replace", "default", "via", "198.51.1.254")
    wait_for(lambda: api.get(f"/peers/{peer}").json["access"] == "revoked", timeout=10)
    assert node.device.peers() == {}
    log = [row["outcome"] for row in entries(api, peer=peer, action="peer.revoke")]
    assert log == ["confirmed", "requested"]


def test_issue_on_a_full_or_absent_node_leaves_nothing(console, make_node):
    api, node = console.admin(), make_node(1, "--subnet", "10.61.0.0/30")
    de1, ada = add_node(api, node, "de-1"), add_person(api)
    assert issue(api, ada, de1)[0].status == 201
    full, _, _ = issue(api, ada, de1, "phone")
    assert full.status == 409 and full.json["code"] == "no_available_ip"
    assert api.get("/peers?view=ended").json["data"][0]["access"] == "failed"
    node.ns.ip("link", "set", "wan0", "down")
    away, _, _ = issue(api, ada, de1, "tablet")
    assert away.status in (503, 504)
    assert away.json["code"] in ("node_unreachable", "node_unconfirmed")
    assert len(node.device.peers()) == 1


def test_expiry_can_change_and_the_peer_expires_by_itself(console, make_node):
    api, node = console.admin(), make_node(1)
    de1, ada = add_node(api, node, "de-1"), add_person(api)
    answer, _, public = issue(api, ada, de1, presharedKey=keypair()[0])
    peer = answer.json["peer"]
    path = f"/peers/{peer['id']}"
    stale = api.call("PATCH", path, {"expiresAt": None}, headers={"If-Match": '"0"'})
    assert stale.status == 412 and stale.json["code"] == "changed"
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))
    changed = api.call("PATCH", path, {"expiresAt": at}, headers={"If-Match": f'"{peer["etag"]}"'})
    assert changed.status == 200 and changed.json["expiresAt"] == at
    assert changed.json["pending"] is False, changed.text
    assert node.get(f"/v1/peers/{peer['id']}").json["hasPresharedKey"] is True
    wait_for(lambda: public not in node.device.peers(), timeout=6)
    wait_for(lambda: api.get(path).json["access"] == "expired", timeout=15)
    log = [(row["action"], row["outcome"]) for row in entries(api, peer=peer["id"], action="peer.expire")]
    assert log == [("peer.expire", "confirmed")]


def test_revoke_all_and_removing_a_node(console, make_node):
    api = console.admin()
    nodes = [make_node(1), make_node(2)]
    de1, nl1 = add_node(api, nodes[0], "de-1"), add_node(api, nodes[1], "nl-1")
    ada, bob = add_person(api), add_person(api, "Bob Example", "staff")
    for node in (de1, nl1):
        assert issue(api, ada, node)[0].status == 201
    assert issue(api, bob, nl1)[0].status == 201
    results = api.post(f"/people/{ada['id']}/revoke").json
    assert [row["access"] for row in results["results"]] == ["revoked", "revoked"]
    assert results["person"]["peersActive"] == 0
    assert nodes[0].device.peers() == {} and len(nodes[1].device.peers()) == 1
    left = api.call("DELETE", f"/nodes/{nl1['id']}?peers=leave")
    assert left.status == 200 and left.json["unmanaged"] == 1
    row = api.get("/peers?view=unmanaged").json["data"][0]
    assert row["access"] == "unmanaged" and row["unmanagedSince"]
    gone = api.call("DELETE", f"/nodes/{de1['id']}?peers=revoke")
    assert gone.status == 200, gone.text
    wait_for(lambda: api.get("/nodes").json["total"] == 0, timeout=10)


def test_check_shows_the_fingerprint_before_the_key_is_sent(console, make_node):
    api, node = console.admin(), make_node(1)
    look = api.post("/nodes/check", {"address": f"{node.host}:{node.port}", "apiKey": node.key})
    assert look.status == 200, look.text
    steps = {row["name"]: row["state"] for row in look.json["steps"]}
    assert steps["connect"] == "ok" and steps["certificate"] == "waiting" and not look.json["ok"]
    assert "/v1/node" not in node.process.text()
    sure = api.post("/nodes/check", {"address": f"{node.host}:{node.port}", "apiKey": node.key,
                                     "fingerprint": look.json["fingerprint"]})
    assert sure.json["ok"] is True and sure.json["node"]["kind"] == "native"


BAD_NODES = [
    ({"name": "x", "enrol": "wgk1:nonsense"}, 400, "invalid_field", "enrol"),
    ({"name": "x", "address": "nowhere", "apiKey": "k" * 40}, 400, "invalid_field", "address"),
    ({"name": "x", "address": "198.51.1.1:1", "apiKey": "k" * 40,
      "fingerprint": "sha256//" + "A" * 43 + "="}, 503, "node_unreachable", None),
    ({"name": "x", "address": "169.254.169.254:80", "apiKey": "k" * 40,
      "fingerprint": "sha256//" + "A" * 43 + "="}, 400, "address_refused", "address"),
    ({"name": "x", "address": "http://198.51.1.1:1", "apiKey": "k" * 40}, 400,
     "plain_http_not_confirmed", "plainConfirmed"),
    ({"address": "198.51.1.1:1"}, 400, "missing_field", "name"),
    ({"name": "x", "colour": "red"}, 400, "unknown_field", "colour"),
]


def test_bad_nodes_are_refused_by_name_and_remedy(console, make_node):
    api, node = console.admin(), make_node(1)
    for body, status, code, field in BAD_NODES:
        answer = api.post("/nodes", body)
        assert (answer.status, answer.json["code"], answer.json["field"]) == (status, code, field), answer.text
        assert answer.json["detail"] and "k" * 40 not in answer.text
    wrong_key = api.post("/nodes", {"name": "x", "enrol": node.enrol.replace(node.key, "k" * 43)})
    assert wrong_key.status == 502 and wrong_key.json["code"] == "node_api_key_rejected"
    other_pin = api.post("/nodes", {"name": "x", "enrol": node.enrol.replace(node.pin, "A" * 43)})
    assert other_pin.status == 502 and other_pin.json["code"] == "node_fingerprint_changed"
    assert api.get("/nodes").json["total"] == 0
    assert api.post("/people", data="{", headers={}).json["code"] == "invalid_json"
    assert api.post("/people", data="x" * (1024 * 1024)).status == 413
    assert api.get("/peers/nope").json["code"] == "peer_not_found"
    assert api.get("/peers?offset=100001").json["code"] == "offset_too_deep"
    assert api.get("/peers?cursor=xyz").json["code"] == "invalid_cursor"


def test_failed_sign_ins_are_in_the_log_and_throttled(console):
    admin, api = console.admin(), console.api()
    for _ in range(3):
        assert api.login("admin", "wrong").status == 401
    assert api.login("nobody", "wrong").status == 401
    codes = [api.login("admin", "wrong").status for _ in range(12)]
    assert codes[-1] == 429
    rows = entries(admin, action="session.fail")
    assert {row["target"]["name"] for row in rows} == {"admin", "nobody"}
    assert all(row["actor"]["kind"] == "anonymous" and row["source"] for row in rows)


BAD_ENVIRONMENTS = [
    ({"SECRET_KEY": "short"}, "SECRET_KEY"),
    ({"SECRET_KEY": "change-me-please-change-me-please-change"}, "SECRET_KEY"),
    ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
    ({"DATABASE_URL": "postgres://u:hun/ter2@h/db"}, "DATABASE_URL"),
    ({"PORT": "80a80"}, "PORT"),
]


@pytest.mark.parametrize("change,word", BAD_ENVIRONMENTS, ids=[f"{w}-{i}" for i, (_, w) in enumerate(BAD_ENVIRONMENTS)])
def test_bad_environments_are_named(console, change, word):
    console.stop()
    process = console.spawn(**change)
    wait_for(lambda: not process.running())
    assert process.popen.returncode == 78 and word in process.text().splitlines()[-1]


def test_another_secret_or_a_foreign_database_is_refused(console):
    console.stop()
    before, foreign = console.database.snapshot(), console.database.foreign()
    process = console.spawn(SECRET_KEY="another-key-that-is-long-enough-0123456789")
    wait_for(lambda: not process.running())
    assert process.popen.returncode == 78 and "SECRET_KEY" in process.text().splitlines()[-1]
    assert console.database.snapshot() == before
    there = foreign.snapshot()
    process = console.spawn(DATABASE_URL=foreign.url)
    wait_for(lambda: not process.running())
    assert process.popen.returncode == 78 and "foreign_store" in process.text().splitlines()[-1]
    assert foreign.snapshot() == there


def fits(schemas, schema, value, path):
    """A value against the little of JSON Schema that the description uses."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].split("/")[-1]]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    python = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict, "null": type(None)}
    if value is None and (not kinds or "object" in kinds):
        return  # an object that may be missing
    assert not kinds or any(isinstance(value, python[kind]) for kind in kinds), (path, value)
    assert "enum" not in schema or value in schema["enum"], (path, value)
    if isinstance(value, dict) and "properties" in schema:
        assert set(value) <= set(schema["properties"]), (path, set(value) - set(schema["properties"]))
        assert set(schema.get("required", [])) <= set(value), (path, value)
        for key, inner in value.items():
            fits(schemas, schema["properties"][key], inner, f"{path}.{key}")
    if isinstance(value, list) and "items" in schema:
        for inner in value:
            fits(schemas, schema["items"], inner, path + "[]")


def test_real_answers_are_as_the_description_says(console, make_node):
    api, node = console.admin(), make_node(1)
    described = api.get("/openapi.json").json
    schemas = described["components"]["schemas"]
    de1, ada = add_node(api, node, "de-1"), add_person(api)
    issue(api, ada, de1)
    for path in ("/session", "/nodes", "/people", "/peers", "/audit", f"/nodes/{de1['id']}", "/audit/1"):
        name = path.replace(de1["id"], "{id}").replace("/audit/1", "/audit/{seq}")
        answer = described["paths"]["/api/v1" + name]["get"]["responses"]["200"]
        fits(schemas, answer["content"]["application/json"]["schema"], api.get(path).json, path)
    problem = api.get("/peers/nope").json
    fits(schemas, schemas["Problem"], problem, "problem")
    assert console.password not in api.get("/audit").text
    assert len(described["paths"]) > 12
