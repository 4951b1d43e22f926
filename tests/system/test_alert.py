"""From the two lines to an alert, at real receivers."""

import os
import time

import pytest

from harness import SLOWNESS, append, wait_until
from lines import l1, l2, pair

SOON = 1.0 * SLOWNESS


def local(server):
    return [{"name": "local", "type": "syslog", "address": server.socket}]


def network(server, kind):
    port = {"udp": server.udp, "tcp": server.tcp}[kind]
    return [{"name": "net", "type": "syslog", "address": f"{kind}://127.0.0.1:{port}"}]


def webhook(receiver):
    return [{"name": "hook", "type": "webhook", "url": receiver.url}]


def check_message(message, pid=None):
    assert message["program"] == "aiwatch"
    assert message["severity"] == "crit"
    assert message["facility"] == "daemon"
    assert message["text"].startswith("CM01: certificate expired, re-provision needed")
    for pair_of_text in ('site="CM01"', 'kind="certificate_expired"', 'status="firing"',
                         'severity="critical"', 'id="', 'started="'):
        assert pair_of_text in message["text"], message["text"]
    if pid is not None:
        assert message["pid"] == str(pid)


def test_01_the_pair_reaches_the_local_syslog_within_a_second(daemon, syslog):
    daemon.configure(sinks=local(syslog))
    daemon.start()
    append(daemon.log_path("CM02"), "")  # a folder that is known before
    appended = time.monotonic()

    append(daemon.log_path("CM01"), pair())
    (message,) = syslog.wait_for(1)

    assert time.monotonic() - appended < SOON
    check_message(message, daemon.process.pid)
    daemon.stop()
    assert len(syslog.messages()) == 1


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_02_the_pair_reaches_a_syslog_server_over_the_network(daemon, syslog, kind):
    daemon.configure(sinks=network(syslog, kind))
    daemon.start()

    append(daemon.log_path("CM01"), pair())
    (message,) = syslog.wait_for(1)

    check_message(message)
    assert message["msgid"] == "certificate_expired"
    assert "[aiwatch@32473 " in message["structured"]
    assert 'site="CM01"' in message["structured"]
    assert 'status="firing"' in message["structured"]
    assert message["host"] not in ("", "-")


def test_03_the_pair_reaches_a_webhook_once_within_a_second(daemon, receiver):
    daemon.configure(sinks=webhook(receiver))
    daemon.start()
    path = daemon.log_path("CM01")
    appended = time.monotonic()

    append(path, pair())
    (document,) = receiver.wait_for(1)

    assert receiver.all()[0].arrived - appended < SOON
    first, second = document["evidence"]
    assert {key: document[key] for key in (
        "version", "key", "kind", "status", "severity", "site", "state", "summary", "cause",
        "resolved_at", "resolution", "occurrences", "labels", "test")} == {
        "version": 1, "key": "certificate_expired/CM01", "kind": "certificate_expired",
        "status": "firing", "severity": "critical", "site": "CM01", "state": "expired",
        "summary": "CM01: certificate expired, re-provision needed", "cause": None,
        "resolved_at": None, "resolution": None, "occurrences": 1, "labels": {}, "test": False}
    assert document["id"] and document["collector"]
    assert "KB 4054234" in document["advice"]
    assert any(link.startswith("https://") for link in document["links"])
    assert (first["event"], second["event"]) == ("enroll_rejected", "sync_forbidden")
    assert (first["file"], first["offset"]) == (path, 0)
    assert (second["file"], second["offset"]) == (path, len(l1()))
    assert first["text"] == l1().rstrip("\r\n")
    assert second["text"] == l2().rstrip("\r\n")
    daemon.stop()
    assert len(receiver.all()) == 1


def test_04_lines_in_the_other_order_are_one_attempt_too(daemon, receiver):
    daemon.configure(sinks=webhook(receiver))
    daemon.start()

    append(daemon.log_path("CM01"), l2())
    daemon.wait_for_state("CM01", "sync_forbidden")
    append(daemon.log_path("CM01"), l1())

    receiver.wait_for(3)
    daemon.stop()
    said = [(document["kind"], document["status"], document["resolution"])
            for document in receiver.documents()]
    assert said[0] == ("certificate_suspect", "firing", None)
    assert sorted(said[1:]) == [("certificate_expired", "firing", None),
                                ("certificate_suspect", "resolved", "superseded")]


@pytest.mark.parametrize("between", ["kill", "stop"])
def test_05_a_restart_between_the_two_lines_makes_one_alert(daemon, receiver, between):
    daemon.configure(sinks=webhook(receiver))
    daemon.start()
    append(daemon.log_path("CM01"), l1())
    daemon.wait_for_state("CM01", "enroll_rejected")

    getattr(daemon, between)()
    append(daemon.log_path("CM01"), l2())
    daemon.start()
    receiver.wait_for(1)
    daemon.wait_until_read()

    daemon.stop()
    (document,) = receiver.documents()
    assert document["kind"] == "certificate_expired"
    assert document["status"] == "firing"
    assert [item["event"] for item in document["evidence"]] == ["enroll_rejected",
                                                                 "sync_forbidden"]


def test_06_a_kill_after_the_pair_never_makes_a_second_id(daemon, receiver):
    daemon.configure(sinks=webhook(receiver))
    daemon.start()
    append(daemon.log_path("CM01"), pair())

    for _ in range(3):
        daemon.kill()
        daemon.start()
        receiver.wait_for(1)
        daemon.wait_until_read()

    daemon.stop()
    assert len({document["id"] for document in receiver.documents()}) == 1


def test_07_a_refused_delivery_is_tried_again_with_the_same_id(daemon, receiver):
    receiver.answers += [503, 503]
    daemon.configure(sinks=webhook(receiver))
    daemon.start()

    append(daemon.log_path("CM01"), pair())
    receiver.wait_for(3, deadline=30 * SLOWNESS)

    daemon.stop()
    assert len(receiver.all()) == 3
    assert len({document["id"] for document in receiver.documents()}) == 1


def test_08_an_alert_waits_for_its_receiver_through_a_kill(daemon, receiver):
    receiver.answers += [503] * 1000
    daemon.configure(sinks=webhook(receiver))
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    receiver.wait_for(1)
    daemon.kill()
    tried = len(receiver.all())

    receiver.answers.clear()
    daemon.start()
    wait_until(lambda: len(receiver.all()) > tried, "it is sent again")

    daemon.stop()
    assert len({document["id"] for document in receiver.documents()}) == 1


def test_09_half_a_line_is_no_line(daemon, receiver):
    daemon.configure(sinks=webhook(receiver))
    daemon.start()
    path = daemon.log_path("CM01")
    whole = pair()

    append(path, whole[:-30])
    daemon.wait_for_state("CM01", "enroll_rejected")
    assert receiver.all() == []
    append(path, whole[-30:])

    receiver.wait_for(1, kind="certificate_expired")


def test_10_what_the_operator_resolves_is_said_once(daemon, receiver):
    daemon.configure(sinks=webhook(receiver))
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    (firing,) = receiver.wait_for(1)

    done = daemon.verb("resolve", "CM01")

    assert done.returncode == 0, done.stderr
    (resolved,) = receiver.wait_for(1, status="resolved")
    assert resolved["resolution"] == "operator"
    assert resolved["key"] == firing["key"]
    assert resolved["id"] != firing["id"]
    assert resolved["resolved_at"]
    assert daemon.site("CM01")["state"] == "unknown"
    daemon.stop()
    assert len(receiver.all()) == 2


def test_11_many_attempts_are_one_alert_and_counted(daemon, receiver):
    daemon.configure(sinks=webhook(receiver))
    daemon.start()
    append(daemon.log_path("CM01"), pair("6/19/2015 3:00:01 AM"))
    receiver.wait_for(1)

    append(daemon.log_path("CM01"), pair("6/19/2015 3:15:01 AM"))
    append(daemon.log_path("CM01"), pair("6/19/2015 3:30:01 AM"))

    wait_until(lambda: daemon.site("CM01")["occurrences"] == 3, "three attempts are counted")
    daemon.stop()
    assert len(receiver.all()) == 1


def test_12_each_sink_gets_the_alert(daemon, receiver, syslog):
    daemon.configure(sinks=local(syslog) + webhook(receiver)
                     + [{"name": "screen", "type": "stdout"}])
    daemon.start()

    append(daemon.log_path("CM01"), pair())

    (message,) = syslog.wait_for(1)
    (document,) = receiver.wait_for(1)
    (printed,) = wait_until(daemon.printed, "the screen has it")
    assert printed == document
    assert f'id="{document["id"]}"' in message["text"]


def test_13_a_file_renamed_away_is_read_to_its_end(daemon, receiver):
    daemon.configure(sinks=webhook(receiver))
    daemon.start()
    path = daemon.log_path("CM01")
    append(path, l1())
    daemon.wait_for_state("CM01", "enroll_rejected")

    os.rename(path, path + ".1")
    append(path, l2())

    receiver.wait_for(1, kind="certificate_expired")
    append(path, pair())
    wait_until(lambda: daemon.site("CM01")["occurrences"] == 2, "the new file is followed")
    daemon.stop()
    assert len(receiver.all()) == 1


def test_14_a_truncated_file_is_read_from_its_beginning(daemon, receiver):
    daemon.configure(sinks=webhook(receiver))
    daemon.start()
    path = daemon.log_path("CM01")
    append(path, "an unframed line\r\n" * 20 + l1())
    daemon.wait_for_state("CM01", "enroll_rejected")

    os.truncate(path, 0)
    append(path, l2())

    receiver.wait_for(1, kind="certificate_expired")


def test_15_what_began_and_ended_in_the_backlog_is_history_only(daemon, receiver):
    # A 403 after a pair of another day still stands; an old pair that a rule calls over does not.
    daemon.configure(sinks=webhook(receiver), rules=[{
        "name": "synthetic-success", "event": "sync_succeeded", "pattern": "^Synthetic success$"}])
    success = l1().split(" : ")[0] + f" : {'6/20/2015 3:00:01 AM'}: Synthetic success\r\n"
    append(daemon.log_path("CM01"), pair() + success)
    append(daemon.log_path("CM02"), pair())

    daemon.start()
    receiver.wait_for(1, site="CM02")
    daemon.wait_for_state("CM01", "healthy")

    daemon.stop()
    assert [document["site"] for document in receiver.documents()] == ["CM02"]
