"""At the limits of the system nothing is lost, and what is said is said once."""

import errno
import os
import shutil
import signal
import subprocess
import urllib.request

import pytest

from harness import AIWATCH, HERE, SLOWNESS, append, free_port, wait_until
from lines import l1, l2, pair, succeeded

LONG = 60 * SLOWNESS


def expired(daemon):
    return {row["site"] for row in daemon.status()["sites"] if row["state"] == "expired"}


def processor_seconds(daemon):
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def assert_rests(daemon):
    """It does next to nothing while nothing happens; a loop would take all of a core."""
    def uptime():
        return daemon.status()["uptime_seconds"]
    begun, used = uptime(), processor_seconds(daemon)
    wait_until(lambda: uptime() > begun + 3, "three seconds pass", LONG)
    share = (processor_seconds(daemon) - used) / (uptime() - begun)
    assert share < 0.5, f"{share:.0%} of a core at rest"


class Faults:
    """Calls on files that fail, or hang, as long as the test wants it: see faults.c."""

    def __init__(self, daemon):
        self.path = os.path.join(daemon.folder, "faults")
        library = os.path.join(daemon.folder, "faults.so")
        subprocess.run(["cc", "-D_GNU_SOURCE", "-std=gnu17", "-O2", "-fPIC", "-shared", "-o",
                        library, os.path.join(HERE, "faults.c")], check=True, timeout=60)
        self.clear()
        daemon.command = ["env", f"LD_PRELOAD={library}", f"FAULTS={self.path}", AIWATCH]

    def set(self, *faults):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.writelines(f"{call} {what} {part}\n" for call, what, part in faults)
        os.rename(self.path + ".new", self.path)

    def clear(self):
        self.set()


@pytest.fixture
def faults(daemon):
    if SLOWNESS != 1:
        pytest.skip("a sanitizer wants to be loaded first")
    faults = Faults(daemon)
    yield faults
    faults.clear()


def test_01_more_files_than_descriptors(daemon):
    # given 200 logs that may not all be open
    names = [f"S{number:03d}" for number in range(200)]
    daemon.command = ["prlimit", "--nofile=48:48", AIWATCH]
    for name in names:
        append(daemon.log_path(name), l1())
    daemon.start()
    # when all are rotated at once, with a line in the old and in the new file
    daemon.wait_until_read()
    for name in names:
        path = daemon.log_path(name)
        append(path, "a line of no interest\r\n")
        os.rename(path, path + ".1")
        append(path, l2())
    # then every pair is joined, and the daemon comes to rest
    wait_until(lambda: expired(daemon) >= set(names), "200 sites are expired", LONG)
    assert_rests(daemon)
    said = [line for line in daemon.log().splitlines() if "Too many open files" in line]
    of_sink = [line for line in said if ": sink " in line]  # which wants one too, now and then
    assert len(said) - len(of_sink) <= 1 and len(of_sink) <= 1, said
    assert daemon.status()["inputs"][0]["gaps"] == 0


def test_02_many_logs_in_one_folder(daemon):
    # given logs in one folder, so many that it is not listed anew for each
    names = [f"S{number:03d}" for number in range(400)]
    paths = [os.path.join(daemon.logs, f"{name}-AIUpdateSvc.log") for name in names]
    daemon.keys["inputs"][0].update(paths=[daemon.logs + "/*-AIUpdateSvc.log"], site="{1}")
    daemon.configure()
    for path in paths:
        append(path, l1())
    daemon.start()
    wait_until(lambda: len(daemon.status()["sites"]) == len(names), "all are read", LONG)
    # when half of them are rotated while it runs, the others while it is stopped
    for path in paths[::2]:
        append(path, l2())
        os.rename(path, path + ".1")
        append(path, "a line of no interest\r\n")
    wait_until(lambda: expired(daemon) >= set(names[::2]), "the first half is expired", LONG)
    daemon.stop()
    for path in paths[1::2]:
        append(path, l2())
        os.rename(path, path + ".1")
        append(path, "a line of no interest\r\n")
    daemon.start()
    # then the rest of each is read from where it went
    wait_until(lambda: expired(daemon) >= set(names), "all are expired", LONG)
    assert daemon.status()["inputs"][0]["gaps"] == 0


@pytest.mark.parametrize("call, code", [
    ("open", errno.EACCES), ("open", errno.ESTALE), ("open", errno.EMFILE), ("pread", errno.EIO),
    ("pread", errno.ESTALE), ("statx", errno.EIO),
])
def test_03_a_log_that_fails_is_said_once_and_read_later(daemon, faults, call, code):
    # given a log on which a call fails
    faults.set((call, code, "CM01/"))
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    append(daemon.log_path("CM02"), pair())
    words = os.strerror(code)
    # when it was tried several times, and others were read meanwhile
    daemon.wait_for_state("CM02", "expired")
    wait_until(lambda: words in daemon.log(), "the trouble is said")
    begun = daemon.status()["uptime_seconds"]
    wait_until(lambda: daemon.status()["uptime_seconds"] > begun + 3, "three seconds pass", LONG)
    assert daemon.site("CM01") is None
    # then it was said once, and once that it is over
    assert daemon.log().count(words) == 1, daemon.log()
    faults.clear()
    daemon.wait_for_state("CM01", "expired")
    assert daemon.log().count(words) == 1, daemon.log()
    if code != errno.EMFILE:
        assert daemon.log().count("CM01/AIUpdateSvc.log can be read again") == 1, daemon.log()
        assert daemon.status()["inputs"][0]["errors"] == []


@pytest.mark.parametrize("call, code, words", [
    ("inotify_init1", errno.EMFILE, "no inotify instance is left"),
    ("inotify_add_watch", errno.ENOSPC, "no inotify watch is left"),
])
def test_04_without_inotify_the_sweep_goes_on(daemon, faults, call, code, words):
    # given a system without an instance or a watch left
    web = f"127.0.0.1:{free_port()}"
    daemon.configure(http=web)
    faults.set((call, code, "-"))
    daemon.start()
    # when logs appear and grow
    append(daemon.log_path("CM01"), l1())
    daemon.wait_for_state("CM01", "enroll_rejected")
    append(daemon.log_path("CM01"), l2())
    # then they are read, and it is said why by the sweep
    daemon.wait_for_state("CM01", "expired")
    watch = daemon.status()["inputs"][0]["watch"]
    if call != "inotify_init1" and "instance" in watch:
        pytest.skip("no inotify instance is left on this machine")
    assert watch.startswith("poll: ") and words in watch
    assert daemon.log().count(words) == 1, daemon.log()
    with urllib.request.urlopen(f"http://{web}/metrics", timeout=LONG) as answer:
        metrics = answer.read().decode()
    assert f'aiwatch_input_watch{{input="collected",by="{watch}"}} 1' in metrics


def test_05_a_queue_that_overflows_loses_nothing(daemon):
    # given a daemon that stands still while more happens than inotify's queue holds
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
        events = int(file.read())
    if events > 100000:
        pytest.skip(f"the queue holds {events} events")
    daemon.start()
    if daemon.status()["inputs"][0]["watch"] != "inotify":
        pytest.skip("no inotify instance is left on this machine")
    daemon.wait_until_read()
    names = [f"S{number:02d}" for number in range(20)]
    os.kill(daemon.process.pid, signal.SIGSTOP)
    try:
        folder = os.path.dirname(daemon.log_path("MARK1"))
        for number in range(events):
            with open(os.path.join(folder, f"junk{number}"), "wb"):
                pass
            os.unlink(os.path.join(folder, f"junk{number}"))
        # when logs appear meanwhile
        for name in names:
            append(daemon.log_path(name), pair())
    finally:
        os.kill(daemon.process.pid, signal.SIGCONT)
    # then all are found
    wait_until(lambda: expired(daemon) >= set(names), "all are expired", LONG)
    assert "inotify lost events" in daemon.log()


def test_06_a_share_that_hangs_stalls_its_own_input_only(daemon, faults, receiver):
    # given two inputs, the share of one of which hangs
    share = dict(daemon.keys["inputs"][0], name="share",
                 paths=[os.path.join(daemon.folder, "share/**/*AIUpdateSvc.log")])
    daemon.configure(inputs=[*daemon.keys["inputs"], share])
    faults.set(("pread", 0, "share/CM01/"))
    daemon.start()
    append(os.path.join(daemon.folder, "share/CM01/AIUpdateSvc.log"), pair())
    # when the other has an alert, and the configuration is read again
    append(daemon.log_path("CM02"), pair())
    daemon.wait_for_state("CM02", "expired")
    daemon.configure(sinks=[*daemon.keys["sinks"],
                            {"name": "hook", "type": "webhook", "url": receiver.url}])
    daemon.reload()
    wait_until(lambda: len(daemon.status()["sinks"]) == 2, "the reload is over")
    append(daemon.log_path("CM03"), pair())
    receiver.wait_for(1, site="CM03", status="firing")
    # then the status and an alert say which input hangs
    alert = receiver.wait_for(1, LONG, kind="aiwatch", status="firing")[0]
    rows = {row["name"]: row for row in daemon.status()["inputs"]}
    assert alert["key"] == "aiwatch/input share"
    assert rows["share"]["stalled_since"] and "hangs" in rows["share"]["errors"][0]
    assert rows["collected"]["stalled_since"] is None
    # and it goes on by itself
    faults.clear()
    receiver.wait_for(1, site="CM01", status="firing")
    receiver.wait_for(1, LONG, kind="aiwatch", status="resolved")
    assert daemon.status()["inputs"][1]["stalled_since"] is None


def test_07_a_share_that_hangs_is_no_hung_daemon(daemon, faults):
    # given one input only, and its share hangs
    faults.set(("pread", 0, "CM01/"))
    daemon.command.insert(1, "WATCHDOG_USEC=8000000")
    append(daemon.log_path("CM01"), pair())
    with daemon.spawn() as notify:
        def feeds():
            try:
                return b"WATCHDOG=1" in notify.recv(4096)
            except TimeoutError:
                return False
        wait_until(feeds, "the watchdog is fed", LONG)
        wait_until(lambda: not feeds() and daemon.status()["inputs"][0]["stalled_since"],
                   "the input is said to hang", LONG)
        # then the watchdog is fed on
        wait_until(feeds, "the watchdog is fed", LONG)
        wait_until(feeds, "the watchdog is fed again", LONG)
    assert "watchdog is not fed" not in daemon.log()
    # and a stop does not wait for the share
    daemon.stop()
    assert "left behind" in daemon.log()


def test_08_a_rest_that_is_lost_is_an_alert(daemon):
    # given a log that went while nobody looked, half a line behind what was read
    daemon.start()
    append(daemon.log_path("CM01"), l1() + "half")
    daemon.wait_for_state("CM01", "enroll_rejected")
    daemon.stop()
    os.unlink(daemon.log_path("CM01"))
    append(daemon.log_path("CM01"), "another log\r\n" * 20)
    # when the daemon has looked for it in vain
    daemon.start()
    # then it says so once, with the file and the place
    def gaps():
        return [document for document in daemon.printed()
                if document["key"] == "aiwatch/gaps of input collected"]
    alert = wait_until(gaps, "the gap is an alert", LONG)[0]
    assert daemon.log_path("CM01") in alert["summary"]
    assert f"offset {len(l1())}" in alert["summary"]
    assert daemon.status()["inputs"][0]["gaps"] == 1


def store_alerts(daemon):
    return [document for document in daemon.printed() if document["key"] == "aiwatch/store"]


def spoil_store(daemon):
    with open(os.path.join(daemon.state, "aiwatch.db"), "r+b") as store:
        store.write(b"\xa5" * 4096)


def test_09_a_store_that_is_set_aside_is_an_alert(daemon):
    # given a store that is none
    daemon.start()
    daemon.stop()
    spoil_store(daemon)
    # when the daemon starts
    daemon.start()
    # then it says so, and alerts go on
    alert, = wait_until(lambda: store_alerts(daemon), "the store is an alert")
    assert alert["status"] == "firing" and "set-aside" in alert["summary"]
    append(daemon.log_path("CM01"), pair())
    daemon.wait_for_state("CM01", "expired")
    assert daemon.status()["store"] is None


def test_10_a_store_that_keeps_nothing_is_an_alert(daemon):
    # given a store that cannot be opened
    os.makedirs(os.path.join(daemon.state, "aiwatch.db"))
    # when the daemon has an alert
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    # then it is sent all the same, and another says that nothing is kept
    alert, = wait_until(lambda: store_alerts(daemon), "the store is an alert")
    assert alert["status"] == "firing" and "nothing is kept" in alert["summary"]
    daemon.wait_for_state("CM01", "expired")
    # and once it can be opened it is over
    os.rmdir(os.path.join(daemon.state, "aiwatch.db"))
    wait_until(lambda: daemon.status()["store"] is None, "everything is kept", 2 * LONG)


@pytest.mark.parametrize("call, code, part", [
    ("pread", errno.EIO, "CM01/AIUpdateSvc.log"), ("open", errno.EIO, "CM01/AIUpdateSvc.log.1"),
])
def test_11_what_was_there_at_the_first_look_is_not_new(daemon, faults, call, code, part):
    # given a log that is begun at its end, and a rotated one beside it, which cannot be read
    daemon.keys["inputs"][0]["start"] = "end"
    daemon.configure()
    append(daemon.log_path("CM01"), "a line of no interest\r\n")
    append(daemon.log_path("CM01") + ".1", pair())
    append(daemon.log_path("CM02"), "a line of no interest\r\n")
    faults.set((call, code, part))
    daemon.start()
    wait_until(lambda: daemon.status()["inputs"][0]["files"], "one is followed")
    # when they can, and lines are written before and after
    append(daemon.log_path("CM01"), l1())
    append(daemon.log_path("CM02"), pair())
    daemon.wait_for_state("CM02", "expired")
    faults.clear()
    # then only those are read
    wait_until(lambda: daemon.status()["inputs"][0]["files"] == 2, "both are followed", LONG)
    daemon.wait_for_state("CM01", "enroll_rejected")
    assert daemon.status()["inputs"][0]["gaps"] == 0
    append(daemon.log_path("CM01"), l2())
    daemon.wait_for_state("CM01", "expired")


def test_12_what_came_after_the_first_look_is_new(daemon, faults):
    # given a rotated log that cannot be opened
    path = daemon.log_path("CM01")
    append(path + ".2", pair())
    append(path, "a line of no interest\r\n")
    faults.set(("open", errno.EIO, "CM01/AIUpdateSvc.log.2"))
    daemon.start()
    daemon.wait_until_read()
    # when the log is copied and truncated between two looks
    os.kill(daemon.process.pid, signal.SIGSTOP)
    append(path, l1())
    shutil.copyfile(path, path + ".1")
    os.truncate(path, 0)
    append(path, "another one\r\n")
    os.kill(daemon.process.pid, signal.SIGCONT)
    # then the copy is read
    wait_until(lambda: (daemon.site("CM01") or {}).get("state") == "enroll_rejected", "l1 is read", LONG)


@pytest.mark.parametrize("order", [
    ["ack", "CM01"], ["silence", "CM01", "--for", "4h"], ["outbox", "drop", "--all"]])
def test_13_what_an_operator_said_is_on_the_disk(daemon, faults, receiver, order):
    # given an alert that stands, and was refused
    receiver.answers.append(400)
    daemon.configure(sinks=[{"name": "hook", "type": "webhook", "url": receiver.url}])
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    wait_until(lambda: daemon.status()["sinks"][0]["dead"] == 1, "it is a dead letter")
    # when nothing can be synced to the disk any more
    faults.set(("fdatasync", errno.EIO, "aiwatch.db-wal"))
    # then the order is obeyed, and the store is said to be in trouble
    assert daemon.status()["store"] is None
    assert daemon.verb(*order).returncode == 0
    assert "aiwatch.db" in daemon.status()["store"]
    # and what was to be kept is kept once it can be
    faults.clear()
    wait_until(lambda: daemon.status()["store"] is None, "everything is kept", LONG)


def test_14_what_stands_of_the_watcher_outlives_it(daemon, receiver):
    # given trouble that was said to a receiver that forgets what is not said again
    daemon.configure(sinks=[{"name": "am", "type": "webhook", "format": "alertmanager",
                             "url": receiver.url}])
    daemon.start()
    daemon.stop()
    spoil_store(daemon)
    daemon.start()

    def said():
        return [alert["labels"]["site"] for request in receiver.all()
                for alert in request.document()]
    wait_until(lambda: "store" in said(), "the store is an alert")
    # when the daemon is killed and started again
    daemon.kill()
    with receiver.lock:
        receiver.requests.clear()
    daemon.start()
    # then it still stands
    wait_until(lambda: "store" in said(), "it is said again")


def test_15_what_no_store_keeps_ends_with_the_daemon(daemon):
    # given a store that cannot be opened, which is said
    os.makedirs(os.path.join(daemon.state, "aiwatch.db"))
    daemon.start()
    wait_until(lambda: store_alerts(daemon), "the store is an alert")
    # when the daemon stops
    daemon.stop()
    # then the alert is over: no start after it would know of it
    firing, resolved = store_alerts(daemon)
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    assert resolved["resolution"] == "operator"


def test_16_what_many_sites_said_is_read_again(daemon):
    """More sites than stay in memory whole."""
    # given pairs of lines of 600 sites, half of them from before a restart
    names = [f"S{number:03d}" for number in range(600)]
    for name in names[:300]:
        append(daemon.log_path(name), pair())
    daemon.start()
    wait_until(lambda: expired(daemon) >= set(names[:300]), "the first half is expired", LONG)
    daemon.stop()
    daemon.start()
    for name in names[300:]:
        append(daemon.log_path(name), pair())
    wait_until(lambda: len(daemon.printed()) == len(names), "all alerts are out", LONG)
    begun = {document["site"]: document for document in daemon.printed()}
    shown = {row["site"]: row["incident"]["evidence"] for row in daemon.status()["sites"]}
    # when it is over for all of them
    for name in names:
        append(daemon.log_path(name), succeeded())
    wait_until(lambda: len(daemon.printed()) == 2 * len(names), "all are resolved", LONG)
    # then what began is told in the same words, as it was in the status
    for document in daemon.printed()[len(names):]:
        before = begun.pop(document["site"])
        assert document["status"] == "resolved"
        assert document["evidence"] == before["evidence"] == shown[document["site"]]
        assert all(line["text"] and line["file"] for line in document["evidence"])
    assert not begun
