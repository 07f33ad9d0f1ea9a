#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a compiler does not check: lint.py [--selftest]

Layers (an include may only go down the list of src/meson.build), headers that stand
by themselves, function and file lengths, licence lines, words that have no place here.
The self-test plants one fault of each kind and must see it.
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUNCTION_MAX, FILE_MAX, LINE_MAX = 60, 600, 110
# these see field tables only, never the objects
NO_MODEL = ("wg", "http", "db")
# of programs, which do not see each other
PROGRAMS = ("node", "console", "cli")
WORDS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|\.\./sha" + r"red|/wo" + r"rk/")
SPDX = "SPDX-License-Identifier: AGPL-3.0-or-later"


def tracked(root):
    out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"],
                         capture_output=True, text=True, check=True).stdout
    return [path for path in out.splitlines() if os.path.isfile(os.path.join(root, path))]


def layers(root):
    text = open(os.path.join(root, "src/meson.build"), encoding="utf-8").read()
    return re.findall(r"^subdir\('(\w+)'\)", text, re.M)


def check_include(path, number, line, order, faults):
    match = re.match(r'#include "(\w+)/', line)
    own = path.split("/")[1]
    if not match or match.group(1) not in order or own not in order:
        return
    other = match.group(1)
    if other == own:
        return
    if order.index(other) > order.index(own) or (own in NO_MODEL and other == "model") or \
            (own in PROGRAMS and other in PROGRAMS):
        faults.append(f"{path}:{number}: layer '{own}' may not include '{other}'")


def check_lengths(path, lines, faults):
    if len(lines) > FILE_MAX:
        faults.append(f"{path}: {len(lines)} lines; {FILE_MAX} is the limit")
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start - 1 > FUNCTION_MAX:
                faults.append(f"{path}:{start}: a function of {number - start - 1} lines")
            start = None


def check_file(root, path, order, faults):
    try:
        lines = open(os.path.join(root, path), encoding="utf-8").read().splitlines()
    except UnicodeDecodeError:
        return
    is_c = path.endswith((".c", ".h"))
    if (is_c or path.endswith((".py", ".sh", "meson.build"))) and SPDX not in "\n".join(lines[:2]):
        faults.append(f"{path}:1: no licence line")
    if is_c and path.startswith("src/"):
        for number, line in enumerate(lines, 1):
            check_include(path, number, line, order, faults)
        check_lengths(path, lines, faults)
    if path.endswith(".h") and "#pragma once" not in lines:
        faults.append(f"{path}: no '#pragma once'")
    for number, line in enumerate(lines, 1):
        if WORDS.search(line) and not path.endswith("LICENSE"):
            faults.append(f"{path}:{number}: a word that has no place here")


def check_headers(root, paths, faults):
    """Each header compiles alone."""
    headers = [p for p in paths if p.startswith("src/") and p.endswith(".h") and "banned" not in p]
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "all.c")
        for header in headers:
            with open(source, "w", encoding="utf-8") as out:
                out.write(f'#include "{header[4:]}"\n')
            result = subprocess.run(
                ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-I", os.path.join(root, "src"),
                 source], capture_output=True, text=True)
            if result.returncode:
                faults.append(f"{header}: does not compile by itself: "
                              f"{result.stderr.strip().splitlines()[0]}")


def lint(root):
    faults, paths, order = [], tracked(root), layers(root)
    for path in paths:
        check_file(root, path, order, faults)
    check_headers(root, paths, faults)
    return faults


PLANTED = {
    "src/base/up.h": (f"/* {SPDX} */\n#pragma once\n#include \"db/x.h\"\n", "may not include 'db'"),
    "src/db/x.h": (f"/* {SPDX} */\n#pragma once\n#include \"model/m.h\"\n", "may not include 'model'"),
    "src/model/m.h": (f"/* {SPDX} */\n#pragma once\nuint32_t alone;\n", "does not compile by itself"),
    "src/db/long.c": (f"/* {SPDX} */\nvoid f(void)\n{{\n" + "\t;\n" * 61 + "}\n", "a function of 61"),
    "src/db/huge.c": (f"/* {SPDX} */\n" + "\n" * 600, "is the limit"),
    "src/db/licence.c": ("int x;\n", "no licence line"),
    "src/db/word.c": (f"/* {SPDX} */\n/* TO" + "DO: later */\n", "no place here"),
    "src/db/pragma.h": (f"/* {SPDX} */\n", "no '#pragma once'"),
}


def selftest():
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["git", "init", "-q", root], check=True)
        os.makedirs(os.path.join(root, "src"))
        with open(os.path.join(root, "src/meson.build"), "w", encoding="utf-8") as out:
            out.write(f"# {SPDX}\nsubdir('base')\nsubdir('model')\nsubdir('db')\n")
        for path, (text, _) in PLANTED.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as out:
                out.write(text)
        faults = lint(root)
    missed = [f"{path}: {want}" for path, (_, want) in PLANTED.items()
              if not any(path in fault and want in fault for fault in faults)]
    return [f"lint did not see the planted fault {fault}" for fault in missed]


def main():
    faults = selftest() if "--selftest" in sys.argv[1:] else lint(ROOT)
    for fault in faults:
        print(fault)
    print(f"lint: {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
