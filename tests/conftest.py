# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fixtures: what a test makes is taken away behind it, in reverse order."""
import contextlib
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "system")]

from lib import netns, node, pg, wireguard  # noqa: E402
from lib.console import Console  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "engines(*names): databases on which a test runs in `make test`")
    config.addinivalue_line("markers", "long: takes long; `make test-long` runs it")


def pytest_generate_tests(metafunc):
    """What uses a Console runs on SQLite. In tests/system it also runs on PostgreSQL: at once when it is
    marked so, else among the long tests."""
    if "engine" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("engines")
    engines = list(mark.args) if mark else ["sqlite"]
    if not mark and os.path.basename(os.path.dirname(metafunc.module.__file__)) == "system":
        engines.append(pytest.param("postgres", marks=pytest.mark.long))
    metafunc.parametrize("engine", engines, indirect=True)


def pytest_collection_modifyitems(config, items):
    """Long tests run when they are asked for: by -m long, or by name."""
    if not config.option.markexpr and not config.option.keyword:
        long = [item for item in items if item.get_closest_marker("long")]
        if long:
            config.hook.pytest_deselected(items=long)
            items[:] = [item for item in items if item not in long]


@pytest.fixture
def engine(request):
    return request.param


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of this run."""
    with pg.cluster(fsync="off") as server:
        yield server


@pytest.fixture
def database(engine, request, tmp_path):
    """An empty database: a file, or one of the server's."""
    if engine == "sqlite":
        return pg.File(str(tmp_path / "console" / "console.db"))
    return request.getfixturevalue("postgres").database()


@pytest.fixture
def stack():
    with contextlib.ExitStack() as made:
        yield made


@pytest.fixture
def wan(stack):
    """The internet: a namespace that nodes and clients are connected to."""
    ns = netns.Namespace("wan")
    stack.callback(ns.remove)
    ns.forward()
    return ns


@pytest.fixture
def make_node(stack, wan, tmp_path):
    """make_node(number, *init options): a node at 198.51.NUMBER.1 behind `wan`."""

    def make(number=1, *options, start=True, build=None):
        ns = netns.Namespace(f"n{number}")
        stack.callback(ns.remove)
        netns.link(ns, "wan0", [f"198.51.{number}.1/24"], wan, f"n{number}", [f"198.51.{number}.254/24"])
        ns.ip("route", "add", "default", "via", f"198.51.{number}.254")
        ns.forward()
        interface = f"wgk{os.getpid() % 100000}n{number}"
        device = wireguard.Device(ns, interface, str(tmp_path))
        stack.callback(device.stop)
        made = node.Node(ns, str(tmp_path / f"node{number}"), interface,
                         options or ("--subnet", f"10.{60 + number}.0.0/26"), device, build)
        stack.callback(made.stop)
        return made.start() if start else made

    return make


@pytest.fixture
def make_client(stack, wan, tmp_path):
    """make_client(number, text): a machine with wg-quick and this file."""

    def make(number, text):
        ns = netns.Namespace(f"c{number}")
        stack.callback(ns.remove)
        netns.link(ns, "eth0", [f"203.0.{number}.2/24"], wan, f"c{number}", [f"203.0.{number}.1/24"])
        ns.ip("route", "add", "default", "via", f"203.0.{number}.1")
        path = tmp_path / f"client{number}.conf"
        path.write_text(text)
        client = wireguard.Client(ns, str(path))
        stack.callback(client.stop)
        return client

    return make


@pytest.fixture
def console(stack, wan, tmp_path, database):
    """A running Console at 198.18.0.1 behind `wan`."""
    ns = netns.Namespace("console")
    stack.callback(ns.remove)
    netns.link(ns, "wan0", ["198.18.0.1/24"], wan, "console", ["198.18.0.254/24"])
    ns.ip("route", "add", "default", "via", "198.18.0.254")
    made = Console(ns, str(tmp_path / "console"), database)
    stack.callback(made.stop)
    return made.start()
