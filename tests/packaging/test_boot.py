"""The package in a booted system: each test goes on where the one before it stopped."""

import base64
import hmac
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

from harness import Receiver  # noqa: E402
from machine import Machine, until, why_not  # noqa: E402

BUILD = pathlib.Path(os.environ["BUILD"])
TOP = pathlib.Path(__file__).resolve().parent.parent.parent
CONFIG = "/etc/aiwatch/aiwatch.yml"
DROP_INS = "/usr/share/aiwatch/drop-ins"
OVERRIDES = "/etc/systemd/system/aiwatch.service.d"

TRY_IT = (TOP / "README.md").read_text().split("Try it:\n\n")[1].split("\n\n")[0]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the published test vector
PAIR = (
    "Asset Intelligence Catalog Sync Service Warning: 0 : 6/19/2015 3:00:01 AM:"
    " WebException trying to enroll: Status = ProtocolError\n"
    "Asset Intelligence Catalog Sync Service Error: 0 : 6/19/2015 3:00:05 AM:"
    " Exception attempting sync - The request failed with HTTP status 403: Forbidden.\n"
)


def package():
    return next((BUILD / "deb").glob("aiwatch_*_*.deb"))


def newer_package(folder):
    """The same package with a higher version."""
    tree = folder / "newer"
    subprocess.run(["dpkg-deb", "-R", package(), tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 1:"))
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, folder / "newer.deb"],
                   check=True, capture_output=True)
    shutil.rmtree(tree)


@pytest.fixture(scope="module")
def machine():
    reason = why_not()
    if reason:
        pytest.skip(reason)
    machine = Machine(BUILD / "boot" / "tree")
    shutil.copy(package(), machine.shared / "aiwatch.deb")
    newer_package(machine.shared)
    source = machine.shared / "source"
    shutil.copytree(TOP / "packaging" / "debian", source / "debian")
    (source / "debian" / "files").touch()  # by which autopkgtest knows that it is built
    shutil.copytree(TOP / "tests" / "data", source / "tests" / "data")
    yield machine
    print("the journal:\n" + machine.run("journalctl --no-pager -u aiwatch -n 150", check=False).stdout)
    machine.close()


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


def append_pair(machine, site, mode="-m 644"):
    machine.write(f"/var/log/remote/{site}/AIUpdateSvc.log", PAIR, mode)


def in_journal(machine, text):
    until(lambda: text in machine.out("journalctl --no-pager -o cat -t aiwatch -t systemd"),
          f"{text} in the journal")


def shown(machine, site):
    """What `status` knows of a site; None where it is not known."""
    document = json.loads(machine.run(f"aiwatch status --json {site}", check=False).stdout or "{}")
    return next((s for s in document.get("sites", []) if s["site"] == site), None)


def alerted(receiver, site):
    return [r.document() for r in receiver.all() if r.document()["site"] == site]


def restart_with(machine, name, text=None):
    """With one drop-in: a shipped one of that name, or this text; with none where name is None."""
    machine.run(f"rm -rf {OVERRIDES}")
    if name and text is None:
        machine.run(f"install -D -m 644 -t {OVERRIDES} {DROP_INS}/{name}")
    elif name:
        machine.write(f"{OVERRIDES}/{name}", text)
    machine.run("systemctl daemon-reload && systemctl restart aiwatch")


def test_01_installed_it_is_active(machine):
    # given a system without the package, when it is installed
    machine.run("dpkg -i /mnt/aiwatch.deb")
    # then the service runs at once, and has not been started twice
    assert machine.out("systemctl is-active aiwatch") == "active"
    assert machine.out("systemctl show -P NRestarts aiwatch") == "0"
    assert machine.out("systemctl show -P User aiwatch") == "aiwatch"


def test_02_the_readme_can_be_followed(machine):
    # given the commands under "Try it", when the log is put where it says
    install, journal, status, resolve = (
        line.split("  #")[0].replace("sudo ", "") for line in TRY_IT.splitlines())
    machine.run(f"cd /mnt/source && {install}")
    # then the alert is there, what to do is said, and it ends
    until(lambda: "CM42: certificate expired" in machine.out(journal), "the alert")
    assert "KB 3207852" in machine.run(status, check=False).stdout
    machine.run(resolve)
    until(lambda: "CM42: over" in machine.out(journal), "its end")


def test_03_a_pair_for_the_group_adm_stands_in_the_journal(machine):
    # Debian's own tester runs debian/tests: in this very system, which is there for nothing else.
    machine.run(": >/etc/apt/sources.list")
    machine.run("cp -r /mnt/source /root && autopkgtest --ignore-restrictions=isolation-container"
                " -B /mnt/aiwatch.deb /root/source -- null")


def test_04_a_pair_reaches_a_webhook(machine, receiver):
    # given a webhook in the configuration, taken over by a reload
    machine.write(CONFIG, "sinks:\n  - {name: local, type: syslog}\n"
                  f"  - {{name: hook, type: webhook, url: \"{receiver.url}\"}}\n")
    machine.run("systemctl reload aiwatch")
    in_journal(machine, "configuration loaded again")
    # when a pair is appended
    append_pair(machine, "CM02")
    # then both are told
    until(lambda: alerted(receiver, "CM02"), "CM02 at the webhook")
    assert alerted(receiver, "CM02")[0]["kind"] == "certificate_expired"
    in_journal(machine, "CM02: certificate expired, re-provision needed")


def test_05_a_bad_file_keeps_the_old_configuration(machine, receiver):
    # given a file with an error, when it is reloaded
    machine.run(f"cp {CONFIG} /root/good.yml")
    machine.write(CONFIG, "sinkz: []\n")
    machine.run("systemctl reload aiwatch")
    in_journal(machine, "the old one goes on")
    # then the old webhook is told of the next pair
    append_pair(machine, "CM03")
    until(lambda: alerted(receiver, "CM03"), "CM03 at the webhook")
    assert machine.out("systemctl is-active aiwatch") == "active"


def test_06_a_start_with_a_bad_file_is_not_repeated(machine):
    machine.run("systemctl restart aiwatch", check=False)
    until(lambda: machine.run("systemctl is-failed aiwatch", check=False).stdout.strip() == "failed",
          "the unit has failed")
    assert machine.out("systemctl show -P ExecMainStatus aiwatch") == "78"
    assert machine.out("systemctl show -P NRestarts aiwatch") == "0"
    machine.run(f"cp /root/good.yml {CONFIG} && systemctl restart aiwatch")


def test_07_a_stopped_process_is_noticed_and_restarted(machine, receiver):
    # given a watchdog of two seconds, when the process is stopped
    restart_with(machine, "watchdog.conf",
                 "[Service]\nWatchdogSec=2s\nTimeoutAbortSec=2s\n")
    pid = machine.out("systemctl show -P MainPID aiwatch")
    machine.run(f"kill -STOP {pid}")
    in_journal(machine, "Watchdog timeout")
    # then another one goes on
    until(lambda: machine.out("systemctl show -P MainPID aiwatch") not in ("0", pid)
          and machine.run("systemctl is-active -q aiwatch", check=False).returncode == 0,
          "a new process")
    append_pair(machine, "CM04")
    until(lambda: alerted(receiver, "CM04"), "CM04 at the webhook")


def test_08_left_alone_the_watchdog_is_fed(machine):
    # given the same watchdog, when more than twice its time passes
    pid = machine.out("systemctl show -P MainPID aiwatch")
    fed = "systemctl show -P WatchdogTimestampMonotonic aiwatch"
    first = int(machine.out(fed))
    until(lambda: int(machine.out(fed)) - first > 5_000_000, "fed for five seconds")
    # then it is the same process
    assert machine.out("systemctl show -P MainPID aiwatch") == pid
    restart_with(machine, None)


def test_09_files_of_root_are_read_with_the_drop_in(machine, receiver):
    # given a file that only root can read: it is not read, and that is said
    append_pair(machine, "CM05", "-m 600")
    in_journal(machine, "CM05")
    assert not alerted(receiver, "CM05")
    # when the drop-in is there
    restart_with(machine, "read-all.conf")
    # then it is
    until(lambda: alerted(receiver, "CM05"), "CM05 at the webhook")


def test_10_files_of_another_group_are_read_with_the_drop_in(machine, receiver):
    restart_with(machine, None)
    append_pair(machine, "CM06", "-m 640 -g systemd-journal")
    in_journal(machine, "CM06")
    assert not alerted(receiver, "CM06")
    restart_with(machine, "read-group.conf")
    until(lambda: alerted(receiver, "CM06"), "CM06 at the webhook")


def test_11_with_the_allow_list_this_host_is_reached(machine, receiver):
    restart_with(machine, "allow-list.conf")
    append_pair(machine, "CM07")
    until(lambda: alerted(receiver, "CM07"), "CM07 at the webhook")


def test_12_without_a_network_the_journal_is_reached(machine):
    restart_with(machine, "unix-sockets-only.conf")
    append_pair(machine, "CM08")
    in_journal(machine, "CM08: certificate expired, re-provision needed")
    restart_with(machine, None)


def test_13_status_says_that_there_is_no_jit(machine):
    assert json.loads(machine.run("aiwatch status --json", check=False).stdout)["jit"] is False


def test_14_root_is_told_what_the_service_cannot_read(machine):
    # given a secret that only root can read, named as a file
    machine.write("/etc/aiwatch/oncall.secret", SECRET, "-m 600")
    machine.run(f"cp {CONFIG} /root/good.yml")
    machine.write(CONFIG, "sinks:\n  - {name: hook, type: webhook, url: \"http://localhost/\","
                  " secret: {file: oncall.secret}}\n")
    # when root checks it, then that is a warning; of the user's own file there is none
    told = machine.run("aiwatch check-config", check=False)
    assert told.returncode == 0
    assert ("the service runs as user aiwatch, who cannot read /etc/aiwatch/oncall.secret:"
            " Permission denied") in told.stdout
    machine.run("chown aiwatch /etc/aiwatch/oncall.secret")
    assert "cannot read" not in machine.run("aiwatch check-config").stdout
    machine.run(f"mv /root/good.yml {CONFIG} && rm /etc/aiwatch/oncall.secret")


def test_15_a_secret_of_root_is_a_credential(machine, receiver):
    # given a secret that only root can read, named as a credential of the unit
    machine.write("/etc/aiwatch/oncall.secret", SECRET, "-m 600")
    machine.run(f"cp {CONFIG} /root/good.yml")
    machine.write(CONFIG, "sinks:\n  - {name: local, type: syslog}\n"
                  f"  - {{name: hook, type: webhook, url: \"{receiver.url}\","
                  " secret: {credential: oncall}}\n")
    restart_with(machine, "credential.conf",
                 "[Service]\nLoadCredential=oncall:/etc/aiwatch/oncall.secret\n")
    # when a pair is appended
    append_pair(machine, "CM09")
    until(lambda: alerted(receiver, "CM09"), "CM09 at the webhook")
    # then the alert is signed by it
    request = next(r for r in receiver.all() if r.document()["site"] == "CM09")
    signed = b".".join((request.headers["webhook-id"].encode(),
                        request.headers["webhook-timestamp"].encode(), request.body))
    digest = hmac.digest(base64.b64decode(SECRET.removeprefix("whsec_")), signed, "sha256")
    assert request.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    machine.run(f"mv /root/good.yml {CONFIG} && rm /etc/aiwatch/oncall.secret")
    restart_with(machine, None)


def test_16_an_upgrade_keeps_state_and_configuration(machine, receiver):
    # given a configuration changed by hand, and a site that has expired
    before = machine.out(f"cat {CONFIG}")
    alerts = len(alerted(receiver, "CM02"))
    pid = machine.out("systemctl show -P MainPID aiwatch")
    # when a newer package is installed
    machine.run("dpkg -i /mnt/newer.deb")
    # then another process runs with both, and says nothing again
    assert machine.out("systemctl is-active aiwatch") == "active"
    assert machine.out("systemctl show -P MainPID aiwatch") != pid
    assert machine.out(f"cat {CONFIG}") == before
    assert shown(machine, "CM02")["state"] == "expired"
    assert len(alerted(receiver, "CM02")) == alerts


def test_17_a_purge_leaves_nothing(machine):
    machine.run("dpkg -P aiwatch")
    left = machine.out("find / /var/log /run /tmp -xdev -name '*aiwatch*'")
    assert left == ""
    assert machine.run("getent passwd aiwatch || getent group aiwatch", check=False).stdout == ""
    assert machine.run("systemctl is-active aiwatch", check=False).stdout.strip() == "inactive"
    assert "aiwatch" not in machine.out("cat /proc/[0-9]*/comm").split()
