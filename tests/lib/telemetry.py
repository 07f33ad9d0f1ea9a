# SPDX-License-Identifier: AGPL-3.0-or-later
"""Readers of what a node tells: Prometheus' text format 0.0.4, logfmt and JSON lines. Strict:
what is not of the format is an AssertionError."""
import json
import re
import subprocess

TOKEN = "metrics-token-" + "m" * 30

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
UNESCAPE = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def labels_of(text):
    found, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, text
        assert match.group(1) not in found, text
        found[match.group(1)] = re.sub(r'\\[\\"n]', lambda m: UNESCAPE[m.group()], match.group(2))
        at = match.end()
    return found


class Scrape:
    """Samples by name; families with their types, each of which may come once."""

    def __init__(self, text):
        self.text, self.types, self.samples = text, {}, {}
        assert text.endswith("\n")
        current = None
        for line in text.splitlines():
            if line.startswith("# HELP "):
                current = line.split(" ", 3)[2]
                assert current not in self.types and len(line.split(" ", 3)[3]) > 5, line
                continue
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name == current and kind in ("counter", "gauge", "histogram"), line
                self.types[name] = kind
                continue
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, value = match.group(1), float(match.group(3))
            base = re.sub(r"_(bucket|sum|count)$", "", name) if self.types[current] == "histogram" else name
            assert base == current, f"{line} stands under {current}"
            labels = labels_of(match.group(2) or "")
            rows = self.samples.setdefault(name, [])
            assert labels not in [row[0] for row in rows], f"twice: {line}"
            rows.append((labels, value))

    def get(self, name, **labels):
        """The one sample with these labels (and perhaps more); None: there is none."""
        found = [value for have, value in self.samples.get(name, [])
                 if all(have.get(key) == text for key, text in labels.items())]
        assert len(found) < 2, (name, labels, found)
        return found[0] if found else None

    def sum(self, name, **labels):
        return sum(value for have, value in self.samples.get(name, [])
                   if all(have.get(key) == text for key, text in labels.items()))

    def values(self, name, label):
        return {have[label] for have, _ in self.samples.get(name, [])}


def enable(node, **more):
    """Adds metrics to a node's configuration that has not been started."""
    lines = {"port": 9586, "token": TOKEN, **more}
    with open(node.config, "a", encoding="utf-8") as out:
        out.write("metrics:\n" + "".join(f"  {key}: {value}\n" for key, value in lines.items()))


def ask(node, path="/metrics", token=TOKEN, method="GET", source=None, timeout=12):
    """Status, headers (names in lower case) and body of a request to the metrics' listener."""
    argv = ["curl", "-si", "-m", str(timeout), "-X", method, "-H", "@-", f"http://{node.host}:9586{path}"]
    if method == "HEAD":
        argv[argv.index("-X"):argv.index("-X") + 2] = ["-I"]
    header = f"Authorization: Bearer {token}\n" if token else ""
    result = subprocess.run((source or node.ns).argv(*argv), input=header.encode(),
                            capture_output=True, timeout=timeout + 5)
    head, _, body = result.stdout.decode().partition("\r\n\r\n")
    if not head:
        return 0, {}, ""
    first, *rest = head.split("\r\n")
    headers = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in rest if ": " in line}
    return int(first.split()[1]), headers, body


def ask_many(node, n, url, header):
    """Status and headers of `n` requests over one connection, faster than any limit."""
    argv = ["curl", "-sk", "-m", "20", "-o", "/dev/null", "-D", "-", "-H", "@-", f"{url}?[1-{n}]"]
    result = subprocess.run(node.ns.argv(*argv), input=header.encode(), capture_output=True, timeout=25)
    answers = []
    for block in result.stdout.decode().strip().split("\r\n\r\n"):
        first, *rest = block.split("\r\n")
        headers = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in rest if ": " in line}
        answers.append((int(first.split()[1]), headers))
    assert len(answers) == n
    return answers


def scrape(node, **kwargs):
    status, headers, body = ask(node, **kwargs)
    assert status == 200, status
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(body)


PAIR = re.compile(r'([A-Za-z_]+)=(?:"((?:[^"\\]|\\["\\]|\\u[0-9a-f]{4})*)"|([^\s"=\\]+))( |$)')


def logfmt(line):
    """One line of logfmt, after its priority."""
    match = re.match(r"<([3-7])>", line)
    assert match, line
    found, at = {"<>": match.group(1)}, 3
    while at < len(line):
        match = PAIR.match(line, at)
        assert match, f"{line!r} at {at}"
        assert match.group(1) not in found, line
        quoted = match.group(2)
        found[match.group(1)] = match.group(3) if quoted is None else json.loads(f'"{quoted}"')
        at = match.end()
    assert {"level", "program", "msg"} <= set(found), line
    return found


def json_line(line):
    def once(pairs):
        assert len(pairs) == len({key for key, _ in pairs}), line
        return dict(pairs)

    found = json.loads(line, object_pairs_hook=once)
    assert {"time", "level", "program", "msg"} <= set(found), line
    return found
