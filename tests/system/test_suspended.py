"""What systemd hears of a daemon on a host that was suspended once."""

import socket
import time

from harness import own_boot_time, wait_until


def heard(notify):
    try:
        return notify.recv(4096).decode().splitlines()
    except socket.timeout:
        return []


def test_01_the_watchdog_is_fed(daemon, monkeypatch):
    daemon.command = [*own_boot_time(seconds_suspended=100000), *daemon.command]
    monkeypatch.setenv("WATCHDOG_USEC", "400000")

    with daemon.spawn() as notify:
        for which in ("first", "second", "third"):
            wait_until(lambda: "WATCHDOG=1" in heard(notify), f"the {which} sign of life")


def test_02_the_time_of_a_reload_is_by_systemds_clock(daemon):
    daemon.command = [*own_boot_time(seconds_suspended=100000), *daemon.command]

    with daemon.spawn() as notify:
        wait_until(lambda: "READY=1" in heard(notify), "the daemon is ready")
        before = time.monotonic_ns() // 1000
        daemon.reload()
        words = wait_until(lambda: next((words for words in [heard(notify)]
                                         if "RELOADING=1" in words), None), "it reloads")
        after = time.monotonic_ns() // 1000

    told = next(int(word.split("=")[1]) for word in words if word.startswith("MONOTONIC_USEC="))
    assert before <= told <= after
