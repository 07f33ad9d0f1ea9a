# SPDX-License-Identifier: AGPL-3.0-or-later
"""A Console in its own namespace, and its API as a program uses it."""
import json
import os
import secrets
import subprocess
import sys
import time

from . import pg, procs

# run inside the namespace: one request a line in, one answer a line out
DRIVER = r"""
import json, sys, requests
session = requests.Session()
session.trust_env = False
for line in sys.stdin:
    q = json.loads(line)
    if q.get("cookies"):
        print(json.dumps(session.cookies.get_dict()), flush=True)
        continue
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


class Stream:
    """Server-sent events, read by curl until somebody ends them."""

    def __init__(self, ns, url, headers):
        argv = ["curl", "-sN", "-w", "\n%{http_code}", "-H", "@-", url]
        self.popen = subprocess.Popen(ns.argv(*argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.popen.stdin.write("".join(f"{name}: {value}\n" for name, value in headers.items()))
        self.popen.stdin.close()
        self.first = self.popen.stdout.readline()

    def ended_within(self, seconds):
        """The moment at which it had ended; None: it goes on."""
        try:
            self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return time.monotonic()

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(5)
        self.popen.stdout.close()


class Api:
    """A session of one operator, or a program with an API token."""

    def __init__(self, ns, base, token=None):
        self.ns, self.base, self.csrf, self.token, self.streams = ns, base, None, token, []
        self.driver = subprocess.Popen(ns.argv("/usr/bin/python3", "-c", DRIVER),
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, method, path, body=None, headers=None, data=None, timeout=20):
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
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

    def cookies(self):
        self.driver.stdin.write(json.dumps({"cookies": True}) + "\n")
        self.driver.stdin.flush()
        return json.loads(self.driver.stdout.readline())

    def stream(self, path="/events"):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies().items())}
        made = Stream(self.ns, self.base + "/api/v1" + path, headers)
        self.streams.append(made)
        return made

    def close(self):
        for stream in self.streams:
            stream.close()
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

    def api(self, token=None):
        api = Api(self.ns, f"http://127.0.0.1:{self.port}", token)
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
