"""What no sink took: the verb `outbox`, dead letters and what is said of them."""

import json

import lines
from harness import SLOWNESS, append, wait_until


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
    assert daemon.verb("outbox", "drop", "no-such-id").returncode == 1
    unknown = daemon.verb("outbox", "retry", "--sink", "nobody")
    assert (unknown.returncode, "no sink is called nobody" in unknown.stderr) == (1, True)
