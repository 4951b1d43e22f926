#!/usr/bin/python3
"""Measures the rows of the benchmark, prints the table and writes it beside a plot.

run.py [--rows scan,latency] [--rounds N] [--directory DIR] [--keep] [--publish]
"""

import argparse
import collections
import os
import subprocess
import sys
import tempfile

import report
from measure import BUILD, ROOT, Figure
from programs import versions
from rows import ROWS, Bench


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    names = ",".join(ROWS)
    parser.add_argument("--rows", default=names, help=f"of {names}")
    parser.add_argument("--rounds", type=int, default=5, help="counted runs of each")
    parser.add_argument("--directory", help="where logs are generated; on the disk that counts")
    parser.add_argument("--keep", action="store_true", help="leave what was generated")
    parser.add_argument("--publish", action="store_true", help="into the README, the plot beside this")
    chosen = parser.parse_args()
    chosen.rows = chosen.rows.split(",")
    unknown = [name for name in chosen.rows if name not in ROWS]
    if unknown:
        parser.error(f"no row is named {', '.join(unknown)}: {names} are")
    return chosen


def say(text):
    print(text, flush=True)


def main():
    chosen = arguments()
    os.environ.setdefault("AIWATCH", os.path.join(BUILD, "aiwatch"))
    top = chosen.directory or tempfile.mkdtemp(prefix="data-", dir=os.path.join(BUILD, "bench"))
    os.makedirs(top, exist_ok=True)
    bench, figures = Bench(top, chosen.rounds), []
    try:
        for name in chosen.rows:
            for figure in ROWS[name](bench):
                figures.append(figure)
                say("  ".join(cell for cell in figure.cells() if cell))
    finally:
        if not chosen.keep:
            subprocess.run(["rm", "-rf", top], check=False)
    foot = versions()
    report.write(os.path.join(BUILD, "bench"), figures, foot)
    if chosen.publish:
        report.publish(ROOT, figures, foot)
    say("")
    say(report.table(figures))
    say("; ".join(foot + [report.machine()]))
    count = collections.Counter(figure.verdict() for figure in figures)
    say(f"bench: {count[Figure.MET]} goals met, {count[Figure.EVEN]} even, "
        f"{count[Figure.MISSED]} missed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
