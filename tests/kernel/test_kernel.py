# SPDX-License-Identifier: AGPL-3.0-or-later
"""The kernel's WireGuard, in a machine of its own (QEMU without acceleration)."""
import os
import subprocess

from lib.procs import ROOT

WANT = ["the keeper made a kernel interface", "create", "ping through the tunnel, masqueraded", "rotate",
        "keeper restart, no packet lost", "many peers", "revoke"]


def test_a_node_on_the_kernels_wireguard():
    here = os.path.join(ROOT, "tests/kernel")
    # the release build: sanitizers cost too much under emulation
    node = os.path.join(ROOT, "build/bin/wgkeeper-node")
    result = subprocess.run(
        [os.path.join(here, "kernel-lab.sh"), "-t", "100", "-p", "curl", "-f", node,
         "-f", os.path.join(here, "guest.sh"), "--", "sh", "guest.sh"],
        capture_output=True, text=True, timeout=150)
    said = [line[3:] for line in result.stdout.splitlines() if line.startswith("ok ")]
    assert said == WANT, result.stdout + result.stderr
    assert result.returncode == 0
