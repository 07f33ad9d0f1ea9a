# SPDX-License-Identifier: AGPL-3.0-or-later
"""Network namespaces with veth pairs between them. Names begin with our pid; they are
removed with everything in them."""
import itertools
import os
import subprocess

_count = itertools.count()


def sh(*argv, check=True, timeout=20, text=None):
    result = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, input=text)
    assert not check or result.returncode == 0, f"{' '.join(argv)}: {result.stderr}"
    return result


class Namespace:
    def __init__(self, label):
        self.name = f"wgk{os.getpid()}-{label}-{next(_count)}"
        sh("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv, **kwargs):
        return sh(*self.argv(*argv), **kwargs)

    def ip(self, *argv, **kwargs):
        return sh("ip", "-n", self.name, *argv, **kwargs)

    def forward(self):
        self.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")

    def remove(self):
        sh("ip", "netns", "del", self.name, check=False)


def link(a, a_if, a_addresses, b, b_if, b_addresses):
    """A veth pair between two namespaces, up, with these addresses."""
    first, second = (f"wk{os.getpid() % 100000}{next(_count)}{end}" for end in "ab")
    sh("ip", "link", "add", first, "type", "veth", "peer", "name", second)
    for ns, temporary, name, addresses in ((a, first, a_if, a_addresses), (b, second, b_if, b_addresses)):
        sh("ip", "link", "set", temporary, "netns", ns.name, "name", name)
        for address in addresses:
            ns.ip("addr", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
        ns.ip("link", "set", name, "up")
