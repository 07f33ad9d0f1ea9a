#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Turns sql/ into C: every statement a program can run, and its migrations.

    sqlgen.py PREFIX OUT.h OUT.c [--queries FILE.sql...] [--migrations FILE.sql...]

A block of a query file begins with a comment line and ends with the next one:

    -- peer_by_id :one
    SELECT id, name FROM peers WHERE id = :id;

Modes: :one, :many, :exec (a write must leave an audit entry in its transaction),
and :list. Words behind the mode: @unaudited (a write that needs none), @audit (the
entry itself), @postgres (a second text for that engine, where the two differ).

A :list block has named parts, joined at run time from these constants only:

    -- peer_list :list
    SELECT p.id, {key} AS cursor_key FROM peers p WHERE {where} ORDER BY {order}
    LIMIT :limit OFFSET :offset;
    -- filter node: p.node_id = :node
    -- sort issuedAt int: p.issued_at; p.id

    -- peer_count :list like peer_list
    SELECT COUNT(*) AS n FROM peers p WHERE {where};

Parameters are written :name and become ?N (SQLite) and $N (PostgreSQL), numbered
once per block.

SQLite's text is the common one; for PostgreSQL it is changed so that it means the same:

    BLOB, INTEGER, TEXT     BYTEA, BIGINT, TEXT COLLATE "C" (migrations: bytes decide)
    x COLLATE NOCASE        lower(x): in queries, and in indexes that serve them
    x LIKE :q               lower(x) LIKE lower(:q COLLATE "C"): ASCII letters in either case
    +x                      x: keeps an index of SQLite's out of use

In a migration, lines between "-- @sqlite" or "-- @postgres" and "-- @both" are that
engine's alone. A statement is ended by a semicolon at the end of a line.
"""
import hashlib
import os
import re
import sys

HEAD = re.compile(r"^-- (\w+) :(one|many|exec|list)((?: like \w+)?)((?: @\w+)*)$")
LOOKS_LIKE_HEAD = re.compile(r"^-- (\w+ :|filter |sort )")
PART = re.compile(r"^-- (filter|sort) (\w+)(?: (int|text))?: (.+)$")
PARAM = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")
WRITES = re.compile(r"^\s*(?:WITH\b.*?\)\s*)?(INSERT|UPDATE|DELETE)\b", re.I | re.S)


class Block:
    def __init__(self, name, mode, like, words, where):
        self.name, self.mode, self.like, self.words, self.where = name, mode, like, words, where
        self.lines, self.parts, self.params = [], [], []

    @property
    def text(self):
        lines = (line.strip() for line in self.lines)
        return " ".join(line for line in lines if line).rstrip("; ")


def fail(where, why):
    sys.exit(f"{where}: {why}")


def read_blocks(path):
    blocks, block = [], None
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        where, line = f"{path}:{number}", line.rstrip()
        head, part = HEAD.match(line), PART.match(line)
        if head:
            name, mode, like, words = head.groups()
            block = Block(name, mode, like.split()[-1] if like else None, words.split(), where)
            blocks.append(block)
        elif part and block and block.mode == "list":
            block.parts.append(part.groups())
        elif LOOKS_LIKE_HEAD.match(line):
            fail(where, "not a statement's head; see the top of tools/sqlgen.py")
        elif line.startswith("--"):
            continue
        elif block:
            block.lines.append(line)
        elif line:
            fail(where, "text before the first statement")
    return blocks


def numbered(text, params, mark):
    def number(match):
        name = match.group(1)
        if name not in params:
            params.append(name)
        return f"{mark}{params.index(name) + 1}"
    return PARAM.sub(number, text)


def postgres_query(text):
    """The common text as PostgreSQL is to understand it."""
    text = re.sub(r"([\w.]+) COLLATE NOCASE\b", r"lower(\1)", text)
    text = re.sub(r"(?<=[\s(])\+(?=[a-z_]\w*)", "", text)
    return re.sub(r"([\w.]+) LIKE (:\w+|'[^']*')", r'lower(\1) LIKE lower(\2 COLLATE "C")', text)


def check_postgres(text, where):
    left = re.search(r"COLLATE NOCASE|(?<!\)) LIKE\b|\bINSERT OR\b|\bGROUP_CONCAT\b|\bIFNULL\(|\browid\b",
                     text, re.I)
    if left:
        fail(where, f"'{left.group(0)}' needs another form, or a second block @postgres")


def c_string(text):
    if text is None:
        return "NULL"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    chunks = [escaped[i:i + 4000] for i in range(0, len(escaped), 4000)] or [""]
    for i in range(len(chunks) - 1):  # never cut an escape in two
        while chunks[i].endswith("\\"):
            chunks[i + 1] = chunks[i][-1] + chunks[i + 1]
            chunks[i] = chunks[i][:-1]
    return "\n\t\t\t".join(f'"{chunk}"' for chunk in chunks)


def flags_of(block):
    flags = []
    if WRITES.match(block.text):
        flags.append("QUERY_WRITES")
    known = {"@unaudited": "QUERY_UNAUDITED", "@audit": "QUERY_AUDIT", "@postgres": None}
    for word in block.words:
        if word not in known:
            fail(block.where, f"unknown word {word}")
        if known[word]:
            flags.append(known[word])
    return " | ".join(flags) or "0"


def emit_parts(block, out, ident):
    out.append(f"static const struct query_part {ident}_parts[] = {{")
    for kind, name, key_kind, text in block.parts:
        tie = None
        if kind == "sort":
            if not key_kind or text.count(";") != 1:
                fail(block.where, f"sort {name}: write 'sort NAME int|text: KEY; TIE'")
            text, tie = (piece.strip() for piece in text.split(";"))
        row = [f".name = {c_string(name)}",
               f".kind = QUERY_{kind.upper()}",
               f".text_key = {'true' if key_kind == 'text' else 'false'}",
               f".sqlite = {c_string(numbered(text, block.params, '?'))}",
               f".postgres = {c_string(numbered(postgres_query(text), block.params, '$'))}",
               f".tie = {c_string(tie)}"]
        check_postgres(postgres_query(text), block.where)
        out.append("\t{ " + ", ".join(row) + " },")
    out.append("\t{ 0 },\n};")


def emit_queries(prefix, blocks):
    upper, by_name, order, out = prefix.upper(), {}, [], []
    for block in blocks:
        if "@postgres" in block.words:
            if block.name not in by_name:
                fail(block.where, "a @postgres text without the common one before it")
            by_name[block.name].postgres = block
            continue
        if block.name in by_name:
            fail(block.where, f"{block.name} is there already")
        block.postgres = None
        by_name[block.name] = block
        order.append(block)
    rows = []
    for block in order:
        ident = f"{prefix}_{block.name}"
        if block.like:
            block.parts = by_name[block.like].parts
        sqlite = numbered(block.text, block.params, "?")
        postgres = block.postgres.text if block.postgres else postgres_query(block.text)
        check_postgres(postgres, block.where)
        postgres = numbered(postgres, block.params, "$")
        if block.mode == "list":
            emit_parts(block, out, ident)
            block.params += ["after_key", "after_id"]  # db/list.c counts on them being the last
        names = ", ".join(c_string(name) for name in block.params)
        out.append(f"static const char *const {ident}_params[] = {{ {names}{', ' if names else ''}NULL }};")
        rows.append(
            f"\t[{upper}_{block.name.upper()}] = {{\n"
            f"\t\t.name = {c_string(block.name)}, .mode = QUERY_{block.mode.upper()},\n"
            f"\t\t.flags = {flags_of(block)}, .n_params = {len(block.params)},\n"
            f"\t\t.params = {ident}_params,\n"
            f"\t\t.parts = {ident + '_parts' if block.mode == 'list' else 'NULL'},\n"
            f"\t\t.sqlite = {c_string(sqlite)},\n"
            f"\t\t.postgres = {c_string(postgres)},\n\t}},")
    enum = "".join(f"\t{upper}_{block.name.upper()},\n" for block in order)
    header = f"enum {prefix}_query {{\n{enum}\t{upper}_N_QUERIES,\n}};\n\n" \
             f"extern const struct query {prefix}_queries[];\n"
    table = f"const struct query {prefix}_queries[] = {{\n" + "\n".join(rows) + "\n};\n"
    return header, "\n".join(out) + "\n\n" + table


def only(engine, raw):
    """A migration's lines for one engine, without comments."""
    lines, current = [], "both"
    for line in raw.splitlines():
        mark = re.match(r"\s*-- @(sqlite|postgres|both)$", line)
        if mark:
            current = mark.group(1)
        elif not line.lstrip().startswith("--") and current in ("both", engine):
            lines.append(line)
    return "\n".join(lines)


def postgres_schema(raw):
    text = only("postgres", raw)
    for pattern, replacement in ((r"\bBLOB\b", "BYTEA"), (r"\bINTEGER\b", "BIGINT"),
                                 (r"\bTEXT\b", 'TEXT COLLATE "C"'),
                                 (r"(\w+) COLLATE NOCASE\b", r"(lower(\1))")):
        text = re.sub(pattern, replacement, text)
    return text


def read_migrations(paths):
    """(number, name, checksum, text of SQLite, text of PostgreSQL) of each."""
    for want, path in enumerate(sorted(paths), 1):
        match = re.match(r"^(\d{4})_(\w+)\.sql$", os.path.basename(path))
        if not match or int(match.group(1)) != want:
            fail(path, f"migrations are named NNNN_what.sql without gaps; expected {want:04d}")
        raw = open(path, encoding="utf-8").read()
        digest = hashlib.sha256(raw.encode()).hexdigest()
        yield want, match.group(2), digest, only("sqlite", raw), postgres_schema(raw)


def emit_migrations(prefix, paths):
    rows = [f"\t{{ .number = {number}, .name = {c_string(name)},\n"
            f"\t\t.checksum = \"{digest}\",\n\t\t.sqlite = {c_string(sqlite)},\n"
            f"\t\t.postgres = {c_string(postgres)} }},"
            for number, name, digest, sqlite, postgres in read_migrations(paths)]
    header = f"extern const struct migration {prefix}_migrations[];\n"
    table = f"const struct migration {prefix}_migrations[] = {{\n" + "\n".join(rows) + \
            "\n\t{ 0 },\n};\n"
    return header, table


def main():
    prefix, out_h, out_c, *rest = sys.argv[1:]
    queries, migrations, current = [], [], None
    for word in rest:
        if word == "--queries":
            current = queries
        elif word == "--migrations":
            current = migrations
        else:
            current.append(word)
    blocks = [block for path in sorted(queries) for block in read_blocks(path)]
    q_header, q_table = emit_queries(prefix, blocks)
    m_header, m_table = emit_migrations(prefix, migrations)
    note = "/* Made by tools/sqlgen.py from sql/; do not edit. */\n"
    with open(out_h, "w", encoding="utf-8") as out:
        out.write(f"{note}#pragma once\n\n#include \"db/query.h\"\n\n{q_header}\n{m_header}")
    with open(out_c, "w", encoding="utf-8") as out:
        out.write(f"{note}#include \"{os.path.basename(out_h)}\"\n\n{q_table}\n{m_table}")


if __name__ == "__main__":
    main()
