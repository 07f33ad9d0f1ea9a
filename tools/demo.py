#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A Console and two nodes with real WireGuard on this machine, each in a network namespace.

    demo.py              run until Ctrl-C
    demo.py --check      use it once by itself, and end
    demo.py client FILE  a machine of its own that connects with FILE, until Ctrl-C

Nothing of it outlives the program. Wants root.
"""
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.environ.setdefault("WGKEEPER_BUILD", "build")
sys.path.insert(0, os.path.join(ROOT, "tests"))

from lib import netns, procs, wireguard  # noqa: E402
from lib.console import Console  # noqa: E402
from lib.node import Node  # noqa: E402

STATE = os.path.join(ROOT, procs.BUILD, "demo.json")
HOST = "192.0.2.9"  # a host behind the nodes that says who asked
NODES = (("de-1", 1), ("nl-1", 2))
SERVER = """
import http.server
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(f"You come from {self.client_address[0]}\\n".encode())
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("%s", 80), H).serve_forever()
""" % HOST


def namespace(stack, label):
    ns = netns.Namespace(label)
    stack.callback(ns.remove)
    return ns


def make_internet(stack, folder):
    wan = namespace(stack, "demo-wan")
    wan.forward()
    wan.ip("addr", "add", HOST + "/32", "dev", "lo")
    server = procs.Process(wan.argv(sys.executable, "-c", SERVER), os.path.join(folder, "host.log"))
    stack.callback(server.stop, signal.SIGKILL)
    return wan


def make_uplink(stack, wan):
    """This machine reaches the Console through a veth pair of its own."""
    name = f"wkdemo{os.getpid() % 100000}"
    netns.sh("ip", "link", "add", name, "type", "veth", "peer", "name", "host0", "netns", wan.name)
    stack.callback(netns.sh, "ip", "link", "del", name, check=False)
    netns.sh("ip", "addr", "add", "198.18.255.1/30", "dev", name)
    netns.sh("ip", "link", "set", name, "up")
    wan.ip("addr", "add", "198.18.255.2/30", "dev", "host0")
    wan.ip("link", "set", "host0", "up")
    netns.sh("ip", "route", "replace", "198.18.0.0/24", "via", "198.18.255.2")


def make_console(stack, wan, folder):
    ns = namespace(stack, "demo-console")
    netns.link(ns, "wan0", ["198.18.0.1/24"], wan, "console", ["198.18.0.254/24"])
    ns.ip("route", "add", "default", "via", "198.18.0.254")
    console = Console(ns, os.path.join(folder, "console"))
    stack.callback(console.stop)
    return console.start()


def has_kernel_wireguard(ns):
    made = ns.ip("link", "add", "wgkprobe", "type", "wireguard", check=False).returncode == 0
    if made:
        ns.ip("link", "del", "wgkprobe")
    return made


def make_node(stack, wan, folder, name, number):
    ns = namespace(stack, f"demo-{name}")
    netns.link(ns, "wan0", [f"198.51.{number}.1/24"], wan, f"n{number}", [f"198.51.{number}.254/24"])
    ns.ip("route", "add", "default", "via", f"198.51.{number}.254")
    ns.forward()
    interface = f"wgd{os.getpid() % 100000}{number}"
    if not has_kernel_wireguard(ns):
        device = wireguard.Device(ns, interface, folder)
        stack.callback(device.stop)
    node = Node(ns, os.path.join(folder, name), interface, ("--subnet", f"10.{60 + number}.0.0/24"))
    stack.callback(node.stop)
    return node.start()


def start(stack):
    folder = tempfile.mkdtemp(prefix="wgkeeper-demo-")
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    wan = make_internet(stack, folder)
    make_uplink(stack, wan)
    console = make_console(stack, wan, folder)
    api = console.admin()
    for name, number in NODES:
        node = make_node(stack, wan, folder, name, number)
        answer = api.post("/nodes", {"name": name, "enrol": node.enrol})
        assert answer.status == 201, answer.text
    procs.wait_for(lambda: api.get("/nodes").json["counts"]["online"] == len(NODES))
    with open(STATE, "w", encoding="utf-8") as out:
        json.dump({"wan": wan.name}, out)
    stack.callback(os.remove, STATE)
    return console, api, wan


def attach(stack, wan_name, path):
    """A client machine; the internet may be another process's."""
    wan = netns.Namespace.__new__(netns.Namespace)
    wan.name = wan_name
    number = os.getpid() % 200
    ns = namespace(stack, "demo-client")
    netns.link(ns, "eth0", [f"203.0.{number}.2/24"], wan, f"c{number}", [f"203.0.{number}.1/24"])
    ns.ip("route", "add", "default", "via", f"203.0.{number}.1")
    client = wireguard.Client(ns, path)
    stack.callback(client.stop)
    return ns


def who_am_i(ns):
    return ns.run("curl", "-s", "-m", "5", f"http://{HOST}/", check=False).stdout.strip()


def check(stack, api, wan):
    person = api.post("/people", {"name": "Ada Example", "kind": "contractor"}).json
    for node in api.get("/nodes?sort=name").json["data"]:
        private, public = wireguard.keypair()
        issued = api.post("/peers", {"personId": person["id"], "nodeId": node["id"], "name": "laptop",
                                     "publicKey": public}).json
        client = issued["client"]
        folder = tempfile.mkdtemp(prefix="wgkeeper-demo-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        path = os.path.join(folder, "laptop.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f"[Interface]\nPrivateKey = {private}\nAddress = {', '.join(client['addresses'])}\n"
                      f"[Peer]\nPublicKey = {client['serverPublicKey']}\nEndpoint = {client['endpoint']}\n"
                      f"AllowedIPs = {', '.join(client['allowedIPs'])}\n")
        with contextlib.ExitStack() as client_stack:
            ns = attach(client_stack, wan.name, path)
            want = "You come from " + node["effectiveEndpoint"].split(":")[0]
            procs.wait_for(lambda: who_am_i(ns) == want)
            print(f"{node['name']}: a client with the file is seen as {want.split()[-1]}", flush=True)
            assert api.post(f"/peers/{issued['peer']['id']}/revoke").json["access"] == "revoked"
            assert who_am_i(ns) == ""
            print(f"{node['name']}: and not at all after revoke", flush=True)
    print("demo check passed", flush=True)


def wait_for_end():
    """Ctrl-C reaches the whole group; our children end first and in order, by us."""
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print("\nremoving everything", flush=True)


def terminated(*_):
    raise KeyboardInterrupt


def run(only_check):
    with contextlib.ExitStack() as stack:
        console, api, wan = start(stack)
        if only_check:
            check(stack, api, wan)
            return
        print("\nWGKeeper runs with two nodes, de-1 and nl-1.\n"
              f"  user      {console.USER}\n  password  {console.password}\n\n"
              "Issue a peer, download its file, and connect a machine of its own with it:\n"
              f"  sudo {sys.argv[0]} client FILE.conf\n\nCtrl-C ends and removes everything.\n"
              f"http://198.18.0.1:{console.port}/", flush=True)
        wait_for_end()


def run_client(path):
    if not os.path.exists(STATE):
        sys.exit("the demo is not running: start it with make demo")
    wan = json.load(open(STATE, encoding="utf-8"))["wan"]
    with contextlib.ExitStack() as stack:
        ns = attach(stack, wan, path)
        print(f"Connected. The host {HOST} says: {who_am_i(ns) or 'nothing (no way through)'}\n"
              f"Try: sudo ip netns exec {ns.name} ping {HOST}\nCtrl-C disconnects.", flush=True)
        wait_for_end()


def main():
    signal.signal(signal.SIGTERM, terminated)
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", sys.executable, *sys.argv])
    if sys.argv[1:2] == ["client"] and len(sys.argv) == 3:
        run_client(sys.argv[2])
    elif sys.argv[1:] in ([], ["--check"]):
        run(bool(sys.argv[1:]))
    else:
        sys.exit(__doc__)


main()
