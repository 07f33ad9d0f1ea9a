# SPDX-License-Identifier: AGPL-3.0-or-later
"""Clients that make and end peers and keep a journal of what was answered. Reads one line
of JSON ({base, key, threads}), works until standard input ends, prints the journal."""
import base64
import json
import os
import random
import sys
import threading
import time
import uuid

import requests
import urllib3

urllib3.disable_warnings()
given = json.loads(sys.stdin.readline())
stop = threading.Event()
journal, lock = {}, threading.Lock()


def random_key():
    raw = bytearray(os.urandom(32))
    raw[31] &= 0x7F  # RFC 7748: the top bit is not part of the number
    return base64.b64encode(raw).decode()


def call(session, method, path, body=None):
    try:
        return session.request(method, given["base"] + path, json=body, timeout=5).status_code
    except requests.RequestException:
        return 0


def note(peer, key, state):
    with lock:
        journal[peer] = {"key": key, "state": state}


def work():
    session = requests.Session()
    session.trust_env, session.verify = False, False
    session.headers["X-API-Key"] = given["key"]
    mine = []
    while not stop.is_set():
        if mine and random.random() < 0.45:
            peer, key = mine.pop(random.randrange(len(mine)))
            note(peer, key, "unknown")
            if call(session, "DELETE", f"/v1/peers/{peer}?generation=2") == 200:
                note(peer, key, "ended")
        else:
            peer, key = str(uuid.uuid4()), random_key()
            note(peer, key, "unknown")
            status = call(session, "PUT", f"/v1/peers/{peer}", {"publicKey": key, "generation": 1})
            if status == 200:
                note(peer, key, "live")
                mine.append((peer, key))
            else:
                time.sleep(0.02)


threads = [threading.Thread(target=work) for _ in range(given["threads"])]
for thread in threads:
    thread.start()
sys.stdin.read()
stop.set()
for thread in threads:
    thread.join()
print(json.dumps(journal))
