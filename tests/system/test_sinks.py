"""Each sink as `test-alert` drives it: the code that `run` sends with, against real receivers."""

import json
import os
import re
import subprocess

import lines
import pytest
from harness import SLOWNESS, SyslogNg, SyslogServer, append, free_port, wait_until

TRANSPORTS = {"local": "{0.socket}", "udp": "udp://127.0.0.1:{0.udp}",
              "tcp": "tcp://localhost:{0.tcp}"}


def webhook(url, **keys):
    return {"name": "hook", "type": "webhook", "url": url, **keys}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_01_a_syslog_server_understands_each_field(daemon, syslog: SyslogServer, transport):
    """Given a real server, when an alert is sent, then it parses program, severity, text, id."""
    address = TRANSPORTS[transport].format(syslog)
    daemon.configure(sinks=[{"name": "log", "type": "syslog", "address": address,
                             "facility": "local4"}])

    done = daemon.verb("test-alert")

    assert done.returncode == 0, done.stdout + done.stderr
    firing, resolved = syslog.wait_for(2)
    assert (firing["program"], firing["facility"]) == ("aiwatch", "local4")
    assert (firing["severity"], resolved["severity"]) == ("info", "notice")
    assert int(firing["pid"]) > 0
    assert re.match(r'TEST: test alert site="TEST" kind="test" status="firing" severity="info" '
                    r'id="[0-9a-f]{32}" started="[^"]+" test="true"$', firing["text"])
    assert 'status="resolved"' in resolved["text"]
    if transport != "local":
        assert firing["msgid"] == "test"
        assert firing["host"] == os.uname().nodename


def test_02_a_syslog_server_reads_the_structured_data(daemon, syslog: SyslogServer):
    daemon.configure(sinks=[{"name": "log", "type": "syslog",
                             "address": f"tcp://127.0.0.1:{syslog.tcp}"}])

    daemon.verb("test-alert")

    message = syslog.wait_for(2)[0]
    assert message["structured"].startswith("[aiwatch@32473 ")
    for pair in ('site="TEST"', 'kind="test"', 'status="firing"', 'severity="info"'):
        assert pair in message["structured"]


def test_03_a_syslog_server_that_is_gone_is_not_now(daemon):
    port = free_port()
    daemon.configure(sinks=[{"name": "log", "type": "syslog", "address": f"tcp://localhost:{port}"}])

    done = daemon.verb("test-alert")

    assert done.returncode == 1
    assert f"not now: tcp://localhost:{port}: cannot connect: Connection refused" in done.stdout
    assert "sink log did not take the alert" in done.stderr


def test_04_a_webhook_gets_both_and_its_answer_is_shown(daemon, receiver):
    receiver.answers += [200, 410]
    daemon.configure(sinks=[webhook(receiver.url, labels={"team": "cm"})])

    done = daemon.verb("test-alert")

    firing, resolved = receiver.wait_for(2)
    assert done.returncode == 1
    assert "delivered: HTTP 200" in done.stdout
    assert "refused: HTTP 410" in done.stdout
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    assert firing["id"] != resolved["id"] and firing["key"] == resolved["key"] == "test/TEST"
    assert firing["test"] is True and firing["labels"] == {"team": "cm"}


def test_05_a_dry_run_sends_nothing_and_shows_no_secret(daemon, receiver, monkeypatch):
    monkeypatch.setenv("TEST_TOKEN", "s3cret-token")
    daemon.configure(sinks=[webhook(receiver.url, bearer={"env": "TEST_TOKEN"},
                                    secret={"env": "TEST_TOKEN"},
                                    headers={"X-Other": {"env": "TEST_TOKEN"}})])

    done = daemon.verb("test-alert", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert receiver.all() == []
    assert "s3cret-token" not in done.stdout + done.stderr
    assert "> webhook-signature: v1," in done.stdout
    assert "> X-Other: ***" in done.stdout
    body = next(line[4:] for line in done.stdout.split("\n") if line.startswith("  > {"))
    assert json.loads(body)["status"] == "firing"


def test_06_one_sink_may_be_named(daemon, receiver):
    daemon.configure(sinks=[webhook(receiver.url), {"name": "screen", "type": "stdout"}])

    done = daemon.verb("test-alert", "--sink", "hook")

    assert done.returncode == 0, done.stderr
    assert len(receiver.all()) == 2
    assert "screen" not in done.stdout
    assert daemon.verb("test-alert", "--sink", "nobody").returncode == 64


@pytest.mark.parametrize("keys", [
    {"format": "cloudevents"},
    {"format": "pagerduty", "routing_key": {"env": "TEST_TOKEN"}},
    {"format": "slack"},
    {"format": "teams"},
], ids=lambda keys: keys["format"])
def test_07_each_format_arrives_as_json(daemon, receiver, monkeypatch, keys):
    monkeypatch.setenv("TEST_TOKEN", "r0uting-key")
    daemon.configure(sinks=[webhook(receiver.url, **keys)])

    done = daemon.verb("test-alert")

    assert done.returncode == 0, done.stdout + done.stderr
    firing, resolved = (request.document() for request in receiver.all())
    assert firing != resolved
    assert "r0uting-key" not in done.stdout


def test_08_a_template_arrives_filled_in(daemon, receiver):
    daemon.configure(sinks=[webhook(receiver.url, format="template",
                                    body="{{site}} {{status|upper}}",
                                    content_type="text/x-test")])

    done = daemon.verb("test-alert")

    assert done.returncode == 0, done.stdout + done.stderr
    first, second = receiver.all()
    assert (first.body, second.body) == (b"TEST FIRING", b"TEST RESOLVED")
    assert first.headers.get_all("Content-Type") == ["text/x-test"]


def test_09_standard_output_gets_one_document_a_line(daemon):
    daemon.configure(sinks=[{"name": "screen", "type": "stdout"}])

    done = daemon.verb("test-alert")

    documents = [json.loads(line) for line in done.stdout.split("\n") if line.startswith("{")]
    assert done.returncode == 0, done.stderr
    assert [document["status"] for document in documents] == ["firing", "resolved"]


class SyslogNgTls(SyslogNg):
    """Speaks RFC 5425 on its TCP port and wants a certificate of whoever speaks to it."""

    def configuration(self):
        self.key, self.certificate = (os.path.join(self.folder, name) for name in
                                      ("key.pem", "certificate.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
                        "/CN=loghost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        self.key, "-out", self.certificate], check=True, capture_output=True)
        tls = (f'tls(key-file("{self.key}") cert-file("{self.certificate}")'
               f' ca-file("{self.certificate}") peer-verify(required-trusted))')
        return super().configuration().replace(
            f'transport("tcp") ip("127.0.0.1") port({self.tcp})',
            f'transport("tls") ip("127.0.0.1") port({self.tcp}) {tls}')


def tls_sink(server, host="localhost", **keys):
    return {"name": "log", "type": "syslog", "address": f"tls://{host}:{server.tcp}", **keys}


@pytest.fixture
def tls_server(folder):
    server = SyslogNgTls(folder + "/syslog")
    yield server
    server.close()


def test_10_tls_reaches_a_server_that_wants_certificates(daemon, tls_server):
    daemon.configure(sinks=[tls_sink(tls_server, ca=tls_server.certificate,
                                     cert=tls_server.certificate, key=tls_server.key)])

    done = daemon.verb("test-alert")

    assert done.returncode == 0, done.stdout + done.stderr
    firing, resolved = tls_server.wait_for(2)
    assert (firing["program"], firing["severity"], firing["msgid"]) == ("aiwatch", "info", "test")
    assert 'status="resolved"' in resolved["text"]


def test_11_tls_trusts_nobody_it_was_not_told_to(daemon, tls_server):
    wrong_name = tls_sink(tls_server, "127.0.0.1", ca=tls_server.certificate)
    daemon.configure(sinks=[dict(tls_sink(tls_server), name="stranger"),
                            dict(wrong_name, name="misnamed")])

    done = daemon.verb("test-alert")

    assert done.returncode == 1
    assert done.stdout.count("the receiver's certificate is not accepted") == 4
    assert tls_server.messages() == []


def test_12_a_server_is_found_again_after_it_restarted(daemon, syslog: SyslogServer):
    """Given a server that was stopped, when it is started again, then the next alert arrives."""
    daemon.configure(sinks=[{"name": "log", "type": "syslog", "address": syslog.socket}])
    syslog.close()
    gone = daemon.verb("test-alert")
    if os.path.exists(syslog.socket):
        os.unlink(syslog.socket)

    with open(syslog.errors, "ab") as errors:
        syslog.process = subprocess.Popen(syslog.command(), stderr=errors, stdout=errors,
                                          stdin=subprocess.DEVNULL, env=syslog.environment())
    wait_until(syslog.is_listening, "the server is back")

    back = daemon.verb("test-alert")
    assert (gone.returncode, back.returncode) == (1, 0), back.stdout
    assert len(syslog.wait_for(2)) == 2


def test_13_an_alert_of_the_daemon_reaches_a_syslog_server(daemon, syslog: SyslogServer):
    """Given a running daemon, when the two lines come, then a server has the alert in a second."""
    daemon.configure(sinks=[
        {"name": "local", "type": "syslog", "address": syslog.socket},
        {"name": "tcp", "type": "syslog", "address": f"tcp://127.0.0.1:{syslog.tcp}"}])
    daemon.start()

    append(daemon.log_path("CM01"), lines.pair())

    messages = syslog.wait_for(2, deadline=1 * SLOWNESS)
    for message in messages:
        assert (message["program"], message["severity"], message["facility"]) == (
            "aiwatch", "crit", "daemon")
        assert message["text"].startswith("CM01: certificate expired, re-provision needed site=")
    ids = {re.search(r'id="([0-9a-f]{32})"', message["text"])[1] for message in messages}
    assert len(ids) == 1


def test_14_a_site_with_letters_of_its_own_arrives_as_it_is(daemon, syslog: SyslogServer):
    daemon.configure(sinks=[
        {"name": "udp", "type": "syslog", "address": f"udp://127.0.0.1:{syslog.udp}"}])
    daemon.start()

    append(daemon.log_path('Köln "]\\'), lines.pair())

    (message,) = syslog.wait_for(1)
    text = message["text"].lstrip("\ufeff")
    assert text.startswith('Köln "]\\: certificate expired')
    assert 'site="Köln \\"]\\\\"' in text


def test_15_a_receiver_in_trouble_gets_each_alert_once_it_is_well(daemon, receiver):
    """Given a receiver that answers 503 and 429, then it is told again, with the same id."""
    receiver.answers += [503, 429]
    daemon.configure(sinks=[webhook(receiver.url)])
    daemon.start()

    append(daemon.log_path("CM01"), lines.pair())

    documents = receiver.wait_for(3, deadline=30 * SLOWNESS)
    assert len({document["id"] for document in documents}) == 1
    wait_until(lambda: daemon.status()["sinks"][0]["pending"] == 0, "nothing waits any more")
    assert len(receiver.all()) == 3
