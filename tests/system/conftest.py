import shutil
import sys
import tempfile

import pytest

from harness import Daemon, Receiver, Rsyslog, SyslogNg


@pytest.fixture
def folder():
    """A private directory with a short name: socket paths have 108 bytes."""
    path = tempfile.mkdtemp(prefix="aiwatch-")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def daemon(folder):
    """A daemon that is configured, not started. Its log is shown where the test fails."""
    daemon = Daemon(folder)
    yield daemon
    try:
        daemon.close()
    finally:
        print("the daemon's log:\n" + daemon.log(), file=sys.stderr)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(params=[Rsyslog, SyslogNg], ids=["rsyslog", "syslog-ng"])
def syslog(request, folder):
    server = request.param(folder + "/syslog")
    yield server
    server.close()
