"""What no sink took: the verb `outbox`, dead letters and what is said of them."""

import json

import lines
from harness import Receiver, append, wait_until


def webhook(receiver, name="hook", **keys):
    return {"name": name, "type": "webhook", "url": receiver.url, **keys}


def outbox(daemon, *arguments):
    done = daemon.verb("outbox", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wait_for_dead(daemon, count, sink=0):
    wait_until(lambda: daemon.status()["sinks"][sink]["dead"] == count, f"{count} dead letters")


def test_01_a_refused_alert_is_listed_and_sent_again(daemon, receiver):
    """Given a receiver that refused an alert, when it is tried again, then it has the same id."""
    receiver.answers.append(400)
    daemon.configure(sinks=[webhook(receiver)])
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    wait_for_dead(daemon, 1)

    (row,) = outbox(daemon, "list")["deliveries"]
    shown = daemon.verb("outbox", "list")
    again = outbox(daemon, "retry", row["id"])

    assert (row["state"], row["sink"], row["site"], row["attempts"]) == ("dead", "hook", "CM01", 1)
    assert "HTTP 400" in row["last_error"] and row["id"] in shown.stdout
    assert again["count"] == 1
    first, second = receiver.wait_for(2)
    assert first["id"] == second["id"] == row["id"]
    wait_until(lambda: outbox(daemon, "list")["count"] == 0, "nothing is dead any more")
    assert "nothing waits" in daemon.verb("outbox", "list").stdout


def test_02_what_waits_is_dropped_by_its_id(daemon, receiver):
    receiver.answers += [503] * 100
    daemon.configure(sinks=[webhook(receiver)])
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    append(daemon.log_path("CM02"), lines.pair())
    receiver.wait_for(1, site="CM01")
    wait_until(lambda: outbox(daemon, "list")["count"] == 2, "two wait")
    row = next(row for row in outbox(daemon, "list")["deliveries"] if row["site"] == "CM01")

    wait_until(lambda: daemon.verb("outbox", "drop", row["id"]).returncode == 0,
               "it is between two tries")

    (left,) = outbox(daemon, "list")["deliveries"]
    assert (left["site"], left["state"]) == ("CM02", "waiting")
    assert outbox(daemon, "drop", "--all")["count"] <= 1


def test_03_what_was_dropped_stays_dropped(daemon, receiver):
    receiver.answers.append(400)
    daemon.configure(sinks=[webhook(receiver)])
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    wait_for_dead(daemon, 1)

    assert outbox(daemon, "drop", "--sink", "hook")["count"] == 1
    daemon.kill()
    daemon.start()

    assert outbox(daemon, "list")["count"] == 0


def test_04_a_wish_that_means_nothing_is_refused(daemon):
    daemon.start()

    assert daemon.verb("outbox").returncode == 64
    assert daemon.verb("outbox", "forget").returncode == 64
    assert daemon.verb("outbox", "drop").returncode == 64
    assert daemon.verb("outbox", "drop", "--all", "x").returncode == 64
    missing = daemon.verb("outbox", "drop", "no-such-id")
    assert (missing.returncode, "the id no-such-id" in missing.stderr) == (1, True)
    unknown = daemon.verb("outbox", "retry", "--sink", "nobody")
    assert (unknown.returncode, "no sink is called nobody" in unknown.stderr) == (1, True)


def test_05_a_dead_letter_is_an_alert_through_the_other_sinks(daemon, receiver):
    """Given a sink that refuses, then the others are told once; and again when it is set right."""
    other = Receiver()
    try:
        receiver.answers += [400, 400]
        daemon.configure(sinks=[webhook(receiver), webhook(other, name="other")])
        daemon.start()
        append(daemon.log_path("CM01"), lines.pair())
        append(daemon.log_path("CM02"), lines.pair())
        wait_for_dead(daemon, 2)

        (alarm,) = other.wait_for(1, kind="aiwatch")
        outbox(daemon, "retry", "--sink", "hook")
        firing, resolved = other.wait_for(2, kind="aiwatch")

        assert alarm == firing
        assert firing["key"] == resolved["key"] == "aiwatch/sink hook"
        assert (firing["status"], resolved["status"]) == ("firing", "resolved")
        assert firing["id"] != resolved["id"]
        assert "HTTP 400" in firing["summary"] and "outbox retry" in firing["advice"]
        assert receiver.documents(kind="aiwatch") == []
    finally:
        other.close()


def test_06_each_sink_gets_only_what_it_wants(daemon, receiver):
    daemon.configure(sinks=[
        webhook(receiver, only={"sites": ["cm0*"], "severities": "critical"}),
        {"name": "screen", "type": "stdout", "only": {"kinds": ["sync_failing"]}}])
    daemon.start()

    for site in ("CM01", "CM02", "SRV1"):
        append(daemon.log_path(site), lines.pair())
    append(daemon.log_path("CM03"), lines.l2())  # suspect: a warning
    daemon.wait_for_state("CM03", "sync_forbidden")
    daemon.wait_for_state("SRV1", "expired")

    receiver.wait_for(2)
    wait_until(lambda: all(sink["pending"] == 0 for sink in daemon.status()["sinks"]),
               "nothing waits")
    assert sorted(document["site"] for document in receiver.documents()) == ["CM01", "CM02"]
    assert daemon.printed() == []


def test_07_what_came_and_went_while_a_sink_was_down_is_left_out_where_asked(daemon, receiver):
    """Given one sink that collapses and one that does not, both down, then back."""
    plain = Receiver()
    try:
        receiver.answers += [503] * 1000
        plain.answers += [503] * 1000
        daemon.configure(sinks=[webhook(receiver, collapse=True), webhook(plain, name="plain")])
        daemon.start()
        append(daemon.log_path("CM01"), lines.pair())
        receiver.wait_for(1)
        plain.wait_for(1)
        assert daemon.verb("resolve", "CM01").returncode == 0
        wait_until(lambda: daemon.status()["sinks"][0]["pending"] == 0, "neither waits")
        for server in (receiver, plain):
            with server.lock:
                server.answers.clear()
                server.requests.clear()
        outbox(daemon, "retry", "--all")

        firing, resolved = plain.wait_for(2)

        assert (firing["status"], resolved["status"]) == ("firing", "resolved")
        assert daemon.status()["sinks"][0]["collapsed"] == 2
        assert receiver.all() == []
    finally:
        plain.close()


def test_08_a_heartbeat_says_that_the_daemon_lives(daemon, receiver):
    daemon.configure(sinks=[webhook(receiver, heartbeat="1s", only={"kinds": ["aiwatch"]})])
    daemon.start()

    first, second = receiver.wait_for(2, kind="heartbeat")[:2]

    assert first["id"] != second["id"] and first["key"] == second["key"]
    assert (first["status"], first["severity"], first["test"]) == ("firing", "info", False)
    assert first["site"] == first["collector"]
    assert outbox(daemon, "list")["count"] == 0


def test_09_an_id_that_is_no_utf8_means_none_and_not_all(daemon, receiver):
    receiver.answers += [503] * 100
    daemon.configure(sinks=[webhook(receiver)])
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    wait_until(lambda: outbox(daemon, "list")["count"] == 1, "it waits")

    done = daemon.verb("outbox", "drop", "caf\udce9")

    assert done.returncode == 64 and "an argument is not UTF-8" in done.stderr
    assert outbox(daemon, "list")["count"] == 1
    assert daemon.verb("status", "caf\udce9").returncode == 3
    assert daemon.verb("resolve", "caf\udce9").returncode == 64


def test_10_the_list_says_what_waits_and_until_when(daemon, receiver):
    """Given one that is dead and one that is tried again, then each says what it is."""
    receiver.answers += [400]
    daemon.configure(sinks=[webhook(receiver)])
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    wait_for_dead(daemon, 1)
    receiver.answers += [503] * 1000
    append(daemon.log_path("CM02"), lines.l3())
    receiver.wait_for(1, site="CM02")

    def rows():
        found = outbox(daemon, "list")["deliveries"]
        return len(found) == 2 and found[1]["next_try_at"] and found
    dead, waits = wait_until(rows, "one waits for its next try")
    assert (dead["kind"], dead["status"]) == ("certificate_expired", "firing")
    assert (waits["kind"], waits["status"]) == ("certificate_suspect", "firing")
    assert dead["next_try_at"] is None
    shown = daemon.verb("outbox", "list").stdout
    assert "hook: CM01, certificate_expired firing, since" in shown

    assert daemon.verb("outbox", "drop", dead["id"][:7]).returncode == 1
    assert outbox(daemon, "drop", dead["id"][:8])["count"] == 1
    assert [row["site"] for row in outbox(daemon, "list")["deliveries"]] == ["CM02"]


def test_11_a_sink_that_fails_and_works_again_is_in_the_log_once(daemon, receiver):
    receiver.answers += [503, 503, 400]
    daemon.configure(sinks=[webhook(receiver)])
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    wait_for_dead(daemon, 1)
    assert outbox(daemon, "drop", "--all")["count"] == 1
    append(daemon.log_path("CM01"), lines.l2())
    wait_until(lambda: "has no dead letters any more" in daemon.log(), "the end is told")

    log = daemon.log()
    assert log.count("sink hook does not take alerts now, they wait: HTTP 503") == 1
    assert log.count("notice: sink hook takes alerts again") == 1
    assert "over (operator)" not in log


def test_12_dead_letters_are_said_again_to_who_forgets(daemon, receiver):
    """Given a dead letter of one sink, and another that forgets what is not said again."""
    forgetful = Receiver()

    def told():
        return {alert["labels"]["site"]
                for request in forgetful.all() for alert in request.document()}
    try:
        receiver.answers.append(400)
        daemon.configure(sinks=[webhook(receiver), webhook(forgetful, "am", format="alertmanager")])
        daemon.start()
        append(daemon.log_path("CM01"), lines.pair())
        wait_for_dead(daemon, 1)
        wait_until(lambda: "sink hook" in told(), "it is an alert")
        wait_until(lambda: daemon.status()["sinks"][1]["pending"] == 0, "it is taken")

        daemon.kill()
        with forgetful.lock:
            forgetful.requests.clear()
        daemon.start()

        wait_until(lambda: "sink hook" in told(), "it is said again")
    finally:
        forgetful.close()
