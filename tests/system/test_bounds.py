"""What is read may be of any size and any nonsense: memory stays bounded, the next line is read.

All is synthetic but the two lines of the service.
"""

import gzip
import json
import os
import subprocess
import sys

import pytest

from harness import AIWATCH, SLOWNESS, aiwatch, append
from lines import l1, l2

MIB = 1024 * 1024
DEADLINE = 120 * SLOWNESS
PEAK = 16 * MIB

is_plain_build = pytest.mark.skipif(SLOWNESS > 1, reason="a sanitizer takes memory of its own")


# A program inherits the peak of the one that starts it: so a small one does.
MEASURE = """
import os, sys
out = os.open(os.devnull, os.O_WRONLY)
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
                     file_actions=[(os.POSIX_SPAWN_DUP2, out, 1)])
_, status, used = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024)
"""


def peak_of(*arguments):
    """The exit code and the most memory that one run had, in bytes."""
    done = subprocess.run([sys.executable, "-ISc", MEASURE, AIWATCH, *arguments],
                          stdout=subprocess.PIPE, text=True, timeout=DEADLINE, check=True)
    code, peak = done.stdout.split()
    return int(code), int(peak)


def write_gigabyte_of_one_line(path):
    """1 GiB of letters without a newline, then the service's line; 1 MiB on the disk."""
    letters = gzip.compress(b"x" * (16 * MIB), 9)
    with open(path, "wb") as file:
        for _ in range(64):
            file.write(letters)
        file.write(gzip.compress(b"\n" + l2().encode()))


@is_plain_build
def test_01_a_gigabyte_without_a_newline_takes_16_mib_at_most(folder):
    # given a line of 1 GiB in a compressed file, and the service's line behind it
    path = f"{folder}/AIUpdateSvc.log.gz"
    write_gigabyte_of_one_line(path)
    # when it is scanned, then the service's line is found, in little memory
    code, peak = peak_of("scan", path)
    assert code == 1
    assert peak < PEAK, f"{peak / MIB:.1f} MiB"


@is_plain_build
def test_02_a_gigabyte_that_was_never_written_takes_16_mib_at_most(folder):
    # given a file that begins with a letter and goes on with a hole of 1 GiB
    path = f"{folder}/AIUpdateSvc.log"
    append(path, "x")
    os.truncate(path, 1024 * MIB)
    # when it is scanned, then no record is found, in little memory
    code, peak = peak_of("scan", "--json", path)
    assert code == 3
    assert peak < PEAK, f"{peak / MIB:.1f} MiB"


def test_03_what_cannot_be_read_stops_nothing(folder):
    # given lines too long, nested without end, of NULs and of no encoding between the two lines
    path = f"{folder}/CM01/AIUpdateSvc.log"
    append(path, l1())
    nonsense = [b"x" * (64 * MIB), b'{"message":' * 20000, b"[" * 60000,
                b'{"a":' + b"[" * 30000 + b"]" * 30000 + b"}", b"\0" * MIB,
                b"\xff\xfe\xfd\x80" * 1000, b"\x1b[31m\xe2\x80\xae", b"<13>1 - - - - - [a b=\"c"]
    with open(path, "ab") as file:
        file.write(b"\n".join(nonsense) + b"\n")
    append(path, l2())
    # when it is scanned, then the two lines are one attempt
    done = aiwatch("scan", "--json", path)
    assert done.returncode == 2, done.stdout + done.stderr
    (site,) = json.loads(done.stdout)["sites"]
    assert (site["state"], site["occurrences"]) == ("expired", 1)


def test_04_a_pattern_that_backtracks_without_end_is_given_up(folder):
    # given patterns of the user that would try for ever, and lines for them
    config = f"{folder}/aiwatch.yml"
    append(config, """
rules:
  - {name: slow, event: sync_failed, pattern: '(a+)+$', contains: a}
  - {name: slower, event: sync_failed, pattern: '^(?:(?:\\w+\\s?)+)+X$'}
""")
    path = f"{folder}/CM01/AIUpdateSvc.log"
    head = l2().split("Exception")[0]
    for _ in range(20):
        append(path, head + "a" * 60000 + "!\r\n")
    append(path, l1() + l2())
    # when it is explained, then each says that it ran into a limit, and the next lines are read
    done = aiwatch("-c", config, "explain", "--json", path)
    whys = [json.loads(line) for line in done.stdout.splitlines()]
    assert [why["event"] for why in whys] == [None] * 20 + ["enroll_rejected", "sync_forbidden"]
    assert all(why["rule"] == "slow" and "limit" in why["why"] for why in whys[:20])
