"""Checks the direction of includes: which folder may know which, and which file owns a library."""

import fnmatch
import os
import re
import sys

# A folder may include itself and what stands behind it. daemon/ may include all.
ALLOWED = {
    "daemon/base": [],
    "parsers": ["daemon/base"],
    "config": ["daemon/base"],
}

# A library's header stands in one .c file, or in the one module named by a pattern.
OWNERS = {
    "pcre2.h": None,
    "yaml.h": None,
    "sqlite3.h": "daemon/engine/store*",
    "curl/curl.h": None,
    "microhttpd.h": None,
    "sys/inotify.h": None,
    "archive.h": None,
    "xxhash.h": None,
    "zlib.h": None,
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def includes(path):
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1) == '"', match.group(2)


def home(path):
    folder = os.path.dirname(path)
    for name in ALLOWED:
        if folder == name or folder.startswith(name + "/"):
            return name
    return None


def check(paths):
    users = {}
    for path in paths:
        own = home(path)
        for number, is_ours, name in includes(path):
            users.setdefault(name, set()).add(path)
            if not is_ours or own is None:
                continue
            target = os.path.dirname(name)
            if not any(
                target == folder or target.startswith(folder + "/")
                for folder in [own, *ALLOWED[own]]
            ):
                yield f"{path}:{number}: {own}/ must not include {name}"
    for header, module in OWNERS.items():
        files = sorted(p for p in users.get(header, ()) if not p.startswith("tests/"))
        for path in files:
            if module and not fnmatch.fnmatch(path, module):
                yield f"{path}: {header} belongs to {module}"
            if not module and path.endswith(".h"):
                yield f"{path}: {header} must not be included by a header"
        if not module and len(files) > 1:
            yield f"{header} belongs to one file, but is included by {', '.join(files)}"


problems = list(check(sys.argv[1:]))
print("\n".join(problems), end="\n" if problems else "")
sys.exit(bool(problems))
