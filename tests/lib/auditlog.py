# SPDX-License-Identifier: AGPL-3.0-or-later
"""An audit log as a Console keeps it, written from RFC 6962 and C2SP's pages alone: what the
node checks must hold against another implementation than ours."""
import base64
import hashlib
import json

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def b64(data):
    return base64.b64encode(data).decode()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Key:
    """Signs notes under a name."""

    def __init__(self, name):
        self.name, self.private = name, Ed25519PrivateKey.generate()
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.typed = b"\x01" + public
        self.id = sha256(name.encode(), b"\n", self.typed)[:4]

    @property
    def vkey(self):
        return f"{self.name}+{self.id.hex()}+{b64(self.typed)}"

    def line(self, text):
        return f"\u2014 {self.name} {b64(self.id + self.private.sign(text.encode()))}\n"


def largest_power_below(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


class Log:
    def __init__(self, origin):
        self.origin, self.key, self.entries = origin, Key(origin), []

    def add(self, n=1, **members):
        for _ in range(n):
            self.entries.append(json.dumps({"seq": len(self.entries) + 1, **members}).encode())
        return self

    def mth(self, begin, end):
        if end == begin:
            return sha256()
        if end - begin == 1:
            return sha256(b"\0", self.entries[begin])
        k = begin + largest_power_below(end - begin)
        return sha256(b"\1", self.mth(begin, k), self.mth(k, end))

    def path(self, m, begin, end):
        if end - begin == 1:
            return []
        k = begin + largest_power_below(end - begin)
        if m < k:
            return self.path(m, begin, k) + [self.mth(k, end)]
        return self.path(m, k, end) + [self.mth(begin, k)]

    def subproof(self, m, begin, end, whole):
        if m == end:
            return [] if whole else [self.mth(begin, end)]
        k = begin + largest_power_below(end - begin)
        if m <= k:
            return self.subproof(m, begin, k, whole) + [self.mth(k, end)]
        return self.subproof(m, k, end, False) + [self.mth(begin, k)]

    def consistency(self, old, new=None):
        new = len(self.entries) if new is None else new
        return [] if old in (0, new) else [b64(h) for h in self.subproof(old, 0, new, True)]

    def text(self, size=None):
        size = len(self.entries) if size is None else size
        return f"{self.origin}\n{size}\n{b64(self.mth(0, size))}\n"

    def checkpoint(self, size=None, text=None, signers=None):
        text = text or self.text(size)
        return text + "\n" + "".join(key.line(text) for key in signers or [self.key])

    def put(self, old=0, size=None, **more):
        """The body that hands the checkpoint over."""
        size = len(self.entries) if size is None else size
        return {"checkpoint": self.checkpoint(size), "oldSize": old,
                "proof": self.consistency(old, size), **more}

    def succeed(self, old, named=None, **more):
        """Makes this a log that follows `old`, and gives the body that says so."""
        named = old.text() if named is None else named
        self.entries.insert(0, json.dumps({"action": "log.start", "changes": [
            {"field": "predecessor", "before": None, "after": named}]}).encode())
        proof = [b64(h) for h in self.path(0, 0, len(self.entries))]
        return {"checkpoint": self.checkpoint(signers=[self.key, old.key]), "logKey": self.key.vkey,
                "succession": {"predecessor": named, "entry": b64(self.entries[0]), "proof": proof}, **more}
