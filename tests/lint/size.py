"""Checks the house's measures: no function over 60 lines, no file over 600."""

import json
import subprocess
import sys

FUNCTION, FILE = 60, 600


def functions(paths):
    command = ["ctags", "-L", "-", "-f", "-", "--output-format=json", "--fields=+ne", "--kinds-C=f"]
    done = subprocess.run(command, input="\n".join(paths), capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        tag = json.loads(line)
        if "end" in tag:
            yield tag["path"], tag["line"], tag["name"], tag["end"] - tag["line"] + 1


def check(paths):
    for path, line, name, size in functions(paths):
        if size > FUNCTION:
            yield f"{path}:{line}: {name} has {size} lines, {FUNCTION} is the limit"
    for path in paths:
        with open(path, encoding="utf-8") as file:
            size = sum(1 for _ in file)
        if size > FILE:
            yield f"{path}: {size} lines, {FILE} is the limit"


problems = list(check([p for p in sys.argv[1:] if not p.startswith("tests/")]))
print("\n".join(problems), end="\n" if problems else "")
sys.exit(bool(problems))
