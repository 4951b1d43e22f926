"""PagerDuty, Slack, Teams and ntfy by their documented schemas and limits."""

import json

import lines
import pytest
from harness import SLOWNESS, append, wait_until
from services import SERVICES

LONG = 30 * SLOWNESS
MARKUP = 'x\x1b[31m <!channel> <b>&amp; "]\\ |u=1 {{site}} @everyone *_~` \u202e'
# Of those that do most harm to a limit: escapes double them, one is four bytes long.
STUFFING = {"quotes": '"', "markup": "<", "wide": "\U0001f9ef", "backslashes": "\\", "words": "a b "}


@pytest.fixture(params=SERVICES, ids=lambda service: service.name)
def service(request, monkeypatch):
    monkeypatch.setenv("TEST_ROUTING_KEY", "0123456789abcdef0123456789abcdef")
    service = request.param()
    yield service
    service.close()


def wait_for_taken(service, count):
    def is_taken():
        assert service.refused == []
        return len(service.taken) >= count and list(service.taken)
    return wait_until(is_taken, f"{service.name} took {count}", LONG)


def said(documents):
    return [json.dumps(document, ensure_ascii=False) for document in documents]


def test_01_firing_reminder_and_resolved_are_taken(daemon, service):
    daemon.configure(sinks=[service.sink()], correlation={"repeat_every": "1s"})
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    firing, reminder = wait_for_taken(service, 2)[:2]
    assert daemon.verb("ack", "CM01").returncode == 0
    assert daemon.verb("resolve", "CM01").returncode == 0
    wait_until(lambda: service.is_over(service.taken[-1]), "the end is taken", LONG)

    assert [service.is_over(document) for document in (firing, reminder)] == [False, False]
    text = said([firing])[0]
    assert "CM01: certificate expired" in text
    assert "KB 3207852" in text and "403: Forbidden" in text
    if service.name == "pagerduty":
        assert len({document["dedup_key"] for document in service.taken}) == 1
    assert service.refused == []
    assert daemon.status()["sinks"][0]["dead"] == 0


def test_02_a_test_alert_is_taken_and_marked(daemon, service):
    daemon.configure(sinks=[service.sink()])

    done = daemon.verb("test-alert")

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(service.taken) == 2 and service.refused == []
    assert all("test" in text.lower() for text in said(service.taken))


@pytest.mark.parametrize("stuffing", STUFFING)
def test_03_the_longest_and_most_hostile_lines_are_taken(daemon, service, stuffing):
    """Given lines of 64 KiB and a name of 250 bytes, then what is told is short, not refused."""
    unit = STUFFING[stuffing]
    line = (MARKUP + unit * (1 << 16))[:(1 << 16) // len(unit.encode()) - 400]
    name = (unit * 250).encode()[:248].decode("utf-8", "ignore").rstrip()
    daemon.configure(sinks=[service.sink(labels={"team": unit * 100})],
                     correlation={"failing_after": 1})
    daemon.start()

    append(daemon.log_path(name), lines.l1())
    append(daemon.log_path(name), lines.l2().rstrip() + " " + line + "\r\n")
    daemon.wait_for_state(name, "expired")
    append(daemon.log_path("CM02"), lines.sync_failed(line))
    daemon.wait_for_state("CM02", "failing")
    taken = wait_for_taken(service, 2)
    for site in (name, "CM02"):
        assert daemon.verb("resolve", site).returncode == 0
    taken = wait_for_taken(service, 4)

    for text in said(taken):
        assert "\x1b" not in text and "\u202e" not in text
    assert any("\u2026" in text for text in said(taken)), "shortened"
    if service.name == "slack":
        assert not any("<!channel>" in text for text in said(taken))
    assert daemon.status()["sinks"][0]["dead"] == 0


def test_04_what_comes_too_fast_comes_later(daemon, service):
    """Given a service that answers 429 with Retry-After, then it gets the alert all the same."""
    service.busy = 2
    daemon.configure(sinks=[service.sink()])
    daemon.start()

    append(daemon.log_path("CM01"), lines.pair())

    wait_for_taken(service, 1)
    wait_until(lambda: daemon.status()["sinks"][0]["pending"] == 0, "nothing waits")
    assert daemon.status()["sinks"][0]["retried"] == 2


def test_05_what_is_not_as_documented_is_refused_and_says_why(daemon, service):
    """Given a body that is none of the service's, then its answer stands with the dead letter."""
    keys = {key: value for key, value in service.sink().items() if key not in service.keys}
    daemon.configure(sinks=[{**keys, "format": "template", "body": '{"text": 1}',
                             "content_type": "application/json"}])
    daemon.start()

    append(daemon.log_path("CM01"), lines.pair())

    wait_until(lambda: daemon.status()["sinks"][0]["dead"] == 1, "a dead letter")
    error = daemon.status()["sinks"][0]["last_error"]
    assert error.startswith("HTTP 400") and "invalid" in error.lower() or "mismatch" in error.lower()
    assert service.taken == []
