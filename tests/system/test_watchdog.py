"""What systemd's watchdog hears."""

import socket

from harness import own_boot_time, wait_until


def heard(notify):
    try:
        return notify.recv(4096).decode().splitlines()
    except socket.timeout:
        return []


def test_01_the_watchdog_is_fed_on_a_host_that_was_suspended_once(daemon, monkeypatch):
    daemon.command = [*own_boot_time(seconds_suspended=100000), *daemon.command]
    monkeypatch.setenv("WATCHDOG_USEC", "400000")

    with daemon.spawn() as notify:
        for time in ("at the start", "once more", "and again"):
            wait_until(lambda: "WATCHDOG=1" in heard(notify), f"the watchdog is fed {time}")
