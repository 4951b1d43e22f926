#!/usr/bin/python3
"""Runs the matrix of rows × states of the program × forms of lines, cell by cell, and prints it.

run.py [--peers] [--rows A1,B2] [--modes up,killed] [--kinds short,half] [--sample N] [--jobs N]
       [--seed N] [--keep] [--directory DIR]

With --sample one cell of each row is run: which state and form, N says; the next N, the next ones.
"""

import argparse
import concurrent.futures
import os
import shutil
import sys
import tempfile
import traceback
import zlib

import peers
from scenarios import ROWS
from tailer import Aiwatch, aiwatch_binary
from world import KINDS, MODES, World


class Cell:
    def __init__(self, row, tailer, mode, kind):
        self.row, self.tailer, self.mode, self.kind = row, tailer, mode, kind
        self.name = f"{row.name}.{mode}.{kind}.{tailer.name}"
        self.words = []
        self.lines = 0
        self.missing = self.repeated = self.strange = ()
        self.late = 0
        self.skipped = None

    def run(self, top, seed, keep):
        directory = os.path.join(top, self.name)
        os.makedirs(directory)
        seed = zlib.crc32(f"{seed} {self.name}".encode())
        world = World(directory, self.tailer, self.mode, self.kind, self.row, seed)
        try:
            self.row.script(world)
            self.missing, self.repeated, self.strange, self.late, self.words = world.end()
        except PermissionError as error:
            self.skipped = str(error)
        except Exception:  # pylint: disable=broad-except # a cell that breaks has failed
            self.words = [traceback.format_exc().strip()]
        finally:
            self.lines = len(world.required)
            world.close()
        if not keep or self.passed():
            shutil.rmtree(directory, ignore_errors=True)
        return self

    def passed(self):
        return not (self.missing or self.repeated or self.strange or self.words
                    or self.late and self.tailer is Aiwatch)

    def mark(self):
        if self.skipped:
            return "skipped"
        if self.passed():
            return "ok"
        text = f"{len(self.missing)}/{len(self.repeated)}"
        if self.strange:
            text += f" +{len(self.strange)}"
        if self.late and self.tailer is Aiwatch:
            text += f" late {self.late}"
        return text + (" !" if self.words else "")

    def report(self):
        said = [f"{self.name}: of {self.lines} lines {len(self.missing)} missing,"
                f" {len(self.repeated)} repeated, {self.late} late"]
        for title, numbers in (("missing", self.missing), ("repeated", self.repeated),
                               ("not asked for", self.strange)):
            if numbers:
                said.append(f"  {title}: {spans(numbers)}")
        return "\n".join(said + ["  " + word.replace("\n", "\n  ") for word in self.words])


def spans(numbers):
    """1 2 3 7 as 1-3 7."""
    found = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return " ".join(f"{a}-{b}" if a != b else f"{a}" for a, b in found[:12])


def chosen(text, everything):
    return text.split(",") if text else everything


def cells_of(options):
    tailers = (Aiwatch, *peers.PEERS) if options.peers else (Aiwatch,)
    if options.only:
        tailers = [tailer for tailer in tailers if tailer.name in options.only.split(",")]
    kinds = chosen(options.kinds, ("short",) if options.peers else KINDS)
    for row in ROWS:
        if options.rows and row.name not in options.rows.split(","):
            continue
        if options.peers and not row.peers:
            continue
        for mode in chosen(options.modes, MODES):
            for kind in kinds:
                if mode in row.modes and kind in row.kinds:
                    for tailer in tailers:
                        yield Cell(row, tailer, mode, kind)


def sample_of(cells, number):
    """One cell a row. A row's cells stand by state, then by form: each next row is another step on,
    so that all states and forms come about equally often."""
    rows = {}
    for cell in cells:
        rows.setdefault(cell.row.name, []).append(cell)
    return [some[(number + 7 * turn) % len(some)] for turn, some in enumerate(rows.values())]


def print_matrix(cells, columns, column_of):
    by_place = {}
    for cell in cells:
        by_place[cell.row.name, column_of(cell)] = cell
    titles = {cell.row.name: cell.row.title for cell in cells}
    width = {column: max([len(column)] + [len(c.mark()) for k, c in by_place.items()
                                          if k[1] == column]) for column in columns}
    left = max(len(f"{name} {title}") for name, title in titles.items())
    print("| " + "scenario".ljust(left) + " | "
          + " | ".join(column.ljust(width[column]) for column in columns) + " |")
    print("|" + "-" * (left + 2) + "|" + "|".join("-" * (width[c] + 2) for c in columns) + "|")
    for name, title in titles.items():
        marks = (by_place[name, column].mark() if (name, column) in by_place else "·"
                 for column in columns)
        print("| " + f"{name} {title}".ljust(left) + " | "
              + " | ".join(mark.ljust(width[column]) for mark, column in zip(marks, columns))
              + " |")
    print()


def print_tables(cells, options):
    for mode in MODES:
        some = [cell for cell in cells if cell.mode == mode]
        if not some:
            continue
        if options.peers:
            names = list(dict.fromkeys(cell.tailer.name for cell in some))
            print(f"missing/repeated, {mode}\n")
            print_matrix(some, names, lambda cell: cell.tailer.name)
        else:
            print(f"{mode}\n")
            print_matrix(some, [k for k in KINDS if any(c.kind == k for c in some)],
                         lambda cell: cell.kind)


def main():
    parser = argparse.ArgumentParser()
    for name in ("rows", "modes", "kinds", "only", "directory"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the directories of failed cells")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if not options.peers and not os.access(aiwatch_binary(), os.X_OK):
        sys.exit(f"{aiwatch_binary()} cannot be run")
    top = tempfile.mkdtemp(prefix="rotation.", dir=options.directory or None)
    cells = list(cells_of(options))
    is_sample = options.sample is not None
    if is_sample:
        cells = sample_of(cells, options.sample)
    try:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            runs = [pool.submit(cell.run, top, options.seed, options.keep) for cell in cells]
            for number, run in enumerate(concurrent.futures.as_completed(runs), 1):
                cell = run.result()
                if cell.words or not options.peers and not cell.passed():
                    print(cell.report(), flush=True)
                if sys.stderr.isatty():
                    print(f"\r{number}/{len(cells)}", end="", file=sys.stderr)
    finally:
        if options.keep:
            print(f"kept in {top}")
        else:
            shutil.rmtree(top, ignore_errors=True)
    if not is_sample:
        print()
        print_tables(cells, options)
    skipped = sum(cell.skipped is not None for cell in cells)
    failed = sum(not cell.passed() and not cell.skipped for cell in cells)
    if skipped:
        print(f"{skipped} skipped: {next(c.skipped for c in cells if c.skipped)}")
    title = f"a sample, one of each of {len(cells)} rows: " if is_sample else ""
    print(f"{title}{len(cells) - failed - skipped} passed, {failed} failed")
    return 1 if failed and not options.peers else 0


if __name__ == "__main__":
    sys.exit(main())
