#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs groups of tests and counts: run-tests.py GROUP...

The last line is "N passed, N failed"; the exit status says the same. A group that
collects nothing, and a test that was skipped, count as failed: what did not run has
not passed.
"""
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
from lib import pg  # noqa: E402

PYTHON = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else "python3"
REPORTS = os.path.join(ROOT, "build-san", "reports")

# minutes a group may take on two cores; "long" is what is marked so, of all groups
BUDGETS = {"unit": 2, "system": 5, "faults": 2, "browser": 3, "kernel": 1, "long": 60}


def run(*command, env=None, timeout=900):
    print("+", " ".join(command), flush=True)
    try:
        return subprocess.run(command, cwd=ROOT, env=env, timeout=timeout).returncode
    except subprocess.TimeoutExpired:
        print(f"run-tests: {command[0]} took more than {timeout} s", flush=True)
        return 124


def build(tree, *options, env=None):
    if not os.path.exists(os.path.join(ROOT, tree, "build.ninja")):
        if run("meson", "setup", tree, *options, env=env):
            return False
    return run("ninja", "-C", tree, env=env) == 0


def build_san():
    return build("build-san", "-Db_sanitize=address,undefined", "-Dwerror=true")


def meson_tests(tree):
    """Those that keep something do so on both engines: TEST_PG is a PostgreSQL of their own."""
    with pg.cluster(fsync="off") as server:
        run("meson", "test", "-C", tree, "--no-rebuild", "--print-errorlogs",
            env={**os.environ, "TEST_PG": server.create("test")})
    passed = failed = 0
    with open(os.path.join(ROOT, tree, "meson-logs", "testlog.json"), encoding="utf-8") as log:
        for line in log:
            if json.loads(line)["result"] == "OK":
                passed += 1
            else:
                failed += 1
    return passed, failed


def unit():
    """Unit tests under sanitizers; no warning from either compiler; lint."""
    if not build_san():
        return 0, 1
    passed, failed = meson_tests("build-san")
    clang = build("build-clang", "-Dwerror=true", env={**os.environ, "CC": "clang"})
    lint = run("tools/lint.py") == 0 and run("tools/lint.py", "--selftest") == 0
    for ok in (clang, lint):
        passed, failed = passed + ok, failed + (not ok)
    return passed, failed


def pytest(group):
    if not build_san():
        return 0, 1
    os.makedirs(REPORTS, exist_ok=True)
    report = os.path.join(REPORTS, f"{group}.xml")
    if os.path.exists(report):
        os.remove(report)
    what = ("-m", "long", "tests") if group == "long" else (f"tests/{group}",)
    run(PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junit-xml={report}", *what,
        timeout=BUDGETS[group] * 180)
    if not os.path.exists(report):
        return 0, 1
    suite = ElementTree.parse(report).getroot().find("testsuite")
    total = int(suite.get("tests"))
    failed = sum(int(suite.get(kind)) for kind in ("failures", "errors", "skipped"))
    return total - failed, failed


def main():
    passed = failed = 0
    for group in sys.argv[1:]:
        began = time.monotonic()
        ok, bad = unit() if group == "unit" else pytest(group)
        if ok + bad == 0:
            print(f"run-tests: {group} has no tests", flush=True)
            bad = 1
        minutes = (time.monotonic() - began) / 60
        print(f"run-tests: {group}: {ok} passed, {bad} failed, {minutes:.1f} min "
              f"(budget {BUDGETS[group]})", flush=True)
        passed, failed = passed + ok, failed + bad
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
