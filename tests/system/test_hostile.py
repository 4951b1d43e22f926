"""A line that wants to do harm, through every format."""

import json

import pytest
from harness import Receiver, append, wait_until
from lines import L2_REAL
from monitors import Trapper

TAIL = 'x\x1b[31m\x07 <!channel> <b>&amp; "]\\ |u=1 {{site}} @everyone \u202e\ufeff end'
FORMATS = {
    "generic": {}, "cloudevents": {}, "alertmanager": {}, "slack": {}, "teams": {}, "icinga2": {},
    "ntfy": {}, "pagerduty": {"routing_key": {"env": "TEST_TOKEN"}},
    "template": {"body": '{"t": "{{evidence|json}}"}'},
}


def texts(value):
    if isinstance(value, dict):
        value = list(value.values()) + list(value.keys())
    if isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


@pytest.fixture
def hostile(daemon, monkeypatch):
    """A daemon to be given sinks, and what writes the line."""
    monkeypatch.setenv("TEST_TOKEN", "r0uting-key")

    def write(sinks):
        daemon.configure(sinks=sinks)
        daemon.start()
        line = L2_REAL.replace("<date>", "6/19/2015 3:00:01 AM") + " " + TAIL
        path = daemon.log_path("CM01")
        append(path, "")
        with open(path, "ab") as file:
            file.write(line.encode("utf-8") + b" \xff\xfe\r\n")
    return write


@pytest.mark.parametrize("format", FORMATS)
def test_01_a_webhook_gets_nothing_that_does_harm(hostile, receiver: Receiver, format):
    hostile([{"name": "hook", "type": "webhook", "url": receiver.url, "format": format,
              **FORMATS[format]}])

    request = wait_until(receiver.all, "a request")[0]

    body = request.body.decode("utf-8")
    found = list(texts(json.loads(body)))
    for text in found:
        assert all(character >= " " or character == "\n" for character in text), text
        assert not any(character in text for character in "\x7f\u202e\ufeff"), text
    assert any("403" in text for text in found)
    if format == "slack":
        assert "<!channel>" not in body
    if format == "icinga2":
        assert "|" not in request.document()["plugin_output"]


def test_02_zabbix_gets_nothing_that_does_harm(hostile):
    trapper = Trapper(hosts=["CM01"])
    try:
        hostile([{"name": "zabbix", "type": "zabbix", "server": f"127.0.0.1:{trapper.port}"}])
        value = wait_until(lambda: trapper.values, "a value")[0]["value"]
        assert all(character >= " " for text in texts(json.loads(value)) for character in text)
    finally:
        trapper.close()


def test_03_syslog_and_standard_output_get_nothing_that_does_harm(hostile, daemon, syslog):
    hostile([{"name": "local", "type": "syslog", "address": syslog.socket},
             {"name": "tcp", "type": "syslog", "address": f"tcp://127.0.0.1:{syslog.tcp}"},
             {"name": "screen", "type": "stdout"}])

    messages = syslog.wait_for(2)
    (document,) = wait_until(daemon.printed, "a document")

    assert len(messages) == 2
    for text in [message["text"] for message in messages] + list(texts(document)):
        assert all(character >= " " for character in text), text
