"""Silence, by the operator's word and by windows of maintenance."""

import lines
from harness import append, wait_until


def hook(receiver):
    return [{"name": "hook", "type": "webhook", "url": receiver.url}]


def test_01_a_silence_shows_its_reason(daemon, receiver):
    daemon.configure(sinks=hook(receiver))
    daemon.start()

    append(daemon.log_path("CM01"), lines.l1())
    daemon.wait_for_state("CM01", "enroll_rejected")
    done = daemon.verb("silence", "CM01", "--for", "1h", "--reason", "new server")
    append(daemon.log_path("CM01"), lines.l2())
    append(daemon.log_path("CM02"), lines.pair())

    assert done.returncode == 0, done.stderr
    receiver.wait_for(1, site="CM02")
    row = daemon.wait_for_state("CM01", "expired")
    assert row["silence_reason"] == "new server" and row["silenced_until"]
    assert "silenced until" in daemon.verb("status").stdout
    assert ": new server" in daemon.verb("status").stdout
    assert receiver.documents(site="CM01") == []

    assert daemon.verb("silence", "CM01", "--for", "0").returncode == 0
    receiver.wait_for(1, site="CM01")


def test_03_a_silence_has_a_bound(daemon):
    daemon.start()
    daemon.wait_until_read()
    assert daemon.verb("silence", "MARK1", "--for", "3650d").returncode == 0

    done = daemon.verb("silence", "MARK1", "--for", "9223372036854s")

    assert done.returncode == 1 and "3650d at most" in done.stderr
    assert daemon.site("MARK1")["silenced_until"]


def test_02_a_window_of_maintenance_silences_its_sites(daemon, receiver):
    """Given a window that is open now, then its sites are silent, as long as it is; and heard once
    it is gone."""
    window = {"name": "patching", "sites": ["cm*"], "at": "* * * * *", "for": "1h"}
    daemon.configure(sinks=hook(receiver), maintenance=[window])
    daemon.start()

    append(daemon.log_path("CM01"), lines.pair())
    append(daemon.log_path("SRV1"), lines.pair())

    receiver.wait_for(1, site="SRV1")
    row = daemon.wait_for_state("CM01", "expired")
    assert row["silence_reason"] == "maintenance patching"
    assert receiver.documents(site="CM01") == []
    daemon.configure(maintenance=[{**window, "for": "30m"}])
    daemon.stop()
    daemon.start()
    wait_until(lambda: daemon.site("CM01")["silenced_until"] < row["silenced_until"], "a shorter silence")
    assert receiver.documents(site="CM01") == []
    daemon.configure(maintenance=[])
    daemon.reload()
    receiver.wait_for(1, site="CM01")
    assert not daemon.site("CM01")["silenced_until"]
