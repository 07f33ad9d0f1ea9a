# SPDX-License-Identifier: AGPL-3.0-or-later
"""The node: a release build over TLS on loopback of a namespace of its own, on a WireGuard device that only
keeps what it is told (bench/fakewg.c), its store on the disk of the build tree. CPU is what the kernel counted
for all three processes (/proc/PID/task/TID/schedstat)."""
import contextlib
import glob
import json
import os
import shutil
import subprocess
import tempfile

from lib import netns, procs
from lib.node import Node

TOOLS = os.path.join(procs.BUILD, "bench")
CLIENTS = 64
SECONDS = int(os.environ.get("WGKEEPER_BENCH_SECONDS", "3"))
ROUNDS = 3


def tool(name, *argv, ns=None, env=None):
    command = [os.path.join(TOOLS, name), *map(str, argv)]
    result = subprocess.run(ns.argv(*command) if ns else command, capture_output=True, text=True,
                            env={**os.environ, **(env or {})}, timeout=600)
    assert result.returncode == 0, f"{name} {argv}: {result.stderr}"
    return json.loads(result.stdout)


class Fake:
    """The device, as a test's wireguard.Device is one."""

    def __init__(self, ns, name):
        self.ns, self.name = ns, name
        ns.ip("tuntap", "add", name, "mode", "tun")  # any link will do
        self.process = subprocess.Popen(ns.argv(os.path.join(TOOLS, "fakewg"), name), stdin=subprocess.PIPE)
        procs.wait_for(lambda: os.path.exists(f"/run/wireguard/{name}.sock"))

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(10)
            self.ns.ip("link", "del", self.name)


def cpu_us(pids):
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            with open(path, encoding="ascii") as stat:
                total += int(stat.read().split()[0])
    return total / 1000.0


def rss_mib(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
            total += sum(int(line.split()[1]) for line in rollup if line.startswith("Rss:"))
    return total / 1024.0


class Bench:
    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder
        self.ns = netns.Namespace("bench")
        stack.callback(self.ns.remove)
        self.n = 0

    def node(self, subnet="10.0.0.0/8", start=True):
        self.n += 1
        name = f"wgb{os.getpid() % 100000}{self.n}"
        device = Fake(self.ns, name)
        self.stack.callback(device.stop)
        made = Node(self.ns, os.path.join(self.folder, f"node{self.n}"), name,
                    ("--host", "127.0.0.1", "--port", str(51900 + self.n), "--wan-interface", "lo", "--subnet", subnet),
                    device)
        self.stack.callback(made.stop)
        return made.start() if start else made

    @staticmethod
    def end(node):
        node.stop()
        node.device.stop()

    def load(self, node, what, clients, path="/", seconds=None):
        answer = tool("bench-load", "127.0.0.1", node.port, what, seconds or SECONDS, clients, path, ns=self.ns,
                      env={"WGKEEPER_API_KEY": node.key})
        assert answer["failed"] == 0 and answer["requests"] > 0, answer
        return answer


def pids_of(node):
    return [node.process.popen.pid, *node.process.children()]


def with_cpu(pids, work):
    before = cpu_us(pids)
    answer = work()
    return (cpu_us(pids) - before) / answer["requests"]


class Bare:
    """The server of bench-limits."""

    def __init__(self, bench, size):
        self.bench = bench
        self.process = subprocess.Popen(bench.ns.argv(os.path.join(TOOLS, "bench-limits"), "http", str(size)),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def load(self, clients):
        return tool("bench-load", "127.0.0.1", self.port, "get", SECONDS, clients, "/", ns=self.bench.ns,
                    env={"WGKEEPER_API_KEY": "x" * 43})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def best(pick, *works):
    """Each work in turn, ROUNDS times, and the best of each: what else the machine does then spoils neither
    side of a ratio alone."""
    found = [[work() for work in works] for _ in range(ROUNDS)]
    return [pick(column) for column in zip(*found)]


def creates(bench):
    node = bench.node()

    def rate():
        answer = bench.load(node, "create", CLIENTS)
        return answer["requests"] / answer["seconds"]

    value, limit = best(max, rate, lambda: tool("bench-limits", "sqlite", bench.folder, CLIENTS, SECONDS)["rows_per_s"])
    yield ("node.create.64", value, "creates/s", limit, value / limit, f"rows/s in SQLite, {CLIENTS} a commit")
    with Bare(bench, 400) as server:
        value, *limits = best(min, lambda: bench.load(node, "create", 1)["mean_us"],
                              lambda: tool("bench-limits", "fdatasync", bench.folder, 2000)["us"],
                              lambda: tool("bench-limits", "socketpair", 20000, 300, 300)["us"],
                              lambda: server.load(1)["mean_us"])
    yield ("node.create.1", value / 1000, "ms", sum(limits) / 1000, value / sum(limits),
           "one fdatasync, one bare round trip, one socketpair")
    bench.end(node)


READS = (
    ("node.get", "/v1/peers/{}", "bare answer of that size, socketpair round trip",
     lambda: tool("bench-limits", "socketpair", 50000, 100, 400)["cpu_us"]),
    ("node.page1000", "/v1/peers?after=0&limit=1000", "bare answer of that size, one encode",
     lambda: tool("bench-limits", "encode", 1000, 1)["cpu_us"]),
)


def reads(bench):
    node = bench.node()
    while node.get("/v1/node").json["peers"] < 1000:
        bench.load(node, "create", 8, seconds=1)
    peer = node.get("/v1/peers?after=0&limit=1").json["data"][0]["id"]
    for name, path, note, beside in READS:
        path = path.format(peer)
        with Bare(bench, len(node.get(path).text)) as server:
            value, bare, more = best(min, lambda: with_cpu(pids_of(node), lambda: bench.load(node, "get", 8, path)),
                                     lambda: with_cpu([server.process.pid], lambda: server.load(8)), beside)
        yield (name, value, "CPU us", bare + more, value / (bare + more), note)
    bench.end(node)


def idle(bench):
    node = bench.node()
    node.get("/v1/node")
    yield ("node.rss.idle", rss_mib(pids_of(node)), "MiB", None, None, "all three processes")
    bench.end(node)


def results():
    folder = tempfile.mkdtemp(prefix="bench-", dir=procs.BUILD)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        bench = Bench(stack, folder)
        for part in (creates, reads, idle):
            yield from part(bench)
