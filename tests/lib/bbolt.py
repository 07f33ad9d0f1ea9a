# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes bbolt files, from the format alone: what published nodes keep their peers in.

A file is two meta pages, a free list, and a tree of pages for each bucket: leaves, branches
over them, and both going on in following pages where one is too small for them.
"""
import struct

MAGIC, VERSION = 0xED0CDAED, 2
BRANCH, LEAF, META, FREELIST = 1, 2, 4, 16
HEADER = struct.Struct("<QHHI")       # id, flags, count, overflow
LEAF_ELEMENT = struct.Struct("<IIII")  # flags, position, key size, value size
BRANCH_ELEMENT = struct.Struct("<IIQ")  # position, key size, child
META_BODY = struct.Struct("<IIIIQQQQQ")
BUCKET = struct.Struct("<QQ")


def checksum(data):
    """FNV-1a, 64 bits."""
    value = 14695981039346656037
    for byte in data:
        value = (value ^ byte) * 1099511628211 % 2 ** 64
    return value


def leaf_body(items):
    """Elements, then keys and values; items are (flags, key, value)."""
    elements, data = b"", b""
    for i, (flags, key, value) in enumerate(items):
        position = (len(items) - i) * LEAF_ELEMENT.size + len(data)
        elements += LEAF_ELEMENT.pack(flags, position, len(key), len(value))
        data += key + value
    return elements + data


def branch_body(children):
    elements, data = b"", b""
    for i, (key, child) in enumerate(children):
        position = (len(children) - i) * BRANCH_ELEMENT.size + len(data)
        elements += BRANCH_ELEMENT.pack(position, len(key), child)
        data += key
    return elements + data


def chunks(items, size, of):
    """As many of the items as fit into `size` bytes at a time, one at least; or `of` at a time."""
    chunk, room = [], 0
    for item in items:
        need = 16 + sum(len(part) for part in item if isinstance(part, bytes))
        if chunk and (len(chunk) == of if of else room + need > size):
            yield chunk
            chunk, room = [], 0
        chunk.append(item)
        room += need
    yield chunk


class File:
    """per_leaf, per_branch: elements a page holds; more than fit make it go on in the next ones."""

    def __init__(self, page_size=4096, per_leaf=None, per_branch=None):
        self.page_size, self.per_leaf, self.per_branch = page_size, per_leaf, per_branch
        self.pages = {}
        self.next = 2
        # the page of the state before this one is free again
        self.free = self.page(FREELIST, 1, struct.pack("<Q", 3))
        self.nothing = self.tree([])
        assert self.nothing == 3

    def page(self, flags, count, body):
        """Puts a page where the last one ended; gives its number."""
        number, room = self.next, HEADER.size + len(body)
        n = -(-room // self.page_size)
        text = HEADER.pack(number, flags, count, n - 1) + body
        self.pages[number] = text.ljust(n * self.page_size, b"\0")
        self.next += n
        return number

    def tree(self, items):
        """Pages for sorted (flags, key, value); the number of the root."""
        room = self.page_size - HEADER.size
        level = [(chunk[0][1] if chunk else b"", self.page(LEAF, len(chunk), leaf_body(chunk)))
                 for chunk in chunks(items, room, self.per_leaf)]
        while len(level) > 1:
            level = [(chunk[0][0], self.page(BRANCH, len(chunk), branch_body(chunk)))
                     for chunk in chunks(level, room, self.per_branch)]
        return level[0][1]

    def bucket(self, values, inline):
        items = [(0, key, value) for key, value in sorted(values.items())]
        if inline:
            return BUCKET.pack(0, 0) + HEADER.pack(0, LEAF, len(items), 0) + leaf_body(items)
        return BUCKET.pack(self.tree(items), 0)

    def meta(self, number, root, txid):
        body = META_BODY.pack(MAGIC, VERSION, self.page_size, 0, root, 0, self.free, self.next, txid)
        body += struct.pack("<Q", checksum(body))
        return (HEADER.pack(number, META, 0, 0) + body).ljust(self.page_size, b"\0")


def build(buckets, page_size=4096, per_leaf=None, per_branch=None, inline=False, txid=7):
    """The bytes of a file with {bucket: {key: value}}. The meta page of the transaction before
    says that there was nothing yet."""
    file = File(page_size, per_leaf, per_branch)
    root = file.tree(sorted((1, name, file.bucket(values, inline)) for name, values in buckets.items()))
    metas = {txid % 2: file.meta(txid % 2, root, txid),
             (txid - 1) % 2: file.meta((txid - 1) % 2, file.nothing, txid - 1)}
    return metas[0] + metas[1] + b"".join(file.pages[number] for number in sorted(file.pages))
