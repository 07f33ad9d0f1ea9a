# SPDX-License-Identifier: AGPL-3.0-or-later
"""The peer store of a published node, as it writes it; and the golden files of it:

    python3 -m lib.published          (in tests/) writes tests/golden/published-*.db
"""
import base64
import hashlib
import json
import os

from . import bbolt

GOLDEN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "golden")


def b64(data):
    return base64.b64encode(data).decode()


def record(peer_id, public_key, preshared_key, allowed_ips, created_at, expires_at=None):
    """A value of the bucket: members in the order of the published struct, compact."""
    row = {"peer_id": peer_id, "public_key": public_key, "preshared_key": preshared_key,
           "allowed_ips": allowed_ips, "created_at": created_at}
    if expires_at:
        row["expires_at"] = expires_at
    return row


def encode(row):
    return json.dumps(row, separators=(",", ":")).encode()


def store(rows, **layout):
    """The bytes of a store with these records."""
    return bbolt.build({b"peers": {row["peer_id"].encode(): encode(row) for row in rows}}, **layout)


def sample(i):
    """Peer number i of the golden files: everything in it follows from the number."""
    digest = bytearray(hashlib.sha256(f"id {i}".encode()).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x40, digest[8] & 0x3F | 0x80
    h = digest.hex()
    public = bytearray(hashlib.sha256(f"public {i}".encode()).digest())
    public[31] &= 0x7F
    return record(f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}", b64(bytes(public)),
                  b64(hashlib.sha256(f"preshared {i}".encode()).digest()),
                  [f"10.61.{(i + 2) // 256}.{(i + 2) % 256}/32", f"fd61::{i + 2:x}/128"],
                  f"2026-05-01T10:00:{i % 60:02d}.{123456789 + i}".rstrip("0") + "Z",
                  "2099-12-31T23:59:59.5Z" if i % 3 == 0 else None)


def goldens():
    return {"published-small.db": store([sample(i) for i in range(3)], inline=True),
            "published-pages.db": store([sample(i) for i in range(120)], page_size=1024,
                                        per_leaf=5, per_branch=4)}


if __name__ == "__main__":
    for name, data in goldens().items():
        with open(os.path.join(GOLDEN, name), "wb") as out:
            out.write(data)
