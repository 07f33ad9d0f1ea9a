# SPDX-License-Identifier: AGPL-3.0-or-later
"""Real WireGuard: wireguard-go as an interface, wg-quick as a client."""
import os
import shutil
import subprocess
import tempfile

from . import procs
from .netns import sh


def keypair():
    private = sh("wg", "genkey").stdout.strip()
    return private, sh("wg", "pubkey", text=private).stdout.strip()


class Device:
    """wireguard-go in a namespace, as the demo and an operator would start it. The socket
    is a path, not the namespace's, so interface names must differ."""

    def __init__(self, ns, name, folder):
        self.ns, self.name = ns, name
        self.log = os.path.join(folder, f"{name}.log")
        self.start()

    def start(self):
        self.process = procs.Process(self.ns.argv("wireguard-go", "-f", self.name), self.log)
        procs.wait_for(lambda: os.path.exists(f"/var/run/wireguard/{self.name}.sock"))

    def peers(self):
        out = self.ns.run("wg", "show", self.name, "allowed-ips", check=False).stdout
        return {line.split("\t")[0]: line.split("\t")[1].split() for line in out.splitlines()}

    def stop(self):
        self.process.stop()


class Quick:
    """A server that wg-quick runs: its file in /etc/wireguard, which `ip netns exec` takes from
    /etc/netns/NAME/wireguard, so that it is this namespace's alone."""

    def __init__(self, ns, interface, text):
        self.ns, self.interface = ns, interface
        self.etc = f"/etc/netns/{ns.name}"
        os.makedirs(f"{self.etc}/wireguard")
        self.path = f"{self.etc}/wireguard/{interface}.conf"
        self.is_up = False
        self.write(text)

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(self.path, 0o600)

    def up(self):
        self.ns.run("wg-quick", "up", self.interface)
        self.is_up = True
        return self

    def stop(self):
        if self.is_up:
            self.ns.run("wg-quick", "down", self.interface, check=False)
        shutil.rmtree(self.etc)


class Client:
    """wg-quick with an unchanged file, in a namespace and a mount namespace of its own (own
    /run/wireguard, own resolv.conf), with wireguard-go where the kernel has no WireGuard."""

    def __init__(self, ns, config_path):
        self.ns = ns
        self.folder = tempfile.mkdtemp(prefix="wgk-client-")
        shutil.copy(config_path, os.path.join(self.folder, "wgc.conf"))
        os.chmod(os.path.join(self.folder, "wgc.conf"), 0o600)
        script = (
            "set -e; mount -t tmpfs none /run; mkdir -p /run/wireguard;"
            "if [ -L /etc/resolv.conf ]; then cp -L /etc/resolv.conf /run/r; else cp /etc/resolv.conf /run/r; fi;"
            "mount --bind /run/r \"$(readlink -f /etc/resolv.conf)\" 2>/dev/null || true;"
            "mkdir -p /run/bin;"
            "printf '#!/bin/sh\\ncat >/dev/null\\n' >/run/bin/resolvconf; chmod +x /run/bin/resolvconf;"
            f"PATH=/run/bin:$PATH wg-quick up {self.folder}/wgc.conf && echo UP && exec sleep 3600")
        self.process = procs.Process(ns.argv("unshare", "-m", "sh", "-c", script),
                                     os.path.join(self.folder, "log"))
        procs.wait_for(lambda: "UP" in self.process.text() or not self.process.running())
        assert self.process.running(), self.process.text()

    def stop(self):
        pids = subprocess.run(["ip", "netns", "pids", self.ns.name], capture_output=True, text=True)
        for pid in pids.stdout.split():
            try:
                os.kill(int(pid), 15)
            except ProcessLookupError:
                pass
        self.process.popen.wait(10)
        self.process.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Pinger:
    """A steady ping; tells what was lost and when the last answer came."""

    def __init__(self, ns, address, log, interval=0.1):
        self.process = procs.Process(
            ns.argv("ping", "-D", "-O", "-n", "-i", str(interval), "-W", "1", address), log)

    def answers(self):
        """Sequence numbers and times of answers."""
        found = {}
        for line in self.process.text().splitlines():
            if "bytes from" in line:
                at = float(line[1:line.index("]")])
                found[int(line.split("icmp_seq=")[1].split()[0])] = at
        return found

    def lost(self):
        """How many were lost between the first answer and the last."""
        seqs = sorted(self.answers())
        return seqs[-1] - seqs[0] + 1 - len(seqs) if seqs else 0

    def stop(self):
        self.process.stop(2)
