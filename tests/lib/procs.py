# SPDX-License-Identifier: AGPL-3.0-or-later
"""Processes a test started, and only those: stopped by pid, logs kept."""
import os
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("WGKEEPER_BUILD", "build-san"))
BIN = os.path.join(BUILD, "bin")


def bin_of(build=None):
    """Where the programs of a build tree are; of the one under test when none is named."""
    return os.path.join(ROOT, build, "bin") if build else BIN


def wait_for(what, timeout=10.0, every=0.05):
    """The first true value of what(); AssertionError when there is none in time."""
    end = time.monotonic() + timeout
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"not within {timeout} s"
        time.sleep(every)


class Process:
    def __init__(self, argv, log, env=None, cwd=None):
        self.log_path = log
        self.log = open(log, "ab")
        self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log,
                                      stderr=self.log, env=env, cwd=cwd,
                                      start_new_session=True)

    @property
    def pid(self):
        return self.popen.pid

    def children(self):
        path = f"/proc/{self.pid}/task/{self.pid}/children"
        return [int(pid) for pid in open(path, encoding="ascii").read().split()]

    def text(self):
        return open(self.log_path, encoding="utf-8", errors="replace").read()

    def running(self):
        return self.popen.poll() is None

    def stop(self, how=signal.SIGTERM, timeout=15):
        if self.running():
            self.popen.send_signal(how)
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(5)
            raise AssertionError(f"pid {self.pid} did not stop within {timeout} s") from None
        finally:
            self.log.close()
        return code
