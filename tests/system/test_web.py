"""The HTTP server of the real daemon: metrics, readiness, the API, and what it keeps to itself."""

import os
import socket
import time

import pytest

from harness import SLOWNESS, append, free_port, wait_until
from lines import l3, pair, succeeded
from web import Web, families, promtool

# Design, section 6.
NAMES = {
    "aiwatch_build_info", "aiwatch_sites", "aiwatch_site_state", "aiwatch_files",
    "aiwatch_bytes_read_total", "aiwatch_lines_read_total", "aiwatch_read_lag_bytes",
    "aiwatch_events_total", "aiwatch_transitions_total", "aiwatch_alerts_total",
    "aiwatch_outbox_pending", "aiwatch_outbox_oldest_seconds", "aiwatch_deliveries_total",
    "aiwatch_dead_letters", "aiwatch_rotations_total", "aiwatch_gaps_total",
    "aiwatch_config_last_reload_successful", "aiwatch_line_to_delivery_seconds",
    # Beyond it.
    "aiwatch_input_watch", "aiwatch_input_stalled",
}


@pytest.fixture
def web(daemon):
    return Web(daemon)


def test_01_it_is_closed_unless_it_is_configured(daemon):
    daemon.start()
    with open(f"/proc/{daemon.process.pid}/net/tcp", encoding="ascii") as table:
        inodes = {line.split()[9] for line in table if line.split()[3] == "0A"}
    folder = f"/proc/{daemon.process.pid}/fd"
    links = {os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}
    assert not links & {f"socket:[{inode}]" for inode in inodes}


def test_02_healthy_and_ready(daemon, web):
    daemon.start()
    assert web.get("/-/healthy").status == 200
    wait_until(lambda: web.get("/-/ready").status == 200, "the daemon is ready")


def test_03_metrics_count_what_happened(daemon, web):
    daemon.start()
    daemon.wait_until_read()
    append(daemon.log_path("CM01"), pair())
    daemon.wait_for_state("CM01", "expired")
    wait_until(daemon.printed, "the alert is delivered")
    wait_until(lambda: web.metrics()['aiwatch_files{input="collected"}'] == 2, "both are followed")
    wait_until(lambda: web.metrics()['aiwatch_line_to_delivery_seconds_count'] == 1,
               "the delivery is counted")
    found = web.metrics()
    assert found['aiwatch_sites{state="expired"}'] == 1
    assert found['aiwatch_site_state{site="CM01",state="expired"}'] == 1
    assert found['aiwatch_events_total{event="sync_forbidden"}'] == 1
    assert found['aiwatch_events_total{event="enroll_rejected"}'] == 2  # and the mark's
    assert found['aiwatch_transitions_total{from="enroll_rejected",to="expired"}'] == 1
    assert found['aiwatch_alerts_total{kind="certificate_expired",status="firing"}'] == 1
    assert found['aiwatch_deliveries_total{sink="screen",outcome="delivered"}'] == 1
    assert found['aiwatch_outbox_pending{sink="screen"}'] == 0
    assert found['aiwatch_lines_read_total{input="collected"}'] == 3
    assert found['aiwatch_config_last_reload_successful'] == 1
    assert 0 < found['aiwatch_line_to_delivery_seconds_sum'] < 60


def test_04_promtool_finds_nothing_whatever_a_site_is_called(daemon, web):
    name = 'a"b\\c {x="y"} ü <i>'
    daemon.start()
    append(daemon.log_path(name), pair())
    daemon.wait_for_state(name, "expired")
    text = web.get("/metrics").text()
    assert families(text) == NAMES
    assert promtool("check", "metrics", text=text) == (0, "")
    assert 'aiwatch_site_state{site="a\\"b\\\\c {x=\\"y\\"} ü <i>",state="expired"} 1' in text


def test_05_refusals_and_retries_are_told_apart(daemon, web, receiver):
    receiver.answers = [503, 410]
    daemon.configure(sinks=[{"name": "hook", "type": "webhook", "url": receiver.url}])
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    receiver.wait_for(2)
    outcome = 'aiwatch_deliveries_total{{sink="hook",outcome="{}"}}'
    wait_until(lambda: web.metrics()[outcome.format("refused")] == 1, "the refusal is counted")
    found = web.metrics()
    assert found[outcome.format("retried")] == 1
    assert found[outcome.format("delivered")] == 0
    assert found['aiwatch_dead_letters{sink="hook"}'] == 1


def test_06_a_site_is_told_whole(daemon, web):
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    append(daemon.log_path("CM02"), l3())
    daemon.wait_for_state("CM01", "expired")
    daemon.wait_for_state("CM02", "sync_forbidden")
    assert [site["site"] for site in web.get("/api/v1/sites").document()["sites"]] == [
        "CM01", "CM02"]
    site, = web.get("/api/v1/sites?site=CM01").document()["sites"]
    assert site["state"] == "expired"
    assert [line["event"] for line in site["trouble"]["evidence"]] == [
        "enroll_rejected", "sync_forbidden"]
    assert "KB 3207852" in site["advice"]
    assert site["links"] == ["https://support.microsoft.com/en-us/help/3207852"]
    brief = web.get("/api/v1/sites?view=brief&site=CM01").document()["sites"][0]
    assert "evidence" not in brief["incident"]
    assert web.get("/api/v1/status").document()["sites"] == daemon.status()["sites"]


def test_07_incidents_are_the_history(daemon, web):
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    daemon.wait_for_state("CM01", "expired")
    assert daemon.verb("resolve", "CM01").returncode in (0, 1)
    daemon.wait_for_state("CM01", "unknown")
    incident, = web.get("/api/v1/incidents").document()["incidents"]
    assert incident["site"] == "CM01"
    assert incident["kind"] == "certificate_expired"
    assert incident["resolution"] == "operator"
    assert len(incident["evidence"]) == 2
    assert web.get("/api/v1/incidents?site=CM99").document()["incidents"] == []
    for limit in ("0", "-1", "10001", "x", "", "1x", "99999999999999999999"):
        assert web.get(f"/api/v1/incidents?limit={limit}").status == 400
    assert web.get("/api/v1/incidents?colour=red").status == 400


def test_07a_what_is_told_of_a_site_is_in_its_history(daemon, web):
    """An incident that begins and ends in what is read at once brings no alert about."""
    daemon.start()
    append(daemon.log_path("CM01"), pair() + succeeded())
    wait_until(lambda: [site["state"] for site in web.get("/api/v1/sites").document()["sites"]] ==
               ["healthy"], "it has recovered")
    assert len(web.get("/api/v1/incidents").document()["incidents"]) == 1


def test_08_inputs_and_sinks(daemon, web):
    daemon.start()
    daemon.wait_until_read()
    wait_until(lambda: web.get("/api/v1/inputs").document()["inputs"][0]["files"] == 1,
               "the file is counted")
    item, = web.get("/api/v1/inputs").document()["inputs"]
    assert (item["name"], item["lag_bytes"]) == ("collected", 0)
    sink, = web.get("/api/v1/sinks").document()["sinks"]
    assert (sink["name"], sink["type"], sink["pending"]) == ("screen", "stdout", 0)


def test_09_the_configuration_keeps_its_secrets(daemon, web, monkeypatch):
    monkeypatch.setenv("AIWATCH_TEST_SECRET", "PRIVATE")
    daemon.configure(sinks=[{
        "name": "hook", "type": "webhook", "url": "http://u:PRIVATE@127.0.0.1:9/PRIVATE?PRIVATE",
        "secret": {"env": "AIWATCH_TEST_SECRET"}, "headers": {"X-Key": "PRIVATE"}}])
    daemon.start()
    text = web.get("/api/v1/config").text()
    assert "PRIVATE" not in text
    assert "name: hook" in text and "http://127.0.0.1:9" in text


def test_10_a_page_of_another_name_is_refused(daemon, web):
    daemon.start()
    for path in ("/", "/metrics", "/api/v1/sites"):
        assert web.get(path, Host="evil.example").status == 403
        assert web.get(path, Host=f"localhost:{web.port}").status == 200
        assert "Access-Control-Allow-Origin" not in web.get(path, Origin="http://x.example").headers
    assert web.get("/", method="POST").status == 405
    assert web.get("/", method="PUT").status == 405


def test_11_a_reload_opens_moves_and_closes_it(daemon, web):
    daemon.start()
    first, second = web.port, free_port()
    daemon.configure(http=f"127.0.0.1:{second}")
    daemon.reload()
    web.port = second
    wait_until(web.is_open, "the new port is open")
    web.port = first
    assert not web.is_open()
    daemon.configure(http=None)
    daemon.reload()
    web.port = second
    wait_until(lambda: not web.is_open(), "it is closed")


def test_12_a_port_that_is_taken_changes_nothing(daemon, web):
    daemon.start()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        daemon.configure(http=f"127.0.0.1:{taken.getsockname()[1]}")
        daemon.reload()
        wait_until(lambda: "cannot listen" in daemon.log(), "the reload fails")
    wait_until(lambda: web.metrics()["aiwatch_config_last_reload_successful"] == 0,
               "the metrics say so")
    assert web.is_open()
    assert daemon.status()["config"]["last_reload_ok"] is False


def test_13_many_clients_that_say_nothing_do_not_stop_the_alerts(daemon, web):
    daemon.start()
    clients = [socket.create_connection(("127.0.0.1", web.port)) for _ in range(80)]
    try:
        for client in clients[:40]:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        append(daemon.log_path("CM01"), pair())
        daemon.wait_for_state("CM01", "expired")
        wait_until(daemon.printed, "the alert is delivered")
    finally:
        for client in clients:
            client.close()
    wait_until(web.is_open, "others are served again")


def test_14_a_browser_is_told_what_the_page_may_do(daemon, web):
    daemon.start()
    page = web.get("/", **{"Accept-Encoding": "gzip"})
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "script-src 'sha256-" in policy and "style-src 'sha256-" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert len(page.raw) < 20000
    assert page.text().count("http://") == page.text().count("http://www.w3.org/2000/svg")
    again = web.get("/", **{"If-None-Match": page.headers["ETag"]})
    assert (again.status, again.raw) == (304, b"")


@pytest.mark.skipif(SLOWNESS > 1, reason="it waits for the server's patience to end")
def test_15_a_client_that_drips_is_ended(daemon, web):
    daemon.start()
    with socket.create_connection(("127.0.0.1", web.port)) as client:
        client.settimeout(0.2)
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        began = time.monotonic()

        def has_ended():
            try:
                client.sendall(b"x")
                return client.recv(1) == b""
            except socket.timeout:
                return False
            except ConnectionError:
                return True
        wait_until(has_ended, "the connection ends", deadline=30)
        assert 12 < time.monotonic() - began < 25
    assert web.is_open()
