"""SIGHUP: all or nothing."""

import contextlib
import json
import os
import shutil
import sqlite3
import struct
import tempfile

from harness import AIWATCH, append, free_port, own_mounts, wait_until
from lines import l1, l2, pair


def test_01_a_reload_takes_the_new_configuration(daemon, receiver):
    daemon.start()
    loaded = daemon.status()["config"]["loaded_at"]

    daemon.configure(sinks=[{"name": "hook", "type": "webhook", "url": receiver.url}])
    daemon.reload()
    wait_until(lambda: daemon.status()["config"]["loaded_at"] != loaded, "it is loaded")

    assert [sink["name"] for sink in daemon.status()["sinks"]] == ["hook"]
    append(daemon.log_path("CM01"), pair())
    receiver.wait_for(1, kind="certificate_expired")


def test_02_a_configuration_that_does_not_load_changes_nothing(daemon, receiver):
    daemon.configure(sinks=[{"name": "hook", "type": "webhook", "url": receiver.url}])
    daemon.start()
    before = daemon.status()["config"]

    daemon.configure(sinks=[], colour="red")
    daemon.reload()
    wait_until(lambda: daemon.status()["config"]["last_reload_ok"] is False, "it is refused")

    assert daemon.status()["config"]["loaded_at"] == before["loaded_at"]
    assert f"{daemon.config}:" in daemon.log() and "colour" in daemon.log()
    append(daemon.log_path("CM01"), pair())
    receiver.wait_for(1, kind="certificate_expired")


def test_03_a_reload_between_the_two_lines_loses_nothing(daemon, receiver):
    daemon.configure(sinks=[{"name": "hook", "type": "webhook", "url": receiver.url}])
    daemon.start()
    append(daemon.log_path("CM01"), l1())
    daemon.wait_for_state("CM01", "enroll_rejected")
    loaded = daemon.status()["config"]["loaded_at"]

    daemon.configure(correlation={"window": "20m"})
    daemon.reload()
    wait_until(lambda: daemon.status()["config"]["loaded_at"] != loaded, "it is loaded")
    append(daemon.log_path("CM01"), l2())

    receiver.wait_for(1, kind="certificate_expired")
    daemon.stop()
    assert len(receiver.all()) == 1


def test_04_a_reload_takes_a_new_input(daemon, receiver):
    daemon.configure(sinks=[{"name": "hook", "type": "webhook", "url": receiver.url}])
    daemon.start()
    other = daemon.folder + "/other"
    append(other + "/CM07/AIUpdateSvc.log", pair())

    daemon.configure(inputs=daemon.keys["inputs"] + [
        {"name": "other", "paths": [other + "/*/AIUpdateSvc.log"], "site": "{dir}"}])
    daemon.reload()

    receiver.wait_for(1, site="CM07", kind="certificate_expired")
    append(daemon.log_path("CM01"), pair())
    receiver.wait_for(1, site="CM01", kind="certificate_expired")


def test_05_many_reloads_at_once_lose_nothing(daemon, receiver):
    daemon.configure(sinks=[{"name": "hook", "type": "webhook", "url": receiver.url}])
    daemon.start()

    for number in range(20):
        append(daemon.log_path(f"CM{number:02}"), l1())
        daemon.reload()
        append(daemon.log_path(f"CM{number:02}"), l2())

    sites = [f"CM{number:02}" for number in range(20)]
    wait_until(lambda: {document["site"] for document in
                        receiver.documents(kind="certificate_expired")} == set(sites),
               "each site's alert arrives")
    daemon.wait_until_read()
    daemon.stop()
    # What was under way when the sinks were replaced may come twice, never under two ids.
    ids = {(document["site"], document["id"]) for document in receiver.documents()}
    assert sorted(site for site, _ in ids) == sites


def snapshots(state):
    """The store as each commit in its log left it, oldest first."""
    with open(f"{state}/aiwatch.db-wal", "rb") as file:
        log = file.read()
    salts, page = log[16:24], struct.unpack(">I", log[8:12])[0]
    for end in range(32 + 24 + page, len(log) + 1, 24 + page):
        head = log[end - 24 - page:end - page]
        if head[8:16] != salts or head[4:8] == bytes(4):  # of an older log; within a transaction
            continue
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(f"{state}/aiwatch.db", folder)
            with open(f"{folder}/aiwatch.db-wal", "wb") as file:
                file.write(log[:end])
            with contextlib.closing(sqlite3.connect(f"{folder}/aiwatch.db")) as store:
                yield store


def test_06_what_an_input_that_goes_has_read_is_one_transaction(daemon, receiver):
    receiver.answers = [503] * 10000
    path = daemon.folder + "/other/CM07/AIUpdateSvc.log"
    goes = {"name": "other", "paths": [path], "site": "{dir}"}
    daemon.configure(sinks=[{"name": "hook", "type": "webhook", "url": receiver.url}],
                     outbox={"max_alerts": 1}, inputs=daemon.keys["inputs"] + [goes])
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    wait_until(lambda: daemon.status()["sinks"][0]["pending"], "the outbox is full")
    append(path, pair())  # is read, and waits
    wait_until(lambda: daemon.status()["inputs"][1]["bytes_read"], "it is read")

    daemon.configure(inputs=daemon.keys["inputs"][:1])
    daemon.reload()
    wait_until(lambda: "other is no longer followed" in daemon.log(), "the input goes")
    daemon.kill()

    for store in snapshots(daemon.state):
        read = store.execute("SELECT 1 FROM position WHERE path = ? AND offset > 0", [path])
        site = store.execute("SELECT 1 FROM site WHERE name = 'CM07'")
        assert bool(read.fetchall()) == bool(site.fetchall())


def test_07_an_input_that_goes_and_comes_back_counts_each_line_once(daemon, receiver):
    receiver.answers = [503] * 10000
    path = daemon.folder + "/other/CM07/AIUpdateSvc.log"
    with_it = daemon.keys["inputs"] + [{"name": "other", "paths": [path], "site": "{dir}"}]
    daemon.configure(sinks=[{"name": "hook", "type": "webhook", "url": receiver.url}],
                     outbox={"max_alerts": 1}, inputs=with_it)
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    wait_until(lambda: daemon.status()["sinks"][0]["pending"], "the outbox is full")
    append(path, pair())  # is read, and waits
    wait_until(lambda: daemon.status()["inputs"][1]["bytes_read"], "it is read")

    for inputs in (with_it[:1], with_it):
        loaded = daemon.status()["config"]["loaded_at"]
        daemon.configure(inputs=inputs)
        daemon.reload()
        wait_until(lambda: daemon.status()["config"]["loaded_at"] != loaded, "it is loaded")
    with receiver.lock:
        receiver.answers = []
    receiver.wait_for(1, site="CM07", kind="certificate_expired")
    daemon.wait_until_read()

    assert daemon.site("CM07")["occurrences"] == 1


def test_08_a_default_file_that_came_later_is_taken(daemon):
    # given a daemon that found no file at /etc/aiwatch/aiwatch.yml, and so runs by the defaults
    binds = ""
    for path in ("/etc", "/run", "/var/lib"):
        os.makedirs(daemon.folder + path)
        binds += f"mount --bind {daemon.folder}{path} {path} && "
    daemon.command = [*own_mounts(), "sh", "-c", binds + 'exec "$0" run', AIWATCH]
    daemon.configure(control=daemon.folder + "/run/aiwatch/control.sock")
    daemon.start()
    assert daemon.status()["config"]["path"] is None

    # when that file comes, and a reload
    os.makedirs(daemon.folder + "/etc/aiwatch")
    with open(daemon.folder + "/etc/aiwatch/aiwatch.yml", "w", encoding="utf-8") as file:
        json.dump({"sinks": [{"name": "later", "type": "stdout"}]}, file)
    daemon.reload()

    # then it is what counts
    wait_until(lambda: daemon.status()["config"]["path"] == "/etc/aiwatch/aiwatch.yml",
               "it is loaded")
    assert [sink["name"] for sink in daemon.status()["sinks"]] == ["later"]


def test_09_why_the_host_of_http_stays_is_said(daemon):
    port = free_port()
    daemon.configure(http=f"127.0.0.1:{port}")
    daemon.start()

    daemon.configure(http=f"0.0.0.0:{port}")
    daemon.reload()

    wait_until(lambda: daemon.status()["config"]["last_reload_ok"] is False, "it is refused")
    assert "`http` cannot change its host alone by a reload: restart the daemon" in daemon.log()
