#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Turns the files of a folder into a C table: embed.py FOLDER OUT.c

Each file with its type, its bytes and their gzip form (where that is smaller), and
an ETag. A folder that is not there gives an empty table: the program then says that
the UI was not built.
"""
import gzip
import hashlib
import os
import re
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2"}


def c_bytes(name, data):
    rows = [", ".join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32)]
    return f"static const unsigned char {name}[] = {{\n\t" + ",\n\t".join(rows or ["0"]) + "\n};\n"


def main():
    folder, out_path = sys.argv[1:]
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    out = ["/* Made by tools/embed.py from web/dist; do not edit. */\n", "#include \"console/ui.h\"\n"]
    rows = []
    for i, name in enumerate(names):
        kind = TYPES.get(os.path.splitext(name)[1])
        if not kind:
            sys.exit(f"{name}: what type is that? See TYPES in tools/embed.py")
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        packed = gzip.compress(data, 9, mtime=0)
        out.append(c_bytes(f"plain_{i}", data))
        small = len(packed) < len(data) * 9 // 10
        if small:
            out.append(c_bytes(f"gzip_{i}", packed))
        hashed = re.search(r"-[0-9A-Za-z]{8}\.\w+$", name) is not None
        rows.append(f"\t{{ \"/{name}\", \"{kind}\", plain_{i}, {len(data)}, "
                    f"{f'gzip_{i}' if small else 'NULL'}, {len(packed) if small else 0}, "
                    f"\"\\\"{hashlib.sha256(data).hexdigest()[:32]}\\\"\", {'true' if hashed else 'false'} }},")
    out.append("const struct ui_file ui_files[] = {\n" + "\n".join(rows) + "\n\t{ 0 },\n};\n")
    text = "\n".join(out)
    if os.path.exists(out_path) and open(out_path, encoding="utf-8").read() == text:
        return  # nothing to compile again
    with open(out_path, "w", encoding="utf-8") as file:
        file.write(text)


main()
