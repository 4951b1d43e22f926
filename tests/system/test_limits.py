"""At the limits of the system nothing is lost, and what is said is said once."""

import os

from harness import AIWATCH, SLOWNESS, append, wait_until
from lines import l1, l2

LONG = 60 * SLOWNESS


def expired(daemon):
    return {row["site"] for row in daemon.status()["sites"] if row["state"] == "expired"}


def processor_seconds(daemon):
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def assert_rests(daemon):
    """It does next to nothing while nothing happens; a loop would take all of a core."""
    def uptime():
        return daemon.status()["uptime_seconds"]
    begun, used = uptime(), processor_seconds(daemon)
    wait_until(lambda: uptime() > begun + 3, "three seconds pass", LONG)
    share = (processor_seconds(daemon) - used) / (uptime() - begun)
    assert share < 0.5, f"{share:.0%} of a core at rest"


def test_01_more_files_than_descriptors(daemon):
    # given 200 logs that may not all be open
    names = [f"S{number:03d}" for number in range(200)]
    daemon.command = ["prlimit", "--nofile=48:48", AIWATCH]
    for name in names:
        append(daemon.log_path(name), l1())
    daemon.start()
    # when all are rotated at once, with a line in the old and in the new file
    daemon.wait_until_read()
    for name in names:
        path = daemon.log_path(name)
        append(path, "a line of no interest\r\n")
        os.rename(path, path + ".1")
        append(path, l2())
    # then every pair is joined, and the daemon comes to rest
    wait_until(lambda: expired(daemon) >= set(names), "200 sites are expired", LONG)
    assert_rests(daemon)
    assert daemon.log().count("Too many open files") <= 1, daemon.log()
    assert daemon.status()["inputs"][0]["gaps"] == 0


def test_02_many_logs_in_one_folder(daemon):
    # given logs in one folder, so many that it is not listed anew for each
    names = [f"S{number:03d}" for number in range(400)]
    paths = [os.path.join(daemon.logs, f"{name}-AIUpdateSvc.log") for name in names]
    daemon.keys["inputs"][0].update(paths=[daemon.logs + "/*-AIUpdateSvc.log"], site="{1}")
    daemon.configure()
    for path in paths:
        append(path, l1())
    daemon.start()
    wait_until(lambda: len(daemon.status()["sites"]) == len(names), "all are read", LONG)
    # when half of them are rotated while it runs, the others while it is stopped
    for path in paths[::2]:
        append(path, l2())
        os.rename(path, path + ".1")
        append(path, "a line of no interest\r\n")
    wait_until(lambda: expired(daemon) >= set(names[::2]), "the first half is expired", LONG)
    daemon.stop()
    for path in paths[1::2]:
        append(path, l2())
        os.rename(path, path + ".1")
        append(path, "a line of no interest\r\n")
    daemon.start()
    # then the rest of each is read from where it went
    wait_until(lambda: expired(daemon) >= set(names), "all are expired", LONG)
    assert daemon.status()["inputs"][0]["gaps"] == 0
