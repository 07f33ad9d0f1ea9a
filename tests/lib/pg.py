#!/usr/bin/python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A private PostgreSQL: unix socket only, its own files, gone with the process that made it.

    pg.py COMMAND...    runs it with TEST_PG set to the URL of an empty database

As root the server runs as user postgres. Its texts sort by the rules of a language (ICU), as
those of most servers do: what relies on the order of bytes must say so itself.
"""
import contextlib
import glob
import os
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse

SETTINGS = {"listen_addresses": "", "fsync": "on", "shared_buffers": "32MB", "max_connections": "120",
            "log_min_messages": "warning", "logging_collector": "off"}


def bin_folder():
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    assert folders, "PostgreSQL is not installed: make deps"
    return max(folders, key=lambda path: int(path.split("/")[-2]))


class Cluster:
    def __init__(self, **settings):
        self.folder = tempfile.mkdtemp(prefix="wgk-pg-")
        self.data, self.socket = os.path.join(self.folder, "data"), os.path.join(self.folder, "s")
        self.log = os.path.join(self.folder, "log")
        self.settings, self.process, self.made = {**SETTINGS, **settings}, None, 0
        os.mkdir(self.socket)
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            for path in (self.folder, self.socket):
                os.chown(path, user.pw_uid, user.pw_gid)
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync",
                 "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
        hba = os.path.join(self.data, "pg_hba.conf")
        with open(hba, "r+", encoding="utf-8") as file:
            rules = file.read()
            file.seek(0)
            file.write("local all secretive scram-sha-256\nhost all all samehost trust\n" + rules)

    def install(self, source, name):
        """A copy that is the server's own, e.g. a key."""
        path = os.path.join(self.data, name)
        shutil.copyfile(source, path)
        os.chmod(path, 0o600)
        if os.getuid() == 0:
            shutil.chown(path, "postgres", "postgres")

    def become_standby_of(self, primary):
        shutil.rmtree(self.data, ignore_errors=True)
        self.run("pg_basebackup", "-h", primary.socket, "-U", "postgres", "-D", self.data, "-R", "-c", "fast",
                 "-X", "stream", "--no-sync")
        return self.start()

    def backends(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return [int(pid) for pid in open(path, encoding="ascii").read().split()]

    def argv(self, program, *argv):
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        # after the change of user, which would clear it
        return [*as_user, "setpriv", "--pdeathsig=INT", os.path.join(bin_folder(), program), *argv]

    def run(self, program, *argv):
        done = subprocess.run(self.argv(program, *argv), capture_output=True, text=True, timeout=60, cwd="/")
        assert done.returncode == 0, f"{program}: {done.stderr}"
        return done.stdout

    def start(self, *prefix):
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*prefix, *self.argv("postgres", "-D", self.data, "-k", self.socket, *options)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True)
        end = time.monotonic() + 20
        while subprocess.run([os.path.join(bin_folder(), "pg_isready"), "-q", "-h", self.socket]).returncode:
            assert self.process.poll() is None and time.monotonic() < end, open(self.log).read()
            time.sleep(0.02)
        return self

    def stop(self, how=signal.SIGINT):
        """SIGINT: ends sessions, in order. SIGQUIT: at once. SIGKILL: as if the machine had died."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def remove(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, text, database="postgres"):
        done = subprocess.run([os.path.join(bin_folder(), "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1",
                               "-h", self.socket, "-U", "postgres", "-d", database, "-f", "-"],
                              input=text, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def create(self, database):
        self.sql(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def database(self):
        self.made += 1
        return Database(self, f"test{self.made}")

    def url(self, database="postgres", user="postgres", socket=None, **more):
        query = urllib.parse.urlencode({"host": socket or self.socket, **more})
        return f"postgres://{user}@/{database}?{query}"


class Database:
    """One of a server's. File is the same of SQLite."""

    def __init__(self, server, name):
        self.server, self.name, self.url = server, name, server.create(name)

    def sql(self, text):
        return self.server.sql(text, self.name)

    def snapshot(self):
        """Everything in it. (\\restrict has a word that changes each time.)"""
        dump = self.server.run("pg_dump", "-h", self.server.socket, "-U", "postgres", self.name)
        return [line for line in dump.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]

    def raw(self):
        """All bytes that are kept, also those that the text shows in hexadecimal."""
        text = "\n".join(self.snapshot())
        return text.encode() + b"\n".join(map(bytes.fromhex, re.findall(r"\\\\x([0-9a-f]+)", text)))

    def fresh(self):
        """An empty one beside it."""
        return self.server.database()

    def foreign(self):
        """One beside it that is another program's."""
        other = self.fresh()
        other.sql("CREATE TABLE theirs (i int)")
        return other


class Pair:
    """A database on a primary with a synchronous standby; either may be either."""

    def __init__(self, *servers):
        self.primary, self.standby = servers
        self.primary.start()
        self.name = self.primary.database().name
        self.url = self.primary.url(self.name, socket=",".join(server.socket for server in servers))
        self.restore()

    def sql(self, text):
        return self.primary.sql(text, self.name)

    def set(self, standbys):
        self.primary.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{standbys}'")
        self.primary.sql("SELECT pg_reload_conf()")

    def restore(self):
        """A standby anew; commits wait for it from here on."""
        self.standby.become_standby_of(self.primary)
        self.set("*")
        end = time.monotonic() + 20
        while self.primary.sql("SELECT sync_state FROM pg_stat_replication") != "sync":
            assert time.monotonic() < end
            time.sleep(0.02)

    def fail_over(self):
        for pid in [self.primary.process.pid, *self.primary.backends()]:
            os.kill(pid, signal.SIGKILL)
        self.primary.stop(signal.SIGKILL)
        self.standby.run("pg_ctl", "-w", "-s", "-D", self.standby.data, "promote")
        self.primary, self.standby = self.standby, self.primary
        self.set("")


@contextlib.contextmanager
def pair():
    with contextlib.ExitStack() as made:
        servers = [Cluster() for _ in range(2)]
        for server in servers:
            made.callback(server.remove)
        yield Pair(*servers)


class File(str):
    """An SQLite database, by its path."""

    def __init__(self, path):
        self.path, self.url = path, f"file:{path}"

    def sql(self, text):
        """Rows are lines, columns are separated by |, as psql has it."""
        with contextlib.closing(sqlite3.connect(self.path, timeout=5, isolation_level=None)) as db:
            rows = db.execute(text).fetchall()
        return "\n".join("|".join("" if v is None else str(v) for v in row) for row in rows)

    def snapshot(self):
        with open(self.path, "rb") as file:
            return file.read()

    def raw(self):
        return b"".join(open(path, "rb").read() for path in (self.path, self.path + "-wal") if os.path.exists(path))

    def fresh(self):
        return File(self.path + ".fresh")

    def foreign(self):
        path = os.path.join(os.path.dirname(self.path), "foreign.db")
        with open(path, "wb") as out:
            out.write(b"not ours at all" * 100)
        return File(path)


@contextlib.contextmanager
def cluster(**settings):
    made = Cluster(**settings)
    try:
        yield made.start()
    finally:
        made.remove()


def main():
    with cluster(fsync="off") as made:
        env = {**os.environ, "TEST_PG": made.create("test")}
        sys.exit(subprocess.run(sys.argv[1:], env=env).returncode)


if __name__ == "__main__":
    main()
