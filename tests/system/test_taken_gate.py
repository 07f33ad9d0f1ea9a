# SPDX-License-Identifier: AGPL-3.0-or-later
"""A gate that somebody else has taken: what its socket can be made to say to the keeper, and what the keeper
makes of it."""
import array
import ctypes
import os
import random
import re
import socket
import struct
import time

import pytest

from lib.procs import wait_for
from lib.wireguard import keypair
from test_node import new_id

SYS_PIDFD_GETFD, HEAD = 438, struct.Struct("=HHIQ")
HELLO, LIST = 1, 6


def socket_of(gate):
    """The gate's end of its connection to the keeper, as the gate itself has it."""
    seqpackets = {line.split()[6] for line in open(f"/proc/{gate}/net/unix", encoding="ascii")
                  if line.split()[4] == "0005"}
    for fd in os.listdir(f"/proc/{gate}/fd"):
        match = re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{gate}/fd/{fd}"))
        if match and match[1] in seqpackets:
            pidfd = os.pidfd_open(gate)
            try:
                copy = ctypes.CDLL(None, use_errno=True).syscall(SYS_PIDFD_GETFD, pidfd, int(fd), 0)
            finally:
                os.close(pidfd)
            assert copy >= 0, os.strerror(ctypes.get_errno())
            return socket.socket(fileno=copy)
    raise AssertionError("the gate has no such socket")


def say(end, *pieces, fds=()):
    """False where it does not take more."""
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    try:
        end.sendmsg(pieces, control, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        return True
    except BlockingIOError:
        return False
    except OSError as error:  # of too many descriptors on their way
        assert error.errno in (11, 105, 109, 90), error
        return False


def head(kind, number=1, version=1, size=400):
    """A message of this type, zeros but for what names it."""
    return HEAD.pack(version, kind, 0, number) + bytes(size - HEAD.size)


def garbage(end, source):
    for _ in range(3000):
        say(end, source.randbytes(source.choice([0, 1, 15, 16, 48, 200, 1000, 60000])))


def nothing_at_all(end, _source):
    for _ in range(3000):
        say(end, b"")


def every_type_with_garbage_behind_it(end, source):
    for _ in range(3000):
        say(end, HEAD.pack(1, source.randrange(40), source.getrandbits(32), source.getrandbits(64)),
            source.randbytes(source.choice([0, 32, 64, 100, 132, 300])))


def greetings(end, _source):
    for _ in range(2000):
        say(end, head(HELLO))


def descriptors(end, _source):
    fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(2)]
    for n in range(3000):
        say(end, head(LIST + n % 5), fds=fds[:1 + n % 2])
    for fd in fds:
        os.close(fd)


def questions_without_end(end, _source):
    for n in range(20000):
        say(end, head(LIST, n + 1000, size=16 + 32 + 24), bytes(72))


TRICKS = [garbage, nothing_at_all, every_type_with_garbage_behind_it, greetings, descriptors, questions_without_end]


def rss(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status", encoding="ascii").read())[1]) // 1024


@pytest.mark.parametrize("trick", TRICKS, ids=[trick.__name__ for trick in TRICKS])
def test_the_keeper_goes_on_whatever_its_gate_says(make_node, trick):
    node = make_node(build="build")
    keeper, fds = node.pid_of("keeper"), len(os.listdir(f"/proc/{node.pid_of('keeper')}/fd"))
    before, log = rss(keeper), len(node.process.text())
    with socket_of(node.pid_of("gate")) as end:
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            trick(end, random.Random(7))
    # the gate may be at the end of its tether; another one is not
    node.kill("gate")
    peer, (_, public) = new_id(), keypair()
    wait_for(lambda: node.get("/readyz").status == 200)
    assert node.put(peer, public).status == 200
    assert node.device.peers() == {public: ["10.61.0.2/32"]}
    assert node.pid_of("keeper") == keeper
    assert len(os.listdir(f"/proc/{keeper}/fd")) <= fds + 2
    assert rss(keeper) - before < 16
    assert len(node.process.text()) - log < 100000


def test_a_connection_that_is_cut_is_made_anew(make_node):
    node = make_node(build="build")
    both = {part: node.pid_of(part) for part in ("gate", "keeper")}
    with socket_of(both["gate"]) as end:
        end.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: all(node.pid_of(part) not in (None, pid) for part, pid in both.items()))
    wait_for(lambda: node.get("/readyz").status == 200)
    assert node.put(new_id(), keypair()[1]).status == 200
    assert "was cut" in node.process.text()


def test_no_connection_is_lost_with_gate_or_keeper(make_node):
    """The listening socket outlives both: who comes meanwhile waits."""
    node = make_node(build="build")
    for part in ("gate", "keeper", "gate"):
        before = node.pid_of(part)
        node.kill(part)
        assert node.get("/healthz").status == 200
        wait_for(lambda: node.pid_of(part) not in (None, before))
        wait_for(lambda: node.get("/readyz").status == 200)
