# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the three processes of a node cannot do. Sanitizers and seccomp do not go together, so all
of this is about the release build (build/)."""
import os
import re
import subprocess
import sys

import pytest

from lib import procs
from lib.procs import ROOT, wait_for
from lib.wireguard import keypair
from test_node import new_id

RELEASE = "build"
PROBE = os.path.join(ROOT, RELEASE, "tests/probe/contain-probe")

NET_ADMIN = 1 << 12
# of linux/capability.h: what main keeps so that its children can start
MAIN_MAY = sum(1 << bit for bit in (1, 2, 3, 5, 6, 7, 8, 10, 12))

MAY = {  # everything else is refused
    "main": {"read-passwd", "write-elsewhere", "write-open-to-all", "read-state", "write-state", "make-state",
             "replace-state", "read-self", "read-forwarding", "write-forwarding", "inet-socket",
             "netlink-socket", "unix-socket", "make-process", "become-root", "signal-parent"},
    "keeper": {"write-open-to-all", "read-state", "write-state", "make-state", "replace-state",
               "read-forwarding", "netlink-socket", "unix-socket"},
    "gate": set(),
}


def acts():
    return subprocess.run([PROBE, "--list"], capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture
def attempt(tmp_path):
    """attempt(role, act): what becomes of it, in a mount namespace of its own."""
    folder = tmp_path / "state"
    (folder / "open").mkdir(parents=True)
    (folder / "open/to-all").touch()
    # open to the gate's user as far as modes go: only Landlock and seccomp are in its way
    for parent in [folder, folder / "open", *folder.parents]:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o777)
    (folder / "open/to-all").chmod(0o666)

    def run(role, act):
        for name in ("store.db", "store.db-wal"):
            (folder / name).touch()
            (folder / name).chmod(0o666)
        result = subprocess.run(["unshare", "-m", PROBE, role, str(folder), act], capture_output=True,
                                text=True, timeout=10)
        if os.path.exists("/dev/shm/wgkeeper-probe"):
            os.remove("/dev/shm/wgkeeper-probe")
        assert result.returncode == 0, f"{role} {act}: {result.stderr}"
        return result.stdout.strip()

    return run


def test_the_probe_does_everything_when_nothing_contains_it(attempt):
    assert {act: attempt("none", act) for act in acts()} == {act: "done" for act in acts()}


@pytest.mark.parametrize("role", ["main", "keeper", "gate"])
def test_each_process_can_do_its_work_and_nothing_else(attempt, role):
    answers = {act: attempt(role, act) for act in acts()}
    done = {act for act, answer in answers.items() if answer == "done"}
    assert done == MAY[role], answers
    assert all(answer in ("done", "refused EPERM", "refused EACCES") for answer in answers.values()), answers


def status(pid):
    text = open(f"/proc/{pid}/status", encoding="ascii").read()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def limits(pid):
    text = open(f"/proc/{pid}/limits", encoding="ascii").read()
    return {match[1].strip(): match.groups()[1:] for match in re.finditer(r"^(Max [a-z ]+?)  +(\S+) +(\S+)", text, re.M)}


def contained(pid):
    """What is the same for all three."""
    lines = status(pid)
    assert lines["NoNewPrivs"] == "1" and lines["Seccomp"] == "2", lines
    assert lines["CapInh"] == lines["CapAmb"] == "0" * 16
    assert limits(pid)["Max core file size"] == ("0", "0")
    # not dumpable: its files under /proc are root's
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0
    return lines


def caps(lines):
    return [int(lines[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")]


def test_the_processes_of_a_running_node_are_contained(make_node):
    node = make_node(build=RELEASE)
    lines = contained(node.process.pid)
    assert all(cap & ~MAIN_MAY == 0 for cap in caps(lines)), lines

    keeper = node.pid_of("keeper")
    lines = contained(keeper)
    assert caps(lines) == [NET_ADMIN] * 3
    assert limits(keeper)["Max open files"] == ("256", "256")

    gate = node.pid_of("gate")
    lines = contained(gate)
    assert caps(lines) == [0, 0, 0]
    uids = set(lines["Uid"].split()) | set(lines["Gid"].split())
    assert "0" not in uids and len(uids) == 1
    assert lines["Groups"].strip() == ""
    assert limits(gate)["Max processes"] == ("0", "0")
    files = [os.readlink(f"/proc/{gate}/fd/{fd}") for fd in os.listdir(f"/proc/{gate}/fd")]
    known = (node.process.log_path, "/dev/null", f"/proc/{gate}/stat", f"/proc/{gate}/fd")
    # from outside of a chroot the names are longer
    assert [name for name in files if name.startswith("/") and not name.endswith(known)] == []


def test_a_node_whose_log_is_a_pipe_writes_no_file_at_all(make_node):
    node = make_node(start=False, build=RELEASE)
    piped = os.path.join(node.folder, "piped")
    # bash goes away by exec, and the log is a pipe to cat
    node.process = procs.Process(
        node.ns.argv("bash", "-c", f"exec {node.program} --config {node.config} 2> >(exec cat >{piped})"),
        os.path.join(node.folder, "node.log"))
    wait_for(lambda: node.get("/readyz").status == 200)
    assert limits(node.pid_of("gate"))["Max file size"] == ("0", "0")
    assert "serving" in open(piped, encoding="utf-8").read()


def test_killed_processes_come_back_contained(make_node):
    node = make_node(build=RELEASE)
    for part in ("gate", "keeper"):
        before = node.pid_of(part)
        node.kill(part)
        wait_for(lambda: node.pid_of(part) not in (None, before))
        wait_for(lambda: node.get("/readyz").status == 200)
        contained(node.pid_of(part))
    assert node.put(new_id(), keypair()[1]).status == 200


def test_nothing_that_works_needs_a_forbidden_call():
    """The tests of a whole node again, and a call that no list has is death: WGKEEPER_SECCOMP=kill."""
    env = {**os.environ, "WGKEEPER_BUILD": RELEASE, "WGKEEPER_SECCOMP": "kill"}
    result = subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
                             "tests/system/test_node.py", "tests/system/test_tls.py"],
                            cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stdout[-3000:]


def test_the_kill_switch_does_kill(tmp_path):
    env = {**os.environ, "WGKEEPER_SECCOMP": "kill"}
    result = subprocess.run([PROBE, "gate", str(tmp_path), "inet-socket"], env=env, capture_output=True,
                            text=True, timeout=10)
    assert result.returncode == -31, result
