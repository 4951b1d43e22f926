"""A real systemd-journald of the test's own: the local socket's fields."""

import glob
import json
import os
import subprocess

import lines
import pytest
from harness import append, own_mounts, wait_until

JOURNALD = "/lib/systemd/systemd-journald"


class Journald:
    """In a namespace of its own, with its own /run and /var/log."""

    def __init__(self, folder):
        self.folder = folder
        self.run = os.path.join(folder, "run")
        self.sockets = os.path.join(self.run, "systemd/journal.test")
        os.makedirs(self.sockets)
        os.makedirs(os.path.join(self.run, "log/journal"))
        os.makedirs(os.path.join(folder, "log/journal"))
        with open(os.path.join(folder, "errors.txt"), "wb") as errors:
            self.process = subprocess.Popen(
                [*own_mounts(), "sh", "-c",
                 'mount --bind "$0/log" /var/log && mount --bind "$0/run" /run && '
                 f"exec {JOURNALD} test", folder],
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
        wait_until(lambda: os.path.exists(self.sockets + "/socket"), "journald listens")

    def entries(self):
        files = glob.glob(os.path.join(self.folder, "**/system.journal"), recursive=True)
        if not files:
            return []
        done = subprocess.run(["journalctl", "-o", "json", "--no-pager",
                               *[f"--file={path}" for path in files]],
                              capture_output=True, text=True, check=False)
        return [entry for entry in map(json.loads, done.stdout.splitlines())
                if entry.get("SYSLOG_IDENTIFIER") == "aiwatch"]

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def journald(folder):
    if not os.path.exists(JOURNALD):
        pytest.skip("there is no systemd-journald here")
    server = Journald(folder + "/journald")
    yield server
    server.close()


@pytest.mark.parametrize("socket", ["dev-log", "socket"])
def test_01_an_alert_has_fields_in_the_journal(daemon, journald, socket):
    daemon.configure(sinks=[{"name": "local", "type": "syslog",
                             "address": f"{journald.sockets}/{socket}"}])
    daemon.start()

    append(daemon.log_path("CM01"), lines.pair())

    (entry,) = wait_until(journald.entries, "an entry")
    assert entry["MESSAGE"].startswith("CM01: certificate expired, re-provision needed site=")
    assert (entry["PRIORITY"], entry["SYSLOG_FACILITY"]) == ("2", "3")
    assert entry["SYSLOG_PID"] == str(daemon.process.pid)
    assert (entry["AIWATCH_SITE"], entry["AIWATCH_KIND"], entry["AIWATCH_STATUS"]) == (
        "CM01", "certificate_expired", "firing")
    assert len(entry["AIWATCH_ID"]) == 32
