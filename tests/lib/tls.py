# SPDX-License-Identifier: AGPL-3.0-or-later
"""Certificates made for a test, and a TLS client inside a namespace."""
import json
import os
import subprocess

from .netns import sh

# one order a line in, one answer a line out; connections have names and stay open
DRIVER = r"""
import hashlib, http.client, json, ssl, sys, time
made = {}
for line in sys.stdin:
    q = json.loads(line)
    try:
        if q["do"] == "open":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.minimum_version = context.maximum_version = q.get("version", 0x304)
            if q.get("ciphers"):
                context.set_ciphers(q["ciphers"])
            if q.get("alpn"):
                context.set_alpn_protocols(q["alpn"])
            if q.get("pair"):
                context.load_cert_chain(*q["pair"])
            source = (q["source"], 0) if q.get("source") else None
            connection = http.client.HTTPSConnection(q["host"], q["port"], timeout=10, context=context,
                                                     source_address=source)
            connection.connect()
            made[q["name"]] = connection
            s = connection.sock
            a = {"version": s.version(), "cipher": s.cipher()[0], "alpn": s.selected_alpn_protocol(),
                 "cert": hashlib.sha256(s.getpeercert(True)).hexdigest()}
        elif q["do"] == "ask":
            connection = made[q["name"]]
            connection.request(q.get("method", "GET"), q["path"], headers=q.get("headers", {}))
            answer = connection.getresponse()
            a = {"status": answer.status, "text": answer.read().decode(), "headers": dict(answer.headers)}
            session = connection.sock.session if connection.sock else None
            a["ticket"] = bool(session and session.has_ticket)
        elif q["do"] == "send":
            made[q["name"]].sock.sendall(q["text"].encode())
            a = {}
        elif q["do"] == "wait":  # until it is closed, sending `text` every second
            sock, began, got = made[q["name"]].sock, time.monotonic(), b""
            a = {"closed": None}
            while a["closed"] is None and time.monotonic() - began < q["most"]:
                sock.settimeout(1)
                try:
                    piece = sock.recv(65536)
                    got += piece
                    if not piece:
                        a["closed"] = time.monotonic() - began
                except TimeoutError:
                    if q.get("text"):
                        sock.sendall(q["text"].encode())
                except OSError:
                    a["closed"] = time.monotonic() - began
            a["text"] = got.decode(errors="replace")
        else:
            connection = made.pop(q["name"], None)
            if connection:
                connection.close()
            a = {}
    except (OSError, ssl.SSLError, http.client.HTTPException) as e:
        a = {"error": f"{type(e).__name__}: {e}"}
    print(json.dumps(a), flush=True)
"""

TLS12, TLS11 = 0x303, 0x302


class Client:
    def __init__(self, ns, node):
        self.host, self.port, self.key = node.host, int(node.port), node.key
        # libraries' own rules forbid what must be tried
        env = {**os.environ, "OPENSSL_CONF": "/dev/null"}
        self.driver = subprocess.Popen(ns.argv("/usr/bin/python3", "-W", "ignore", "-c", DRIVER), text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)

    def order(self, **q):
        self.driver.stdin.write(json.dumps(q) + "\n")
        self.driver.stdin.flush()
        return json.loads(self.driver.stdout.readline())

    def open(self, name, host=None, **more):
        return self.order(do="open", name=name, host=host or self.host, port=self.port, **more)

    def ask(self, name, path, key=True, **more):
        headers = {} if not key else {"X-API-Key": self.key if key is True else key}
        return self.order(do="ask", name=name, path=path, headers=headers, **more)

    def visit(self, path, key=True, host=None, **more):
        """One request on a connection of its own: its answer, or the error."""
        opened = self.open("visit", host=host, **more)
        answer = opened if "error" in opened else {**opened, **self.ask("visit", path, key=key)}
        self.order(do="close", name="visit")
        return answer

    def send(self, name, text):
        return self.order(do="send", name=name, text=text)

    def wait(self, name, most, text=None):
        """Until the node closes it, or `most` seconds; `text` is sent every second. Seconds and bytes."""
        return self.order(do="wait", name=name, most=most, text=text)

    def close(self):
        self.driver.stdin.close()
        self.driver.wait(5)
        self.driver.stdout.close()


class Authority:
    """A self-made authority, and certificates of it."""

    def __init__(self, folder, name="authority"):
        self.folder, self.name = str(folder), name
        os.makedirs(self.folder, exist_ok=True)
        self.cert, self.key = self.path("ca.pem"), self.path("ca.key")
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-days", "30", "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.cert)

    def path(self, name):
        return os.path.join(self.folder, name)

    def issue(self, name, days=30, usage="serverAuth", begins=None):
        """Paths of a certificate and its key."""
        cert, key, request, extensions = (self.path(name + end) for end in (".pem", ".key", ".csr", ".ext"))
        sh("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
           f"/CN={name}", "-keyout", key, "-out", request)
        with open(extensions, "w", encoding="ascii") as out:
            out.write(f"extendedKeyUsage={usage}\nsubjectAltName=DNS:{name}\n")
        if begins:  # openssl's `ca` alone sets dates
            with open(self.path("index.txt"), "w", encoding="ascii"):
                pass
            config = self.path("ca.cnf")
            with open(config, "w", encoding="ascii") as out:
                out.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.path('index.txt')}\nrand_serial=yes\n"
                          f"new_certs_dir={self.folder}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
            sh("openssl", "ca", "-batch", "-config", config, "-cert", self.cert, "-keyfile", self.key, "-in",
               request, "-out", cert, "-notext", "-startdate", begins[0], "-enddate", begins[1], "-extfile",
               extensions)
        else:
            sh("openssl", "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
               "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", cert)
        return cert, key


def fingerprint(cert):
    out = sh("openssl", "x509", "-in", cert, "-noout", "-fingerprint", "-sha256").stdout
    return out.strip().split("=")[1].replace(":", "").lower()
