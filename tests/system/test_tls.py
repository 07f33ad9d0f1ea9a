# SPDX-License-Identifier: AGPL-3.0-or-later
"""HTTPS of a node: what is spoken, certificates that are renewed, certificates of clients."""
import os
import shutil
import signal
import time

import pytest

from lib import tls
from lib.procs import wait_for


@pytest.fixture
def client(stack, wan):
    """client(node): a TLS client that comes from outside, from 198.51.NUMBER.254."""

    def make(node, ns=None):
        made = tls.Client(ns or wan, node)
        stack.callback(made.close)
        return made

    return make


def add_to(node, section, text):
    config = open(node.config, encoding="utf-8").read()
    with open(node.config, "w", encoding="utf-8") as out:
        out.write(config.replace(f"{section}:\n", f"{section}:\n{text}", 1))


def use_files(node, pair, more=""):
    """`server.tls: files` with copies of a pair that the test may then replace."""
    folder = os.path.join(node.folder, "tls")
    os.makedirs(folder, exist_ok=True)
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    shutil.copy(pair[0], cert)
    shutil.copy(pair[1], key)
    add_to(node, "server", f"  tls: files\n  tls_cert: {cert}\n  tls_key: {key}\n{more}")
    return cert, key


def replace(path, source):
    """As renewing programs do it."""
    shutil.copy(source, path + ".tmp")
    os.rename(path + ".tmp", path)


def test_only_modern_tls_is_spoken(make_node, client):
    node = make_node()
    outside = client(node)
    modern = outside.visit("/stats")
    assert modern["status"] == 200 and modern["version"] == "TLSv1.3"
    assert modern["ticket"] is False
    older = outside.visit("/stats", version=tls.TLS12)
    assert older["status"] == 200 and older["version"] == "TLSv1.2"
    assert older["cipher"].startswith("ECDHE-ECDSA-") and older["ticket"] is False
    for refused in ({"version": tls.TLS11, "ciphers": "ALL:@SECLEVEL=0"},
                    {"version": tls.TLS12, "ciphers": "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"},
                    {"version": tls.TLS12, "ciphers": "AES128-GCM-SHA256:@SECLEVEL=0"}):
        assert "error" in outside.visit("/stats", **refused), refused


def test_http_1_1_is_the_only_protocol(make_node, client):
    node = make_node()
    outside = client(node)
    assert outside.visit("/stats", alpn=["h2", "http/1.1"])["alpn"] == "http/1.1"
    assert outside.visit("/stats")["alpn"] is None
    assert "error" in outside.visit("/stats", alpn=["h2"])


def test_a_client_cannot_renegotiate(make_node):
    node = make_node()
    result = node.ns.run("openssl", "s_client", "-tls1_2", "-connect", f"{node.host}:{node.port}", "-legacy_renegotiation",
                         text="R\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", check=False, timeout=10)
    assert "RENEGOTIATING" in result.stdout + result.stderr
    assert "200 OK" not in result.stdout


def test_hsts_comes_with_a_certificate_of_ones_own_and_only_then(make_node, client, tmp_path):
    node = make_node()
    assert "Strict-Transport-Security" not in client(node).visit("/healthz")["headers"]
    other = make_node(2, start=False)
    use_files(other, tls.Authority(tmp_path / "ca").issue("de-1"))
    other.start()
    headers = client(other).visit("/healthz")["headers"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_renewed_certificate_is_shown_and_no_connection_is_dropped(make_node, client, tmp_path):
    authority, node = tls.Authority(tmp_path / "ca"), make_node(start=False)
    first, second = authority.issue("one"), authority.issue("two")
    cert, key = use_files(node, first)
    node.start()
    outside = client(node)
    assert outside.open("kept")["cert"] == tls.fingerprint(first[0])
    assert outside.ask("kept", "/stats")["status"] == 200
    # half of it: the old one stays, and the log says why, once
    replace(cert, second[0])
    wait_for(lambda: "cannot be used" in node.process.text())
    assert outside.visit("/stats")["cert"] == tls.fingerprint(first[0])
    replace(key, second[1])
    wait_for(lambda: outside.visit("/stats").get("cert") == tls.fingerprint(second[0]))
    assert outside.ask("kept", "/stats")["status"] == 200
    assert node.process.text().count("cannot be used") == 1
    assert "certificate renewed" in node.process.text()
    # a new gate gets the new one
    before = node.pid_of("gate")
    node.kill("gate")
    wait_for(lambda: node.pid_of("gate") not in (None, before))
    wait_for(lambda: outside.visit("/stats").get("cert") == tls.fingerprint(second[0]))


def test_a_certificate_behind_symbolic_links_is_renewed(make_node, client, tmp_path):
    authority, node = tls.Authority(tmp_path / "ca"), make_node(start=False)
    archive = tmp_path / "archive"
    archive.mkdir()
    pairs = {}
    for name in ("one", "two"):
        pairs[name] = authority.issue(name)
        (archive / name).mkdir()
        shutil.copy(pairs[name][0], archive / name / "cert.pem")
        shutil.copy(pairs[name][1], archive / name / "key.pem")
    live = tmp_path / "live"
    live.symlink_to(archive / "one")
    add_to(node, "server", f"  tls: files\n  tls_cert: {live}/cert.pem\n  tls_key: {live}/key.pem\n")
    node.start()
    outside = client(node)
    assert outside.visit("/stats")["cert"] == tls.fingerprint(pairs["one"][0])
    (tmp_path / "next").symlink_to(archive / "two")
    os.rename(tmp_path / "next", live)
    wait_for(lambda: outside.visit("/stats").get("cert") == tls.fingerprint(pairs["two"][0]))


def test_sighup_reads_certificates_at_once_and_stops_nothing(make_node, client, tmp_path):
    authority, node = tls.Authority(tmp_path / "ca"), make_node(start=False)
    first, second = authority.issue("one"), authority.issue("two")
    cert, key = use_files(node, first)
    node.start()
    keeper = node.pid_of("keeper")
    replace(cert, second[0])
    replace(key, second[1])
    node.process.popen.send_signal(signal.SIGHUP)
    outside = client(node)
    wait_for(lambda: outside.visit("/stats").get("cert") == tls.fingerprint(second[0]), timeout=1.5)
    assert node.pid_of("keeper") == keeper


def test_what_cannot_be_used_is_kept_out(make_node, client, tmp_path):
    authority, node = tls.Authority(tmp_path / "ca"), make_node(start=False)
    first, other = authority.issue("one"), authority.issue("two")
    expired = authority.issue("old", begins=("20200101000000Z", "20210101000000Z"))
    cert, key = use_files(node, first)
    node.start()
    outside = client(node)
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    for pair, word in (((expired[0], expired[1]), "expired"), ((nonsense, first[1]), "certificate"),
                       ((other[0], first[1]), "belong")):
        replace(cert, pair[0])
        replace(key, pair[1])
        node.process.popen.send_signal(signal.SIGHUP)
        wait_for(lambda: word in node.process.text())
        assert outside.visit("/stats")["cert"] == tls.fingerprint(first[0])
    text = node.process.text()
    assert "PRIVATE KEY" not in text and "nonsense" not in text.replace(str(nonsense), "")


def other_key(authority, _cert, key):
    replace(key, authority.issue("two")[1])


def no_key(_authority, _cert, key):
    os.remove(key)


def long_chain(_authority, cert, _key):
    with open(cert, "a", encoding="ascii") as out:
        out.write("# a comment\n" * 5000)


@pytest.mark.parametrize("spoil,word", [(other_key, "belong"), (no_key, "cannot read"), (long_chain, "may have")],
                         ids=["pair", "missing", "long"])
def test_files_that_will_not_do_are_refused_at_start(make_node, tmp_path, spoil, word):
    authority, node = tls.Authority(tmp_path / "ca"), make_node(start=False)
    spoil(authority, *use_files(node, authority.issue("one")))
    node.start(wait=False)
    wait_for(lambda: not node.process.running())
    assert node.process.popen.returncode == 78
    assert word in node.process.text()


def test_clients_without_a_certificate_get_no_further_than_the_handshake(make_node, client, tmp_path):
    ours, theirs = tls.Authority(tmp_path / "ours"), tls.Authority(tmp_path / "theirs", "other")
    node = make_node(start=False)
    authority = os.path.join(node.folder, "clients.pem")
    shutil.copy(ours.cert, authority)
    add_to(node, "server", f"  client_ca: {authority}\n")
    node.start(wait=False)
    outside, inside = client(node), client(node, node.ns)
    good = ours.issue("console", usage="clientAuth")
    wait_for(lambda: outside.visit("/stats", pair=good).get("status") == 200)
    assert outside.visit("/stats", version=tls.TLS12, pair=good)["status"] == 200
    # a valid certificate is no key, and a valid key no certificate
    assert outside.visit("/stats", key=False, pair=good)["status"] == 401
    refused = {"none": None, "another authority's": theirs.issue("console", usage="clientAuth"),
               "a server's": ours.issue("server"),
               "an expired one": ours.issue("old", usage="clientAuth",
                                            begins=("20200101000000Z", "20210101000000Z"))}
    for what, pair in refused.items():
        assert "error" in outside.visit("/healthz", pair=pair), what
        assert "error" in outside.visit("/healthz", pair=pair, version=tls.TLS12), what
    # on the machine itself one may ask how it is, and nothing else
    assert inside.visit("/healthz", key=False, host="127.0.0.1")["status"] == 200
    assert inside.visit("/readyz", key=False, host="127.0.0.1")["status"] == 200
    assert inside.visit("/stats", host="127.0.0.1")["status"] == 403
    argv = node.ns.argv(node.program, "--config", node.config, "--health")
    assert os.spawnvp(os.P_WAIT, argv[0], argv) == 0
    # the authority is replaced as certificates are
    replace(authority, theirs.cert)
    wait_for(lambda: outside.visit("/stats", pair=refused["another authority's"]).get("status") == 200)
    assert "error" in outside.visit("/stats", pair=good)


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_handshake_that_does_not_end_is_cut_off_and_costs_nothing(make_node, wan):
    node = make_node()
    gate = node.pid_of("gate")
    began, used = time.monotonic(), cpu_seconds(gate)
    # a ClientHello's beginning
    script = ("import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2]))); "
              "s.send(b'\\x16\\x03\\x01\\x02\\x00\\x01'); s.settimeout(20); sys.exit(s.recv(100) not in (b'',))")
    result = wan.run("/usr/bin/python3", "-c", script, node.host, node.port, check=False, timeout=25)
    assert result.returncode == 0 or "reset" in result.stderr, result.stderr
    assert 3 < time.monotonic() - began < 6.5
    assert cpu_seconds(gate) - used < 0.5
