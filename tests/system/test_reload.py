"""SIGHUP: all or nothing."""

from harness import append, wait_until
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
