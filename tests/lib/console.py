# SPDX-License-Identifier: AGPL-3.0-or-later
"""A Console in its own namespace, and its API as a program uses it."""
import json
import os
import secrets
import subprocess
import sys

from . import pg, procs

# run inside the namespace: one request a line in, one answer a line out
DRIVER = r"""
import json, sys, requests
session = requests.Session()
session.trust_env = False
for line in sys.stdin:
    q = json.loads(line)
    try:
        r = session.request(q["method"], q["url"], json=q.get("json"), data=q.get("data"),
                            headers=q.get("headers") or {}, timeout=q.get("timeout", 20))
        a = {"status": r.status_code, "text": r.text, "headers": dict(r.headers)}
    except requests.RequestException as e:
        a = {"status": 0, "text": str(e), "headers": {}}
    print(json.dumps(a), flush=True)
"""


class Answer:
    def __init__(self, raw):
        self.status, self.text, self.headers = raw["status"], raw["text"], raw["headers"]
        try:
            self.json = json.loads(self.text)
        except ValueError:
            self.json = None


class Api:
    """A session of one operator."""

    def __init__(self, ns, base):
        self.base, self.csrf = base, None
        self.driver = subprocess.Popen(ns.argv("/usr/bin/python3", "-c", DRIVER),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, method, path, body=None, headers=None, data=None, timeout=20):
        headers = dict(headers or {})
        if self.csrf and method != "GET":
            headers.setdefault("X-CSRF", self.csrf)
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        url = self.base + (path if path.startswith(("/healthz", "/readyz")) else "/api/v1" + path)
        self.driver.stdin.write(json.dumps({"method": method, "url": url, "json": body, "data": data,
                                            "headers": headers, "timeout": timeout}) + "\n")
        self.driver.stdin.flush()
        return Answer(json.loads(self.driver.stdout.readline()))

    def get(self, path, **kwargs):
        return self.call("GET", path, **kwargs)

    def post(self, path, body=None, **kwargs):
        return self.call("POST", path, body, **kwargs)

    def login(self, username, password):
        answer = self.post("/session", {"username": username, "password": password})
        if answer.status == 200:
            self.csrf = answer.json["csrfToken"]
        return answer

    def close(self):
        self.driver.stdin.close()
        self.driver.wait(5)
        self.driver.stdout.close()


class Console:
    USER = "admin"

    def __init__(self, ns, folder, database=None, port=8080):
        self.ns, self.folder, self.port = ns, folder, port
        os.makedirs(folder, exist_ok=True)
        self.database = database or pg.File(os.path.join(folder, "console.db"))
        self.first_password = secrets.token_urlsafe(18)
        self.password = secrets.token_urlsafe(18)
        self.secret = secrets.token_urlsafe(40)
        self.process, self.apis = None, []

    def env(self, **more):
        return {"PATH": os.environ["PATH"], "PORT": str(self.port), "SECRET_KEY": self.secret,
                "DATABASE_URL": self.database.url, "BOOTSTRAP_ADMIN_USERNAME": self.USER,
                "BOOTSTRAP_ADMIN_PASSWORD": self.first_password, **more}

    def spawn(self, **more):
        self.process = procs.Process(self.ns.argv(os.path.join(procs.BIN, "wgkeeper-console")),
                                     os.path.join(self.folder, "console.log"), env=self.env(**more))
        return self.process

    def start(self):
        self.spawn()
        api = self.api()
        procs.wait_for(lambda: self.process.running() or sys.exit(self.process.text()))
        procs.wait_for(lambda: api.get("/readyz").status == 200)
        return self

    def api(self):
        api = Api(self.ns, f"http://127.0.0.1:{self.port}")
        self.apis.append(api)
        return api

    def admin(self):
        """An API session of the administrator, past the forced password change."""
        api = self.api()
        if api.login(self.USER, self.password).status != 200:
            assert api.login(self.USER, self.first_password).status == 200
            answer = api.call("PUT", "/me/password", {"currentPassword": self.first_password,
                                                      "newPassword": self.password})
            assert answer.status == 204, answer.text
            api.csrf = api.get("/session").json["csrfToken"]
        return api

    def kill(self):
        self.process.popen.kill()
        self.process.popen.wait(5)

    def stop(self):
        for api in self.apis:
            api.close()
        self.apis = []
        if self.process:
            self.process.stop()
            text = self.process.text()
            assert "Sanitizer" not in text and "runtime error" not in text, text
            self.process = None
