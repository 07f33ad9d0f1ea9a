#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Figures, each beside a limit that this machine gave in the same run: bench.py WHAT...

Prints a table and writes build/bench.json; results of other parts that are there stay.
A part is a file of this folder with a function results(tools) that yields rows
(name, value, unit, limit, ratio, note); limit and ratio may be None.
"""
import importlib
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.environ.setdefault("WGKEEPER_BUILD", "build")
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "bench")]
REPORT = os.path.join(ROOT, "build", "bench.json")
PARTS = {"node": "bench_node"}


def show(value):
    return "" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def main():
    parts = sys.argv[1:] or sorted(PARTS)
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        sys.exit(f"bench: there is no part '{unknown[0]}'; there are: {', '.join(sorted(PARTS))}")
    kept = {}
    if os.path.exists(REPORT):
        with open(REPORT, encoding="utf-8") as report:
            kept = {row["name"]: row for row in json.load(report)["results"]}
    print(f"{'name':<24}{'value':>12} {'unit':<14}{'limit':>12}{'ratio':>8}  what the limit is", flush=True)
    for part in parts:
        for name, value, unit, limit, ratio, note in importlib.import_module(PARTS[part]).results():
            kept[name] = {"name": name, "value": value, "unit": unit, "limit": limit, "ratio": ratio}
            print(f"{name:<24}{show(value):>12} {unit:<14}{show(limit):>12}{show(ratio):>8}  {note}", flush=True)
    with open(REPORT, "w", encoding="utf-8") as report:
        json.dump({"results": sorted(kept.values(), key=lambda row: row["name"])}, report, indent=1)
        report.write("\n")


main()
