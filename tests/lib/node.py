# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node in its own namespace, set up as an operator would: wireguard-go, init, run."""
import json
import os
import re
import signal
import subprocess
import uuid

from . import procs
from .netns import sh


class Answer:
    def __init__(self, status, body):
        self.status, self.text = status, body
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None


class Node:
    def __init__(self, ns, folder, interface, options=(), device=None, build=None):
        self.ns, self.folder, self.interface, self.device = ns, folder, interface, device
        os.makedirs(folder, exist_ok=True)
        self.config = os.path.join(folder, "config.yaml")
        self.program = os.path.join(procs.bin_of(build), "wgkeeper-node")
        result = ns.run(self.program, "--config", self.config, "init", "--interface", interface,
                        "--state-dir", os.path.join(folder, "state"), *options)
        self.enrol = result.stdout.strip()
        self.host, self.port, self.pin, self.key = self.parse(self.enrol)
        self.process, self.scheme = None, "https"

    @staticmethod
    def parse(enrol):
        match = re.fullmatch(r"wgk1:(\[[^]]+\]|[^:]+):(\d+):([\w-]{43}):([\w-]{43})", enrol)
        assert match, enrol
        return match.groups()

    def start(self, *arguments, wait=True):
        self.process = procs.Process(self.ns.argv(self.program, "--config", self.config, *arguments),
                                     os.path.join(self.folder, "node.log"))
        if wait:
            procs.wait_for(lambda: self.get("/readyz").status == 200)
        return self

    def pid_of(self, part):
        """`ip netns exec` execs, so the process is main; its children are "keeper" and "gate"."""
        for pid in self.process.children():
            try:
                name = open(f"/proc/{pid}/comm", encoding="ascii").read().strip()
            except FileNotFoundError:
                continue
            if name == f"wgk-{part}":
                return pid
        return None

    def kill(self, part):
        os.kill(self.pid_of(part), signal.SIGKILL)

    def call(self, method, path, body=None, key=None, source=None, timeout=15,
             content_type="application/json"):
        """curl by hand, from a namespace that reaches the node (default: its own)."""
        argv = ["curl", "-sk", "-m", str(timeout), "-X", method, "-w", "\n%{http_code}",
                "-H", "@-", f"{self.scheme}://{self.host}:{self.port}{path}"]
        if body is not None:
            text = body if isinstance(body, (str, bytes)) else json.dumps(body)
            path = os.path.join(self.folder, f"body-{uuid.uuid4()}")
            with open(path, "wb") as out:
                out.write(text if isinstance(text, bytes) else text.encode())
            argv += ["--data-binary", f"@{path}", "-H", f"Content-Type: {content_type}"]
        headers = f"X-API-Key: {self.key if key is None else key}\n"
        result = subprocess.run((source or self.ns).argv(*argv), input=headers.encode(),
                                capture_output=True, timeout=timeout + 5)
        if body is not None:
            os.remove(path)
        text = result.stdout.decode(errors="replace")
        answer, _, status = text.rpartition("\n")
        return Answer(int(status or 0), answer)

    def get(self, path, **kwargs):
        return self.call("GET", path, **kwargs)

    def post(self, path, body, **kwargs):
        return self.call("POST", path, body, **kwargs)

    def edit(self, change):
        """Changes the configuration's text."""
        with open(self.config, encoding="utf-8") as file:
            text = change(file.read())
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def restart(self):
        self.stop()
        return self.start()

    def log(self):
        with open(os.path.join(self.folder, "node.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def put(self, peer_id, public_key, generation=1, **more):
        return self.call("PUT", f"/v1/peers/{peer_id}",
                         {"publicKey": public_key, "generation": generation, **more})

    def delete(self, peer_id, generation=2):
        return self.call("DELETE", f"/v1/peers/{peer_id}?generation={generation}")

    def stop(self):
        if self.process:
            code = self.process.stop()
            text = self.process.text()
            assert "AddressSanitizer" not in text and "runtime error" not in text, text
            self.process = None
            return code
        return None

    def check(self, text=None):
        """Exit status and messages of --check-config with another configuration."""
        path = os.path.join(self.folder, "other.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text if text is not None else open(self.config, encoding="utf-8").read())
        return sh(*self.ns.argv(self.program, "--config", path, "--check-config"), check=False)
