"""Compiles each Python file named, to nothing: a misspelled script fails here, not at night."""

import sys

failed = False
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        try:
            compile(file.read(), path, "exec")
        except SyntaxError as error:
            print(f"{path}:{error.lineno}: {error.msg}")
            failed = True
sys.exit(failed)
