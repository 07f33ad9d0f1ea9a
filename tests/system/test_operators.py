# SPDX-License-Identifier: AGPL-3.0-or-later
"""Operators, their sessions and API tokens: who may do what, and how soon it ends."""
import re
import secrets
import threading
import time
import uuid

import pytest

from lib.procs import wait_for
from lib.wireguard import keypair

# rights and records of requests hang on what a transaction sees
pytestmark = pytest.mark.engines("sqlite", "postgres")

ROLES = ("administrator", "operator", "auditor")
ALL, WRITERS, ADMINISTRATOR = set(ROLES), {"administrator", "operator"}, {"administrator"}

# Who may, by method and path; the first rule that fits. Written from the product's matrix, not read off
# the program: a row of routes.c with another permission fails here.
RULES = [
    (r"POST /session", None),
    (r"\w+ /(session|me)(/.*)?", ALL),
    (r"GET /operators(/.*)?", {"administrator", "auditor"}),
    (r"\w+ /(operators|sessions)(/.*)?", ADMINISTRATOR),
    (r"GET /tokens(/.*)?", ALL),
    (r"\w+ /tokens(/.*)?", WRITERS),
    (r"POST /nodes/{id}/check", WRITERS),
    (r"(POST|PATCH|DELETE) /nodes(/.*)?", ADMINISTRATOR),
    (r"GET .*", ALL),
    (r"\w+ .*", WRITERS),
]
# what asks for the password again
REAUTH = {"POST /operators", "PATCH /operators/{id}", "POST /operators/{id}/disable",
          "POST /operators/{id}/enable", "POST /operators/{id}/password", "POST /tokens",
          "DELETE /nodes/{id}"}
# what API tokens may not do, however elevated
SESSION_ONLY = {name for name in REAUTH if not name.startswith("DELETE /nodes")} | {
    "GET /session", "DELETE /session", "POST /session/reauth", "PUT /me/password", "GET /me/sessions",
    "DELETE /me/sessions", "DELETE /me/sessions/{id}", "GET /sessions", "DELETE /sessions/{id}",
    "DELETE /tokens/{id}"}
SESSION_DENIED = {"session_required"}
DENIED = {"unauthorized", "forbidden", "reauth_required", "password_change_required"} | SESSION_DENIED


def expected(name):
    return next(who for pattern, who in RULES if re.fullmatch(pattern, name))


def rows(api):
    """Every row of the description: ("GET /nodes/{id}", its operation)."""
    paths = api.get("/openapi.json").json["paths"]
    return [(f"{method.upper()} {path.removeprefix('/api/v1')}", operation)
            for path, methods in paths.items() for method, operation in methods.items()]


def ask(api, name):
    """The row with an id that nobody has and a body that says nothing: what is answered beside a denial
    changes nothing."""
    method, path = name.split()
    path = path.replace("{seq}", "1").replace("{id}", str(uuid.uuid4()))
    if name == "GET /events":
        stream = api.stream(path)
        denied = re.search(r'"code":"(\w+)"', stream.first)
        stream.close()
        return denied.group(1) if denied else None
    if name == "DELETE /nodes/{id}":
        path += "?peers=leave"
    answer = api.call(method, path, {} if method in ("POST", "PUT", "PATCH") else None)
    code = (answer.json or {}).get("code") if answer.status >= 400 else None
    assert answer.status < 500, (name, answer.text)
    return code if code in DENIED else None


def patiently(call):
    """Attempts with a password are throttled by source."""
    answer = call()
    while answer.status == 429:
        time.sleep(int(answer.headers["Retry-After"]))
        answer = call()
    return answer


def sign_in(console, username, password):
    api = console.api()
    answer = patiently(lambda: api.login(username, password))
    assert answer.status == 200, answer.text
    return api


def add_operator(console, admin, username, role):
    """An operator past the forced change: (id, API session, password)."""
    first, password = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    made = admin.post("/operators", {"username": username, "role": role, "password": first})
    assert made.status == 201, made.text
    api = sign_in(console, username, first)
    assert api.get("/session").json["operator"]["mustChangePassword"] is True
    assert ask(api, "GET /nodes") == "password_change_required"
    changed = patiently(lambda: api.call("PUT", "/me/password", {"currentPassword": first, "newPassword": password}))
    assert changed.status == 204, changed.text
    api.csrf = api.get("/session").json["csrfToken"]
    return made.json["id"], api, password


def in_days(days):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86400))


def make_token(console, api, role, **more):
    """(the token as it is listed, a program that has it)"""
    made = api.post("/tokens", {"name": f"for {role}", "role": role, "expiresAt": in_days(30), **more})
    assert made.status == 201, made.text
    return made.json["token"], console.api(token=made.json["secret"])


def of(username):
    return f"operator_id = (SELECT id FROM operators WHERE username = '{username}')"


def entries(api, **filters):
    query = "&".join(f"{key}={value}" for key, value in filters.items())
    return api.get(f"/audit?limit=100&{query}").json["data"]


def minutes_ago(minutes):
    return int((time.time() - minutes * 60) * 1e6)


def grow_old(console):
    """All sessions gave their password twenty minutes ago."""
    console.database.sql(f"UPDATE sessions SET password_at = {minutes_ago(20)}")


def test_every_route_lets_in_its_roles_and_nobody_else(console):
    admin = console.admin()
    apis = {"administrator": admin}
    for role in ("operator", "auditor"):
        _, apis[role], _ = add_operator(console, admin, f"the-{role}", role)
    listed = rows(admin)
    assert len(listed) > 40 and {name for name, _ in listed} >= REAUTH | SESSION_ONLY
    for name, operation in listed:
        who = expected(name)
        if who is None:
            assert operation["security"] == [] and "x-permission" not in operation, name
            continue
        assert set(operation["x-roles"]) == who, name
        assert operation["x-reauth"] is (name in REAUTH), name
        assert ({"token": []} in operation["security"]) is (name not in SESSION_ONLY), name
        assert ask(console.api(), name) == "unauthorized", name
        if name == "DELETE /session":
            continue
        for role, api in apis.items():
            assert ask(api, name) == (None if role in who else "forbidden"), (name, role)
    for api in apis.values():
        assert ask(api, "DELETE /session") is None
        assert ask(api, "GET /session") == "unauthorized"
    assert not entries(console.admin(), action="operator.change")


def test_every_route_and_every_kind_of_token(console):
    admin = console.admin()
    apis = {(role, elevated): make_token(console, admin, role, elevated=elevated)[1]
            for role in ROLES for elevated in (False, True)}
    for name, operation in rows(admin):
        who = expected(name)
        if who is None:
            continue
        for (role, elevated), api in apis.items():
            denied = ask(api, name)
            if role not in who:
                assert denied == "forbidden", (name, role)
            elif name in SESSION_ONLY or (operation["x-reauth"] and not elevated):
                assert denied == "session_required", (name, role, elevated)
            else:
                assert denied is None, (name, role, elevated)
    wrong = console.api(token="wgk_" + "A" * 43)
    for token in (wrong.token, "wgk_short", "nonsense", "wgk_" + "A" * 400):
        wrong.token = token
        answer = wrong.get("/nodes")
        assert answer.status == 401 and "Bearer" in answer.headers["WWW-Authenticate"], token
    # a token stands alone: the cookie of a session beside it does not help
    admin.token = "wgk_" + "A" * 43
    assert admin.get("/nodes").status == 401
    admin.token = None
    assert admin.get("/nodes", headers={"Authorization": "Basic Zm9vOmJhcg=="}).status == 200


def test_dangerous_acts_take_the_password_and_nothing_else_does(console):
    admin = console.admin()
    old = admin.cookies()
    grow_old(console)
    for name, _ in rows(admin):
        if expected(name) and name != "DELETE /session" and name != "PUT /me/password":
            assert ask(admin, name) == ("reauth_required" if name in REAUTH else None), name
    refused = admin.post("/tokens", {"name": "x", "role": "auditor", "expiresAt": in_days(1)})
    assert refused.status == 403 and "/api/v1/session/reauth" in refused.json["detail"]
    wrong = admin.post("/session/reauth", {"password": "not the password"})
    assert (wrong.status, wrong.json["code"], wrong.json["field"]) == (400, "invalid_field", "password")
    assert ask(admin, "POST /tokens") == "reauth_required"
    before = admin.get("/session").json
    confirmed = patiently(lambda: admin.post("/session/reauth", {"password": console.password}))
    assert confirmed.status == 200, confirmed.text
    assert confirmed.json["confirmedUntil"] > before["confirmedUntil"]
    assert confirmed.json["expiresAt"] == before["expiresAt"]  # it does not last longer for that
    assert admin.post("/tokens", {"name": "x", "role": "auditor", "expiresAt": in_days(1)},
                      headers={"X-CSRF": before["csrfToken"]}).json["code"] == "cross_site"
    admin.csrf = confirmed.json["csrfToken"]
    assert admin.post("/tokens", {"name": "x", "role": "auditor", "expiresAt": in_days(1)}).status == 201
    # the cookie of before is worth nothing any more
    assert admin.cookies() != old
    cookie = "; ".join(f"{name}={value}" for name, value in old.items())
    assert console.api().get("/session", headers={"Cookie": cookie}).status == 401
    assert [row["outcome"] for row in entries(admin, action="session.confirm")] == ["ok"]
    assert entries(admin, action="session.fail")[0]["actor"]["name"] == console.USER


@pytest.mark.parametrize("how", ["disable", "demote", "reset"])
def test_rights_end_within_a_second(console, how):
    admin = console.admin()
    ada, session, _ = add_operator(console, admin, "ada", "operator")
    token, script = make_token(console, session, "auditor")
    with_token = how != "reset"  # of a password that was forgotten, tokens are not told
    streams = [session.stream()] + ([script.stream()] if with_token else [])
    others = [admin.stream()]
    assert all("hello" in stream.first for stream in streams + others)
    began = time.monotonic()
    if how == "disable":
        answer = admin.post(f"/operators/{ada}/disable")
    elif how == "reset":
        answer = admin.post(f"/operators/{ada}/password", {"password": secrets.token_urlsafe(18)})
    else:
        answer = admin.call("PATCH", f"/operators/{ada}", {"role": "auditor"},
                            headers={"If-Match": f'"{admin.get(f"/operators/{ada}").json["etag"]}"'})
    assert answer.status == 200, answer.text
    assert session.get("/nodes").status == 401
    assert script.get("/nodes").status == (401 if with_token else 200)
    took = max(stream.ended_within(5) - began for stream in streams)
    print(f"{how}: streams ended after {took:.3f} s")
    assert took < 1, took
    assert others[0].ended_within(0.3) is None
    row = admin.get(f"/operators/{ada}").json
    assert row["sessions"] == 0 and row["tokens"] == (0 if with_token else 1)
    if with_token:
        ended = entries(admin, target=token["id"], action="token.revoke")
        assert len(ended) == 1 and ended[0]["actor"]["name"] == console.USER


def test_a_disabled_operator_is_let_in_again_with_nothing_revived(console):
    admin = console.admin()
    ada, session, password = add_operator(console, admin, "ada", "operator")
    _, script = make_token(console, session, "operator")
    assert admin.post(f"/operators/{ada}/disable").json["disabledAt"]
    assert admin.post(f"/operators/{ada}/disable").status == 200  # once more is no change
    refused = patiently(lambda: console.api().login("ada", password))
    assert refused.status == 401 and refused.json["code"] == "login_failed"
    assert admin.post(f"/operators/{ada}/enable").json["disabledAt"] is None
    assert session.get("/nodes").status == 401 and script.get("/nodes").status == 401
    assert sign_in(console, "ada", password).get("/nodes").status == 200
    actions = [row["action"] for row in entries(admin, target=ada)]
    assert actions[:4] == ["session.start", "operator.enable", "operator.disable", "operator.password"]
    assert entries(admin, target=ada, action="operator.create")[0]["target"]["name"] == "ada"


def test_there_is_always_an_administrator_and_own_rights_are_anothers(console):
    admin = console.admin()
    me = admin.get("/me").json["operator"]["id"]
    match = {"If-Match": f'"{admin.get(f"/operators/{me}").json["etag"]}"'}
    for answer in (admin.post(f"/operators/{me}/disable"),
                   admin.call("PATCH", f"/operators/{me}", {"role": "auditor"}, headers=match)):
        assert answer.status == 409 and answer.json["code"] == "last_administrator", answer.text
    _, other, _ = add_operator(console, admin, "ada", "administrator")
    for answer in (admin.post(f"/operators/{me}/disable"),
                   admin.post(f"/operators/{me}/password", {"password": secrets.token_urlsafe(18)}),
                   admin.call("PATCH", f"/operators/{me}", {"role": "auditor"}, headers=match)):
        assert answer.status == 409 and answer.json["code"] == "own_account", answer.text
    renamed = admin.call("PATCH", f"/operators/{me}", {"username": "root"}, headers=match)
    assert renamed.status == 200 and admin.get("/me").json["operator"]["username"] == "root"
    change = entries(admin, action="operator.change")[0]
    assert change["changes"] == [{"field": "username", "before": "admin", "after": "root"}]
    assert other.call("PATCH", f"/operators/{me}", {"role": "auditor"}, headers=match).status == 412
    match = {"If-Match": f'"{renamed.json["etag"]}"'}
    assert other.call("PATCH", f"/operators/{me}", {"role": "auditor"}, headers=match).status == 200
    assert admin.get("/me").status == 401


def bad_operators():
    good = {"username": "eve", "role": "operator", "password": "lantern quilt orbit"}
    return [
        ({**good, "username": ""}, 400, "invalid_field", "username"),
        ({**good, "username": "two words"}, 400, "invalid_field", "username"),
        ({**good, "username": "аdmin"}, 400, "invalid_field", "username"),  # a Cyrillic letter
        ({**good, "username": "x" * 65}, 400, "invalid_field", "username"),
        ({**good, "username": "ADMIN"}, 409, "name_in_use", "username"),
        ({**good, "role": "root"}, 400, "invalid_field", "role"),
        ({**good, "password": "short"}, 400, "weak_password", "password"),
        ({**good, "password": "wgkeeper-admin-2024"}, 400, "weak_password", "password"),
        ({**good, "username": "evelyn.smith", "password": "Smith.Evelyn.99"}, 400, "weak_password", "password"),
        ({**good, "disabledAt": None}, 400, "unknown_field", "disabledAt"),
        ({"username": "eve", "role": "operator"}, 400, "missing_field", "password"),
    ]


def bad_tokens():
    good = {"name": "deploy", "role": "operator", "expiresAt": in_days(30)}
    return [
        ({**good, "name": ""}, 400, "invalid_field", "name"),
        ({**good, "role": "god"}, 400, "invalid_field", "role"),
        ({**good, "role": "administrator"}, 403, "role_too_high", "role"),
        ({**good, "expiresAt": in_days(400)}, 400, "invalid_expires_at", "expiresAt"),
        ({**good, "expiresAt": in_days(-1)}, 400, "invalid_expires_at", "expiresAt"),
        ({**good, "expiresAt": None}, 400, "invalid_field", "expiresAt"),
        ({**good, "elevated": "yes"}, 400, "invalid_field", "elevated"),
        ({"name": "deploy", "role": "operator"}, 400, "missing_field", "expiresAt"),
    ]


def test_bad_input_is_named_and_changes_nothing(console):
    admin = console.admin()
    _, ada, _ = add_operator(console, admin, "ada", "operator")
    seq = admin.get("/audit").json["seq"]
    for api, path, cases in ((admin, "/operators", bad_operators()), (ada, "/tokens", bad_tokens())):
        for body, status, code, field in cases:
            answer = api.post(path, body)
            assert (answer.status, answer.json["code"], answer.json["field"]) == (status, code, field), (body, answer.text)
            assert answer.json["detail"] and body.get("password", "?!") not in answer.text
    for path, code in (("/operators/x", "operator_not_found"), ("/tokens/x", "token_not_found"),
                       (f"/tokens/{uuid.uuid4()}", "token_not_found")):
        assert admin.get(path).json["code"] == code
    assert admin.call("DELETE", "/sessions/x").json["code"] == "session_not_found"
    assert admin.get("/operators?role=king").json["field"] == "role"
    assert admin.get("/tokens?cursor=zzz").json["code"] == "invalid_cursor"
    me = admin.get("/me").json["operator"]["id"]
    assert admin.call("PATCH", f"/operators/{me}", {"username": "x"}).json["field"] == "If-Match"
    assert admin.call("PATCH", f"/operators/{me}", {}, headers={"If-Match": '"1"'}).json["code"] == "missing_field"
    for key in ("", '""', "a b", "x" * 129, "\u00fc"):
        refused = admin.post("/people", {"name": "Eve", "kind": "staff"}, headers={"Idempotency-Key": key})
        assert refused.status == 400 and refused.json["field"] == "Idempotency-Key", (key, refused.text)
    assert admin.get("/audit").json["seq"] == seq


def test_sessions_are_listed_and_ended(console):
    admin = console.admin()
    _, ada, password = add_operator(console, admin, "ada", "operator")
    second = sign_in(console, "ada", password)
    listed = ada.get("/me/sessions").json
    assert listed["total"] == 2 and [row["current"] for row in listed["data"]].count(True) == 1
    assert all(row["source"] == "127.0.0.1" and "python-requests" in row["userAgent"] for row in listed["data"])
    assert ask(ada, "GET /sessions") == "forbidden"
    other = next(row for row in listed["data"] if not row["current"])
    own_of_admin = admin.get("/me/sessions").json["data"][0]
    assert ada.call("DELETE", f"/me/sessions/{own_of_admin['id']}").json["code"] == "session_not_found"
    assert ada.call("DELETE", f"/me/sessions/{other['id']}").status == 204
    assert second.get("/nodes").status == 401 and ada.get("/nodes").status == 200
    second = sign_in(console, "ada", password)
    third = sign_in(console, "ada", password)
    assert second.call("DELETE", "/me/sessions").status == 204
    assert third.get("/nodes").status == 401 and ada.get("/nodes").status == 401
    everybody = admin.get("/sessions").json
    assert {row["operator"]["username"] for row in everybody["data"]} == {"ada", "admin"}
    hers = admin.get(f"/sessions?operator={everybody['data'][0]['operator']['id']}").json
    assert hers["total"] == 1
    of_ada = next(row for row in everybody["data"] if row["operator"]["username"] == "ada")
    stream = second.stream()
    assert admin.call("DELETE", f"/sessions/{of_ada['id']}").status == 204
    assert stream.ended_within(1) and second.get("/nodes").status == 401
    ended = entries(admin, action="session.end")
    assert ended[0]["actor"]["name"] == "admin" and ended[0]["target"]["name"] == "ada"
    assert ended[1]["count"] == 2  # the others, at once


def test_sessions_end_by_themselves(console):
    admin = console.admin()
    _, ada, password = add_operator(console, admin, "ada", "operator")
    stream = ada.stream()
    # twenty minutes of silence: what a page does by itself does not keep it, what somebody does, does
    then, seen = minutes_ago(20), f"SELECT seen_at FROM sessions WHERE {of('ada')}"
    console.database.sql(f"UPDATE sessions SET seen_at = {then} WHERE {of('ada')}")
    assert ada.get("/nodes", headers={"X-Background": "1"}).status == 200
    assert int(console.database.sql(seen)) == then
    assert ada.get("/nodes").status == 200
    assert int(console.database.sql(seen)) > then
    console.database.sql(f"UPDATE sessions SET seen_at = {minutes_ago(31)} WHERE {of('ada')}")
    assert ada.get("/nodes").status == 401
    assert stream.ended_within(4)
    ada = sign_in(console, "ada", password)
    console.database.sql(f"UPDATE sessions SET expires_at = {minutes_ago(1)} WHERE {of('ada')}")
    assert ada.get("/nodes").status == 401
    token, script = make_token(console, admin, "operator")
    stream = script.stream()
    console.database.sql(f"UPDATE api_tokens SET expires_at = {minutes_ago(1)}")
    assert script.get("/nodes").status == 401 and stream.ended_within(4)
    assert admin.get(f"/tokens/{token['id']}").json["state"] == "expired"


def test_a_password_change_ends_the_other_sessions(console):
    admin = console.admin()
    _, ada, password = add_operator(console, admin, "ada", "operator")
    other = sign_in(console, "ada", password)
    stream = other.stream()
    change = {"currentPassword": password, "newPassword": "lantern quilt orbit"}
    same = patiently(lambda: ada.call("PUT", "/me/password", {**change, "newPassword": password}))
    assert same.status == 400 and same.json["code"] == "weak_password"
    assert patiently(lambda: ada.call("PUT", "/me/password", change)).status == 204
    assert other.get("/nodes").status == 401 and stream.ended_within(1)
    assert ada.get("/nodes").status == 200
    refused = patiently(lambda: console.api().login("ada", password))
    assert refused.status == 401


def test_tokens_are_shown_once_used_and_revoked(console):
    admin = console.admin()
    _, ada, _ = add_operator(console, admin, "ada", "operator")
    _, bob, _ = add_operator(console, admin, "bob", "operator")
    _, auditor, _ = add_operator(console, admin, "eve", "auditor")
    made = ada.post("/tokens", {"name": "deploy", "role": "operator", "expiresAt": in_days(365)})
    assert made.status == 201, made.text
    token, secret = made.json["token"], made.json["secret"]
    assert re.fullmatch(r"wgk_[\w-]{43}", secret) and token["last4"] == secret[-4:]
    script = console.api(token=secret)
    assert token["usedAt"] is None
    person = script.post("/people", {"name": "Carol", "kind": "staff"})  # no cookie, no X-CSRF
    assert person.status == 201, person.text
    me = script.get("/me").json
    assert me["auth"] == "token" and me["token"]["id"] == token["id"] and me["operator"]["username"] == "ada"
    assert "operator.write" not in me["capabilities"] and "access.write" in me["capabilities"]
    entry = entries(admin, person=person.json["id"])[0]
    assert entry["auth"] == "token" and entry["token"] == {"id": token["id"], "name": "deploy"}
    assert entry["actor"]["name"] == "ada" and entries(admin, token=token["id"]) == [entry]
    listed = ada.get("/tokens").json
    assert listed["total"] == 1 and listed["data"][0]["usedFrom"] == "127.0.0.1" and listed["data"][0]["usedAt"]
    assert secret not in ada.get("/tokens").text + admin.get("/audit?limit=100").text
    assert bob.get("/tokens").json["total"] == 0 and bob.get(f"/tokens/{token['id']}").status == 404
    assert admin.get("/tokens").json["total"] == 1 and auditor.get("/tokens").json["total"] == 1
    assert bob.call("DELETE", f"/tokens/{token['id']}").json["code"] == "token_not_found"
    assert script.get("/nodes").status == 200
    assert admin.call("DELETE", f"/tokens/{token['id']}").status == 204
    assert script.get("/nodes").status == 401
    assert ada.call("DELETE", f"/tokens/{token['id']}").status == 204  # again is no change
    assert len(entries(admin, target=token["id"], action="token.revoke")) == 1
    created = entries(admin, target=token["id"], action="token.create")[0]
    assert {row["field"]: row["after"] for row in created["changes"]}["role"] == "operator"
    assert [row["state"] for row in ada.get("/tokens").json["data"]] == ["revoked"]


# ---- Idempotency-Key

def keyed(key=None):
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def lose_answers(console):
    """As if the Console had ended between its changes and their answers."""
    console.database.sql("UPDATE idempotency SET status = NULL, answer = NULL")
    return int(console.database.sql("SELECT COUNT(*) FROM idempotency"))


def test_a_request_sent_again_is_done_once_and_answered_alike(console):
    admin = console.admin()
    _, ada, _ = add_operator(console, admin, "ada", "operator")
    key, body = keyed(), {"name": "Carol", "kind": "staff", "email": "carol@example.org"}
    first = ada.post("/people", body, headers=key)
    again = ada.post("/people", body, headers={"Idempotency-Key": '"%s"' % key["Idempotency-Key"]})
    assert first.status == again.status == 201 and first.text == again.text
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    assert len(entries(admin, action="person.create")) == 1
    other = ada.post("/people", {**body, "name": "Dave"}, headers=key)
    assert other.status == 409 and other.json["code"] == "idempotency_key_reused"
    assert "POST /api/v1/people" in other.json["detail"]
    revoke = ada.post(f"/people/{first.json['id']}/revoke", headers=key)
    assert revoke.json["code"] == "idempotency_key_reused"
    # another's key is another key, and so is a token's
    assert admin.post("/people", {"name": "Eve", "kind": "staff"}, headers=key).status == 201
    _, script = make_token(console, ada, "operator")
    assert script.post("/people", {"name": "Fay", "kind": "staff"}, headers=key).status == 201
    # what failed without a change may be tried again under its key
    key = keyed()
    assert ada.post("/people", body, headers=key).json["code"] == "name_in_use"
    assert ada.post("/people", {**body, "email": None}, headers=key).status == 201
    # after a day the key is free
    assert console.database.sql("SELECT COUNT(*) FROM idempotency") == "4"
    console.database.sql(f"UPDATE idempotency SET created_at = {minutes_ago(24 * 60 + 1)}")
    assert ada.post("/people", {"name": "Gus", "kind": "staff"}, headers=key).status == 201
    # the session is needed as ever
    admin.csrf, csrf = "x" * 43, admin.csrf
    assert admin.post("/people", {"name": "Eve", "kind": "staff"}, headers=key).status == 403
    admin.csrf = csrf


def test_requests_at_the_same_time_are_one(console):
    admin = console.admin()
    _, script = make_token(console, admin, "operator")
    programs = [console.api(token=script.token) for _ in range(6)]
    for turn in range(5):
        key, answers = keyed(), []
        threads = [threading.Thread(target=lambda api=api: answers.append(
            api.post("/people", {"name": f"Turn {turn}", "kind": "staff"}, headers=key))) for api in programs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        codes = {(answer.status, (answer.json or {}).get("code")) for answer in answers}
        assert codes <= {(201, None), (409, "idempotency_in_progress")} and (201, None) in codes, codes
        assert len({answer.json["id"] for answer in answers if answer.status == 201}) == 1
    assert admin.get("/people").json["total"] == 5


def test_an_answer_that_was_lost_is_made_from_what_is_there(console, make_node):
    admin, node = console.admin(), make_node(1)
    key = {name: keyed() for name in ("node", "person", "peer", "revoke", "all", "operator", "token", "remove")}
    de1 = admin.post("/nodes", {"name": "de-1", "enrol": node.enrol}, headers=key["node"])
    ada = admin.post("/people", {"name": "Ada", "kind": "staff"}, headers=key["person"])
    private, public = keypair()
    issue = {"personId": ada.json["id"], "nodeId": de1.json["id"], "name": "laptop", "publicKey": public,
             "presharedKey": keypair()[0]}
    peer = admin.post("/peers", issue, headers=key["peer"])
    assert peer.status == 201, peer.text
    operator = {"username": "bob", "role": "auditor", "password": "lantern quilt orbit"}
    bob = admin.post("/operators", operator, headers=key["operator"])
    token = {"name": "t", "role": "auditor", "expiresAt": in_days(3)}
    made = admin.post("/tokens", token, headers=key["token"])
    calls = {"node": lambda: admin.post("/nodes", {"name": "de-1", "enrol": node.enrol}, headers=key["node"]),
             "person": lambda: admin.post("/people", {"name": "Ada", "kind": "staff"}, headers=key["person"]),
             "peer": lambda: admin.post("/peers", issue, headers=key["peer"]),
             "operator": lambda: admin.post("/operators", operator, headers=key["operator"]),
             "token": lambda: admin.post("/tokens", token, headers=key["token"])}
    assert calls["peer"]().text == peer.text
    # a token's text is in no record: it was said once
    assert calls["token"]().json == {"token": made.json["token"], "secret": None}
    assert lose_answers(console) == 5
    console.kill()
    console.start()
    admin = sign_in(console, console.USER, console.password)
    first = {"node": de1, "person": ada, "peer": peer, "operator": bob}
    for name, call in calls.items():
        answer = call()
        assert answer.status == 201 and answer.headers["Idempotency-Replayed"] == "true", (name, answer.text)
        if name in ("operator", "token"):
            assert made.json["token"]["id"] == answer.json["token"]["id"] if name == "token" else answer.json == bob.json
    assert calls["peer"]().json["client"] == first["peer"].json["client"]
    assert calls["peer"]().json["peer"]["id"] == peer.json["peer"]["id"]
    assert calls["node"]().json["id"] == de1.json["id"] and calls["person"]().json["id"] == ada.json["id"]
    assert list(node.device.peers()) == [public]
    # a revoke is what the peer is now; of many at once there is no second telling
    path = f"/peers/{peer.json['peer']['id']}/revoke"
    assert admin.post(path, headers=key["revoke"]).json["access"] == "revoked"
    private, public = keypair()
    assert admin.post("/peers", {**issue, "publicKey": public}).status == 201
    every = f"/people/{ada.json['id']}/revoke"
    assert admin.post(every, headers=key["all"]).status == 200
    lose_answers(console)
    assert admin.post(path, headers=key["revoke"]).json["access"] == "revoked"
    lost = admin.post(every, headers=key["all"])
    assert lost.status == 409 and lost.json["code"] == "idempotency_answer_lost"
    assert re.search(r"audit entry \d+", lost.json["detail"])


def test_an_issue_that_failed_is_answered_so_again(console, make_node):
    admin, node = console.admin(), make_node(1, "--subnet", "10.61.0.0/30")
    de1 = admin.post("/nodes", {"name": "de-1", "enrol": node.enrol}).json
    ada = admin.post("/people", {"name": "Ada", "kind": "staff"}).json
    body = {"personId": ada["id"], "nodeId": de1["id"], "name": "laptop", "publicKey": keypair()[1]}
    assert admin.post("/peers", body).status == 201
    key, body = keyed(), {**body, "name": "phone", "publicKey": keypair()[1]}
    full = admin.post("/peers", body, headers=key)
    assert full.status == 409 and full.json["code"] == "no_available_ip"
    again = admin.post("/peers", body, headers=key)
    assert again.status == 409 and again.text == full.text
    assert again.headers["Content-Type"] == "application/problem+json"
    lose_answers(console)
    late = admin.post("/peers", body, headers=key)
    assert late.status == 504 and late.json["code"] == "node_unconfirmed"
    assert len(node.device.peers()) == 1


def test_no_secret_is_in_the_database_or_the_log(console):
    admin = console.admin()
    password, other = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
    key, operator = keyed(), {"username": "ada", "role": "operator", "password": password}
    ada = admin.post("/operators", operator, headers=key).json["id"]
    admin.post("/operators", operator, headers=key)
    assert admin.post(f"/operators/{ada}/password", {"password": other}, headers=keyed()).status == 200
    second = keyed()
    made = admin.post("/tokens", {"name": "t", "role": "auditor", "expiresAt": in_days(1)}, headers=second)
    script = console.api(token=made.json["secret"])
    assert script.get("/nodes").status == 200 and script.post("/people", {}, headers=keyed()).status == 403
    confirm = keyed()
    assert patiently(lambda: admin.post("/session/reauth", {"password": console.password}, headers=confirm)).status == 200
    secret = [password, other, made.json["secret"], made.json["secret"][4:], console.password, console.first_password,
              key["Idempotency-Key"], second["Idempotency-Key"], admin.csrf, *admin.cookies().values()]
    kept = console.database.raw() + console.process.text().encode()
    assert b"ada" in kept and b"idempotency" in kept
    assert [text for text in secret if text.encode() in kept] == []


def test_real_answers_are_as_the_description_says(console):
    from test_console import fits
    admin = console.admin()
    described = admin.get("/openapi.json").json
    ada, _, _ = add_operator(console, admin, "ada", "operator")
    token, script = make_token(console, admin, "operator")
    for path in ("/me", "/me/sessions", "/sessions", "/operators", f"/operators/{ada}", "/tokens",
                 f"/tokens/{token['id']}", "/audit?limit=100"):
        name = re.sub(r"[0-9a-f-]{36}", "{id}", path.split("?")[0])
        schema = described["paths"]["/api/v1" + name]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        answer = admin.get(path)
        assert answer.status == 200
        fits(described["components"]["schemas"], schema, answer.json, path)
    fits(described["components"]["schemas"], {"$ref": "#/components/schemas/Me"}, script.get("/me").json, "me")
