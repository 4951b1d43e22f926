"""Alerts in the monitoring that a team has: Alertmanager, Icinga 2, Zabbix."""

import json

import lines
import pytest
from harness import SLOWNESS, Daemon, append, wait_until
from monitors import Alertmanager, Icinga, Trapper

LONG = 30 * SLOWNESS


def webhook(**keys):
    return {"name": "hook", "type": "webhook", **keys}


@pytest.fixture
def pair(folder, receiver):
    """Two Alertmanagers that gossip, and notify the receiver."""
    first = Alertmanager(folder + "/am1", receiver.url).start()
    second = Alertmanager(folder + "/am2", receiver.url, peer=first).start()
    try:
        wait_until(lambda: first.peers() == second.peers() == 2, "they know each other", LONG)
        yield first, second
    finally:
        first.kill()
        second.kill()


def notes(receiver, status):
    return [request.document() for request in receiver.all()
            if request.document()["status"] == status]


def test_01_two_daemons_and_two_alertmanagers_make_one_page(daemon, folder, pair, receiver):
    """Given two daemons that read one log, and two nodes, one of which is killed, then one page."""
    other = Daemon(folder + "/other")
    sinks = [webhook(format="alertmanager", urls=[node.url for node in pair],
                     labels={"team": "cm"})]
    other.configure(inputs=daemon.keys["inputs"], sinks=sinks)
    daemon.configure(sinks=sinks)
    try:
        daemon.start()
        other.start()
        append(daemon.log_path("CM01"), lines.pair())
        key = ("certificate_expired", "CM01")
        wait_until(lambda: all(key in node.alerts() for node in pair), "both nodes know it", LONG)
        (page,) = wait_until(lambda: notes(receiver, "firing"), "a page", LONG)
        killed, left = pair if page["externalURL"].endswith(str(pair[0].port)) else pair[::-1]
        wait_until(lambda: left.updates() > 0, "the other node heard of the page", LONG)
        killed.kill()
        assert daemon.verb("resolve", "CM01").returncode == 0
        assert other.verb("resolve", "CM01").returncode == 0
        (end,) = wait_until(lambda: notes(receiver, "resolved"), "the end is told", LONG)
        append(daemon.log_path("CM02"), lines.pair())
        wait_until(lambda: len(notes(receiver, "firing")) > 1, "the node that is left pages", LONG)

        for note in (page, end):
            (alert,) = note["alerts"]
            assert alert["labels"] == {"alertname": "certificate_expired", "site": "CM01",
                                       "severity": "critical", "team": "cm"}
            assert "CM01: " in alert["annotations"]["summary"]
        sites = [note["commonLabels"]["site"] for note in notes(receiver, "firing")]
        assert sites == ["CM01", "CM02"]
        assert len(notes(receiver, "resolved")) == 1
        assert daemon.status()["sinks"][0]["dead"] == 0
    finally:
        other.close()


def test_02_an_alertmanager_that_forgot_learns_again_what_stands(daemon, folder, receiver):
    """Given what stands, when the daemon starts anew before an empty node, then it is told."""
    first = Alertmanager(folder + "/am1", receiver.url).start()
    second = Alertmanager(folder + "/am2", receiver.url)
    key = ("certificate_expired", "CM01")
    try:
        daemon.configure(sinks=[webhook(format="alertmanager", url=first.url)])
        daemon.start()
        append(daemon.log_path("CM01"), lines.pair())
        starts = wait_until(lambda: first.alerts().get(key), "it is told", LONG)["startsAt"]
        wait_until(lambda: daemon.status()["sinks"][0]["pending"] == 0, "nothing waits")
        daemon.stop()
        first.kill()
        second.start()
        daemon.configure(sinks=[webhook(format="alertmanager", url=second.url)])
        daemon.start()

        again = wait_until(lambda: second.alerts().get(key), "it is told again", LONG)

        assert again["startsAt"] == starts
        assert daemon.status()["sinks"][0]["delivered"] == 0
    finally:
        first.kill()
        if hasattr(second, "process"):
            second.kill()


def test_03_icinga_shows_the_service_of_the_site(daemon, folder, monkeypatch):
    """Given hosts in Icinga, then CRITICAL with a time to live, then OK; an unknown host is told."""
    monkeypatch.setenv("TEST_TOKEN", "s3cret")
    icinga = Icinga(folder + "/icinga", ["CM01"]).start()
    try:
        daemon.configure(sinks=[webhook(
            format="icinga2", url=icinga.url, ca=icinga.certificate,
            basic={"user": "aiwatch", "password": {"env": "TEST_TOKEN"}})])
        daemon.start()
        append(daemon.log_path("CM01"), lines.pair())

        critical = wait_until(lambda: icinga.service("CM01")["state"] == 2
                              and icinga.service("CM01"), "it is CRITICAL", LONG)
        result = critical["last_check_result"]
        assert result["output"].startswith("CM01: certificate expired, re-provision needed\n")
        assert result["ttl"] == 300
        assert result["performance_data"] == ["attempts=1"]

        assert daemon.verb("resolve", "CM01").returncode == 0
        wait_until(lambda: icinga.service("CM01")["state"] == 0, "it is OK", LONG)

        append(daemon.log_path("CM99"), lines.pair())
        wait_until(lambda: daemon.status()["sinks"][0]["dead"] == 1, "no such host", LONG)
        assert "No objects found" in daemon.status()["sinks"][0]["last_error"]
        assert "s3cret" not in daemon.log()
    finally:
        icinga.kill()


def test_04_zabbix_gets_the_document_and_tells_what_it_does_not_know(daemon):
    trapper = Trapper(hosts=["host-CM01"])
    try:
        daemon.configure(sinks=[{"name": "zabbix", "type": "zabbix", "host": "host-{site}",
                                 "server": f"localhost:{trapper.port}"}])
        daemon.start()
        append(daemon.log_path("CM01"), lines.pair())
        append(daemon.log_path("CM02"), lines.pair())

        wait_until(lambda: trapper.values, "a value")
        wait_until(lambda: daemon.status()["sinks"][0]["dead"] == 1
                   and daemon.status()["sinks"][0]["pending"] == 0, "an unknown host is final")

        (value,) = trapper.values
        document = json.loads(value["value"])
        assert (value["host"], value["key"]) == ("host-CM01", "aiwatch.alert")
        assert (document["site"], document["status"]) == ("CM01", "firing")
        (dead,) = json.loads(daemon.verb("outbox", "list", "--json").stdout)["deliveries"]
        assert "failed: 1" in dead["last_error"]
    finally:
        trapper.close()


def test_05_a_zabbix_that_is_gone_is_tried_again(daemon):
    trapper = Trapper(hosts=["CM01"])
    trapper.close()
    sink = {"name": "zabbix", "type": "zabbix", "server": f"127.0.0.1:{trapper.port}"}
    daemon.configure(sinks=[sink])

    done = daemon.verb("test-alert")

    assert done.returncode == 1
    assert "not now" in done.stdout and "Connection refused" in done.stdout
    assert '"request":"sender data"' in done.stdout
