# SPDX-License-Identifier: AGPL-3.0-or-later
"""How the databases mean to answer: EXPLAIN of every statement, and of every filter and sort of every list.

A statement fails that reads all of a big table: by a scan, by walking a whole index, or to sort it. A
list that has a sort may walk the sort's index, as it ends with the page. What must be otherwise is an
EXCEPTION, with its reason. A table is big unless SMALL says why not.

sql/ is read by the program's own generator, so nothing is listed here that could be forgotten.
"""
import fnmatch
import glob
import json
import os
import re
import sqlite3
import sys

import pytest

from lib.procs import ROOT

sys.path.insert(0, os.path.join(ROOT, "tools"))
import sqlgen  # noqa: E402

pytestmark = pytest.mark.engines("sqlite", "postgres")

SMALL = {
    "settings": "a few rows",
    "operators": "people who run servers",
    "operator_nodes": "nodes of operators of limited roles",
    "nodes": "thousands at most, and each page counts them by state",
    "audit_head": "one row",
    "instances": "a row for each Console",
    "leases": "a row",
    "jobs": "what operators have started, of the last days",
    "api_tokens": "a few for each operator",
    "sessions": "a few for each operator, and they end",
    "schema_migrations": "one for each migration",
}

# "statement [filter] [sort]" as test ids have it, with wildcards → the reason
EXCEPTIONS = {
    "person_counts *": "counts by kind are over all the people that the search leaves",
    "peer_counts *": "counts by view are over all the peers that the other filters leave",
    "audit_total *": "counts to 100,000 at most",
    "person_total *": "counts to 100,000 at most",
    "peer_total *": "counts to 100,000 at most",
    "person_list * peers *": "the key is a count of another table's rows",
    "peer_list * person *": "the key is another table's",
    "peer_list * node *": "the key is another table's",
    "peer_list * lastHandshakeAt *": "each poll writes it; an index would be written along",
    "peer_list * expiresAt *": "most peers have none, and sort as one",
    "peer_list * name *": "not indexed",
    "person_list * createdAt *": "not indexed",
}

QUERIES = glob.glob(os.path.join(ROOT, "sql/queries/console/*.sql"))
MIGRATIONS = glob.glob(os.path.join(ROOT, "sql/migrations/console/*.sql"))


def compose(text, part_where, key, tie, direction):
    """As db/list.c joins the parts of a list."""
    order = ", ".join(f"{column.strip()} {direction}" for column in (key, *tie.split(","))) if key else ""
    return text.replace("{where}", part_where or "1 = 1").replace("{key}", key or "0").replace("{order}", order)


def list_statements(block, text, parts):
    sorts = [part for part in parts if part[0] == "sort"] if "{order}" in text else [None]
    for _, filter_name, _, condition in [(None, "-", None, None)] + [p for p in parts if p[0] == "filter"]:
        if not set(re.findall(r"\b([a-z]\w*)\.", condition or "")) <= set(aliases(f"{text} {condition}")):
            continue  # of the list's other statements: it names a table that this one has not
        for sort in sorts:
            if not sort:
                yield f"{block.name} {filter_name}", compose(text, condition, None, None, None)
                continue
            key, tie = (piece.strip() for piece in sort[3].split(";"))
            for direction, sign in (("ASC", ">"), ("DESC", "<")):
                behind = [f"({key}, {tie}) {sign} (:after_key, :after_id)"] if "," not in tie else []
                for after in ["", *behind]:
                    where = " AND ".join(filter(None, (f"({condition})" if condition else "", after)))
                    name = f"{block.name} {filter_name} {sort[1]} {direction.lower()}{' after' if after else ''}"
                    yield name, compose(text, where, key, tie, direction)


def statements(engine):
    """(name, text) of everything the Console may say."""
    blocks = [block for path in sorted(QUERIES) for block in sqlgen.read_blocks(path)]
    by_name = {block.name: block for block in blocks if "@postgres" not in block.words}
    own = {block.name: block for block in blocks if "@postgres" in block.words}
    for block in by_name.values():
        special = own.get(block.name) if engine == "postgres" else None
        text = (special or block).text
        if block.mode == "list":
            parts = by_name[block.like].parts if block.like else block.parts
            made = list_statements(block, text, parts)
        else:
            made = [(block.name, text)]
        for name, whole in made:
            yield name, whole if special or engine == "sqlite" else sqlgen.postgres_query(whole)


def is_page(text):
    """It may walk an index in its order, as it ends with the page."""
    return re.search(r"ORDER BY .+ LIMIT ", text)


def values(text, params):
    """What the parameters stand for here: a beginning can be found by an index, a middle cannot."""
    searched = set(re.findall(r"LIKE (?:lower\()?:(\w+)", text))
    return [None if name not in searched else "ab%" if name.endswith("_start") else "%ab%" for name in params]


def said(engine, named):
    return [(name, text if engine == "sqlite" else sqlgen.postgres_query(text)) for name, text in named]


def aliases(text):
    found = dict(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)\s+(?:AS\s+)?(\w+)", text))
    names = {alias: table for table, alias in found.items()}
    names.update((table, table) for table in re.findall(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)", text))
    return names


class Sqlite:
    def __init__(self, tmp_path):
        self.db = sqlite3.connect(tmp_path / "plans.db", isolation_level=None)
        for _, _, _, text, _ in sqlgen.read_migrations(MIGRATIONS):
            self.db.executescript(text)
        self.partial = {row[1] for (table,) in self.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
                        .fetchall() for row in self.db.execute(f"PRAGMA index_list({table})") if row[4]}

    def faults(self, named):
        for name, text in named:
            params = []
            numbered = sqlgen.numbered(text, params, "?")
            lines = [row[3] for row in self.db.execute(f"EXPLAIN QUERY PLAN {numbered}", values(text, params))]
            yield name, list(self.judge(aliases(text), lines, is_page(text)))

    def make(self, text, _):
        self.db.executescript(text)

    def judge(self, tables, lines, paged):
        """https://www.sqlite.org/eqp.html"""
        sorts = any(line.startswith("USE TEMP B-TREE FOR ORDER BY") for line in lines)
        walks = 0
        for line in lines:
            scan = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", line)
            if not scan or scan.group(1) not in tables or tables[scan.group(1)] in SMALL or \
                    scan.group(2) in self.partial:
                continue
            walks += 1
            if walks > 1 or not paged or sorts:  # the first one may walk in the page's order
                yield line + (" and a sort" if sorts else "")


class Postgres:
    """Its planner looks at what is there, so big tables are filled."""

    def __init__(self, database):
        self.database = database
        for _, _, _, _, text in sqlgen.read_migrations(MIGRATIONS):
            database.sql(text)
        database.sql("SET session_replication_role = replica;" +  # references are not followed
                     "".join(map(self.fill, self.big_tables())) + "ANALYZE;")
        self.columns = dict(line.split("|") for line in database.sql(
            "SELECT attname, min(format_type(atttypid, NULL)) FROM pg_attribute WHERE attnum > 0 AND attrelid IN "
            "(SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r') "
            "GROUP BY attname HAVING count(DISTINCT atttypid) = 1"
        ).splitlines())
        self.partial = set(database.sql("SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
                                        "WHERE i.indpred IS NOT NULL").splitlines())

    def make(self, text, table):
        self.database.sql(text)
        self.database.sql(self.fill(table) + "ANALYZE;")

    def big_tables(self):
        tables = self.database.sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND "
                                   "relnamespace = 'public'::regnamespace ORDER BY relname").splitlines()
        return [table for table in tables if table not in SMALL]

    def fill(self, table, rows=10000, few=200):
        """Rows of any table: what must be unique is, other values repeat, what may be null mostly is."""
        columns = self.database.sql(f"""
            SELECT a.attname, format_type(a.atttypid, NULL), a.attnotnull,
                EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey))
            FROM pg_attribute a WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 AND a.attgenerated = ''
                AND NOT a.attisdropped""")
        names, values = [], []
        for name, kind, needed, unique in (line.split("|") for line in columns.splitlines()):
            number = "i" if unique == "t" else f"(i * 7919 % {few if kind == 'bytea' else 9})"
            value = {"bigint": number, "text": f"md5({number}::text)", "bytea": f"decode(md5({number}::text), 'hex')"}[kind]
            names.append(name)
            values.append(value if needed == "t" else f"CASE WHEN i % 10 = 0 THEN {value} END")
        return f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM generate_series(1, {rows}) i;"

    def prepare(self, number, text):
        """The program gives each parameter its field's type; here it has that of the column of its name.
        https://www.postgresql.org/docs/15/sql-prepare.html"""
        params = []
        text = sqlgen.numbered(text, params, "$")
        types = ", ".join("bigint" if name == "now" else self.columns.get(name, "unknown") for name in params)
        return f"PREPARE s{number} {f'({types})' if types else ''} AS {text};"

    DEFAULTS = {"bigint": "1", "integer": "1", "bytea": "'\\x00'", "text": "'ab'"}

    def arguments(self, prepared, named):
        """Values of the types that the server has found for each statement's parameters."""
        types = self.database.sql("\n".join(prepared) + "\nSELECT name, array_to_string(parameter_types, ',') "
                                  "FROM pg_prepared_statements;")
        types = dict(line.split("|") for line in types.splitlines())
        for number, (_, text) in enumerate(named):
            params = []
            sqlgen.numbered(text, params, "$")
            given = zip(values(text, params), filter(None, types[f"s{number}"].split(",")))
            texts = [f"'{value}'" if value else self.DEFAULTS[kind] for value, kind in given]
            yield f"({', '.join(texts)})" if texts else ""

    def faults(self, named):
        named = list(named)
        prepared = [self.prepare(number, text) for number, (_, text) in enumerate(named)]
        script = ["SET enable_seqscan = off; SET plan_cache_mode = force_custom_plan; SET jit = off;", *prepared]
        script += [f"\\echo ==\nEXPLAIN (FORMAT JSON) EXECUTE s{number}{args};"
                   for number, args in enumerate(self.arguments(prepared, named))]
        answers = re.split(r"^==\n", self.database.sql("\n".join(script)), flags=re.M)[1:]
        assert len(answers) == len(named)
        for (name, text), answer in zip(named, answers):
            yield name, list(self.judge(json.loads(answer)[0]["Plan"], is_page(text), False))

    def judge(self, node, paged, sorted_above, heap=None):
        """https://www.postgresql.org/docs/15/using-explain.html"""
        kind, table = node["Node Type"], node.get("Relation Name", heap)
        whole = kind == "Seq Scan" or (kind in ("Index Scan", "Index Only Scan", "Bitmap Index Scan") and
                                       "Index Cond" not in node and node.get("Index Name") not in self.partial)
        if whole and table and table not in SMALL:
            if kind == "Seq Scan" or not paged or sorted_above:
                yield f"{kind} of {table}" + (" and a sort" if sorted_above else "")
        for child in node.get("Plans", ()):
            yield from self.judge(child, paged, sorted_above or kind == "Sort", table)


@pytest.fixture
def planner(engine, request, tmp_path):
    if engine == "sqlite":
        return Sqlite(tmp_path)
    return Postgres(request.getfixturevalue("postgres").database())


def excepted(name):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in EXCEPTIONS)


def test_no_statement_reads_all_of_a_big_table(planner, engine):
    found = [(name, faults) for name, faults in planner.faults(statements(engine)) if faults]
    bad = [f"{name}: {'; '.join(faults)}" for name, faults in found if not excepted(name)]
    assert not bad, "\n" + "\n".join(bad)


def test_every_exception_is_needed(stack, tmp_path, postgres):
    names = []
    for engine, planner in (("sqlite", Sqlite(tmp_path)), ("postgres", Postgres(postgres.database()))):
        names += [name for name, faults in planner.faults(statements(engine)) if faults]
    idle = [pattern for pattern in EXCEPTIONS if not any(fnmatch.fnmatchcase(name, pattern) for name in names)]
    assert not idle, idle


PLANTED = [
    ("a scan", "SELECT id FROM peers WHERE endpoint = :endpoint"),
    ("a count", "SELECT COUNT(*) AS n FROM peers"),
    ("a sort", "SELECT id FROM peers ORDER BY etag, id LIMIT :limit"),
    ("a middle", "SELECT id FROM searched WHERE name LIKE :q ESCAPE '\\'"),
    ("an update", "UPDATE peers SET etag = 0 WHERE endpoint = :endpoint"),
]
HARMLESS = [
    ("a beginning", "SELECT id FROM searched WHERE name LIKE :q_start ESCAPE '\\'"),
    ("a look-up", "SELECT id FROM peers WHERE public_key = :public_key"),
    ("a walk", "SELECT id FROM peers ORDER BY issued_at, id LIMIT :limit"),
    ("a small table", "SELECT value FROM settings WHERE value = :value"),
]


SEARCHED = ("CREATE TABLE searched (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
            "CREATE INDEX searched_name ON searched (name COLLATE NOCASE, id);")


def test_the_harness_sees_planted_scans(planner, engine):
    planner.make(SEARCHED if engine == "sqlite" else sqlgen.postgres_schema(SEARCHED), "searched")
    assert [name for name, faults in planner.faults(said(engine, PLANTED)) if not faults] == []
    assert [name for name, faults in planner.faults(said(engine, HARMLESS)) if faults] == []
