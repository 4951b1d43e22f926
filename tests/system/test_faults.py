"""Receivers in every kind of trouble: nothing lost, no second id, order kept."""

import datetime
import json
import os
import random
import socket
import ssl
import struct
import subprocess
import threading
import time

import lines
import pytest
from harness import SLOWNESS, append, wait_until

TRANSITIONS = 10000 if SLOWNESS == 1 else 1000
LONG = 90 * SLOWNESS


def dates():
    """Dates that go on, as the service writes them."""
    moment = datetime.datetime(2015, 6, 19, 3, 0, 1)
    while True:
        yield f"{moment.month}/{moment.day}/{moment.year} {moment.strftime('%I:%M:%S %p')}"
        moment += datetime.timedelta(minutes=15)


class FaultServer:
    """Speaks HTTP by hand, so that it can speak it badly. `faults` are used up one a request."""

    def __init__(self, faults=(), context=None):
        self.faults = list(faults)
        self.context = context
        self.accepted = []  # documents that were answered with 200
        self.seen = []      # all that came whole
        self.lock = threading.Lock()
        self.connections = set()
        self.port = 0
        self.listener = None
        self.start()
        self.url = f"{'https' if context else 'http'}://localhost:{self.port}/alert"

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, args=(self.listener,), daemon=True).start()

    def kill(self):
        """As kill -9: who is connected gets a reset."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            connections, self.connections = self.connections, set()
        for connection in connections:
            try:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def run(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
                connection.settimeout(30)
            except OSError:
                return
            with self.lock:
                self.connections.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                stream = connection.makefile("rb")
                while self.answer(connection, stream):
                    pass
        except OSError:
            pass

    @staticmethod
    def read(stream):
        length = 0
        if not stream.readline():
            return None
        for line in iter(stream.readline, b"\r\n"):
            if not line:
                return None
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = stream.read(length)
        return json.loads(body) if len(body) == length else None

    def answer(self, connection, stream):
        document = self.read(stream)
        if document is None:
            return False
        with self.lock:
            self.seen.append(document)
            fault = self.faults.pop(0) if self.faults else None
            if not fault:
                self.accepted.append(document)
        return (getattr(self, fault) if fault else self.well)(connection)

    @staticmethod
    def reply(connection, status, headers="", body=""):
        connection.sendall(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
                           f"{body}".encode())
        return True

    def well(self, connection):
        return self.reply(connection, "200 OK")

    def busy(self, connection):
        return self.reply(connection, "429 Too Many Requests", "Retry-After: 1\r\n", "later")

    def error(self, connection):
        return self.reply(connection, "500 Internal Server Error", body="\x1b[31mno\r\n")

    def moved(self, connection):
        return self.reply(connection, "302 Found", "Location: http://127.0.0.1:1/\r\n")

    def slow(self, connection):
        """A byte now and then: the sender's time-out is what ends it."""
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaa":
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
        return False

    def half(self, connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        return False

    def never(self, connection):
        connection.recv(1)  # until the sender hangs up
        return False

    def garbage(self, connection):
        connection.sendall(bytes(range(256)) + b"\r\n\r\n")
        return False

    def ids(self, site):
        """Of what was accepted for the site, each when it came first."""
        with self.lock:
            return list(dict.fromkeys(document["id"] for document in self.accepted
                                      if document["site"] == site))


def hook(server, **keys):
    return [{"name": "hook", "type": "webhook", "url": server.url, "timeout": "1s", **keys}]


def wait_until_delivered(daemon, count):
    def is_done():
        sink = daemon.status()["sinks"][0]
        return sink["pending"] == 0 and sink["delivered"] + sink["dead"] >= count
    wait_until(is_done, f"{count} are delivered", LONG)


def check_order(server, sites, cycles):
    """Firing and resolved in turn, each with an id of its own, for each site."""
    with server.lock:
        documents = list(server.accepted)
    for site in sites:
        first = {}
        for document in documents:
            if document["site"] == site:
                first.setdefault(document["id"], document)
        assert [document["status"] for document in first.values()] == ["firing", "resolved"] * cycles
        times = [document["updated_at"] for document in first.values()]
        assert times == sorted(times)


@pytest.mark.parametrize("fault", ["busy", "error", "slow", "half", "never", "garbage"])
def test_01_no_fault_loses_an_alert(daemon, fault):
    """Given a receiver that fails each first try, then all is delivered, with the same ids."""
    server = FaultServer([fault] * 3)
    daemon.configure(sinks=hook(server))
    daemon.start()
    sites = ["CM01", "CM02", "CM03"]

    for site in sites:
        append(daemon.log_path(site), lines.pair())
        daemon.wait_for_state(site, "expired")
        assert daemon.verb("resolve", site).returncode == 0
    wait_until_delivered(daemon, 6)

    check_order(server, sites, 1)
    assert {document["id"] for document in server.seen} == {
        document["id"] for document in server.accepted}
    sink = daemon.status()["sinks"][0]
    assert (sink["dead"], sink["retried"]) == (0, 3)
    assert "\x1b" not in daemon.log() + json.dumps(sink, ensure_ascii=False)
    server.kill()


def test_02_a_redirect_is_not_followed_and_kept_as_a_dead_letter(daemon):
    server = FaultServer(["moved"])
    daemon.configure(sinks=hook(server))
    daemon.start()

    append(daemon.log_path("CM01"), lines.pair())
    wait_until(lambda: daemon.status()["sinks"][0]["dead"] == 1, "a dead letter")

    assert "redirects are not followed" in daemon.status()["sinks"][0]["last_error"]
    assert daemon.verb("outbox", "retry", "--all").returncode == 0
    wait_until(lambda: server.ids("CM01"), "it is sent again")
    assert {document["id"] for document in server.seen} == set(server.ids("CM01"))
    server.kill()


def test_03_nothing_is_told_to_a_server_with_a_wrong_certificate(daemon, folder):
    """Given a certificate that nobody vouches for, then nothing; once it is trusted, the alert."""
    key, certificate = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=x",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out",
                    certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = FaultServer(context=context)
    daemon.configure(sinks=hook(server))
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    wait_until(lambda: daemon.status()["sinks"][0]["retried"] > 0, "a try failed")
    assert server.seen == []

    daemon.configure(sinks=hook(server, ca=certificate))
    daemon.reload()

    wait_until(lambda: server.ids("CM01"), "it is told", LONG)
    wait_until_delivered(daemon, 1)
    assert len(server.seen) == 1
    server.kill()


def test_04_a_sink_that_comes_and_goes_gets_every_transition(daemon):
    """Given 10,000 transitions and a receiver killed and started at random, then all arrive."""
    chance = random.Random(5)
    server = FaultServer()
    sites = [f"CM{number:03}" for number in range(100)]
    cycles = TRANSITIONS // 2 // len(sites)
    daemon.configure(sinks=hook(server))
    daemon.start()
    for site in sites:
        append(daemon.log_path(site), "a line that nobody knows\r\n")
    daemon.wait_until_read()

    for site in sites:
        clock = dates()
        append(daemon.log_path(site), "".join(
            lines.l2(next(clock)) + lines.succeeded(next(clock)) for _ in range(cycles)))
    end = time.monotonic() + LONG
    kills = 0
    while len({document["id"] for document in server.accepted}) < TRANSITIONS:
        assert time.monotonic() < end, f"{len(server.accepted)} arrived"
        before = len(server.accepted)
        wait_until(lambda: len(server.accepted) > before + chance.randrange(300, 900)
                   or daemon.status()["sinks"][0]["pending"] == 0, "some arrive", LONG)
        server.kill()
        kills += 1
        wait_until(lambda: daemon.status()["sinks"][0]["last_error"]
                   or daemon.status()["sinks"][0]["pending"] == 0, "it is missed", LONG)
        server.start()
        daemon.verb("outbox", "retry", "--all")
    wait_until_delivered(daemon, TRANSITIONS)

    check_order(server, sites, cycles)
    assert len({document["id"] for document in server.seen}) == TRANSITIONS
    assert daemon.status()["sinks"][0]["dead"] == 0
    assert kills >= min(5, TRANSITIONS // 1000)
    print(f"{len(server.seen) - TRANSITIONS} came twice, {kills} kills")
    server.kill()
