"""Bad input gets one sentence with the place, the exit code of the contract, and loses nothing."""

import os
import re
import subprocess

from harness import AIWATCH, DEADLINE, aiwatch, append, as_nobody, wait_until
from lines import pair


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def run_to_its_end(daemon):
    """`run` that is expected to refuse."""
    return subprocess.run([AIWATCH, "-c", daemon.config, "run"], capture_output=True, text=True,
                          timeout=DEADLINE, check=False)


def test_01_a_missing_configuration_that_was_named(folder):
    path = folder + "/nowhere.yml"
    for verb in (["run"], ["check-config"], ["scan", folder]):
        done = aiwatch("-c", path, *verb)
        assert done.returncode == 78, verb
        assert path in done.stderr + done.stdout and "No such file" in done.stderr + done.stdout


def test_02_unknown_keys_are_all_named_with_their_places(folder):
    path = write(folder + "/aiwatch.yml", "stat: /tmp/x\ninputs:\n  - {name: a, pathss: [b]}\n")
    done = aiwatch("-c", path, "check-config")
    said = done.stdout + done.stderr
    assert done.returncode == 78
    assert re.search(re.escape(path) + r":1:1: .*stat", said), said
    assert re.search(re.escape(path) + r":3:\d+: .*pathss", said), said
    assert "did you mean" in said.lower() and "paths" in said


def test_03_a_pattern_that_does_not_compile(folder):
    path = write(folder + "/aiwatch.yml",
                 "rules:\n  - name: bad\n    event: sync_failed\n    pattern: 'a(b'\n")
    for verb in ("check-config", "run"):
        done = aiwatch("-c", path, verb)
        assert done.returncode == 78, verb
        assert re.search(re.escape(path) + r":4:\d+: ", done.stdout + done.stderr), done.stderr


def test_04_a_good_configuration_is_called_good(daemon):
    done = daemon.verb("check-config")
    assert done.returncode == 0, done.stdout + done.stderr


def test_05_the_run_refuses_a_bad_configuration(daemon):
    daemon.configure(colour="red")
    done = run_to_its_end(daemon)
    assert done.returncode == 78
    assert daemon.config + ":" in done.stderr
    assert not os.path.exists(daemon.state)


def test_06_a_path_that_matches_nothing_is_a_warning_only(daemon):
    daemon.start()
    assert daemon.status()["inputs"][0]["files"] == 0
    assert daemon.verb("check-config").returncode == 0


def test_07_a_second_daemon_on_the_same_state_is_refused(daemon):
    daemon.start()
    done = run_to_its_end(daemon)
    assert done.returncode not in (0, None) and done.returncode > 0
    assert daemon.state in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2, done.stderr
    append(daemon.log_path("CM01"), pair())
    daemon.wait_for_state("CM01", "expired")


def test_08_a_state_directory_that_cannot_be_made(daemon):
    write(daemon.folder + "/file", "")
    daemon.configure(state=daemon.folder + "/file/state")
    done = run_to_its_end(daemon)
    assert done.returncode > 0
    assert daemon.folder + "/file/state" in done.stderr


def test_09_usage_errors_are_64():
    for words in ([], ["nonsense"], ["run", "--nonsense"], ["resolve"], ["scan"],
                  ["scan", "--nonsense", "/dev/null"]):
        done = aiwatch(*words)
        assert done.returncode == 64, words
        assert done.stderr, words


def test_10_help_and_version():
    assert re.fullmatch(r"aiwatch \d+\.\d+\.\d+\n", aiwatch("--version").stdout)
    assert aiwatch("--help").returncode == 0
    for verb in ("run", "scan", "check-config", "status", "explain", "resolve"):
        assert f"  {verb} " in aiwatch("--help").stdout
        done = aiwatch(verb, "--help")
        assert done.returncode == 0 and verb in done.stdout


def test_11_scan_of_a_missing_file_cannot_tell(folder):
    done = aiwatch("scan", folder + "/nowhere.log")
    assert done.returncode == 3
    assert folder + "/nowhere.log" in done.stderr + done.stdout


def test_12_scan_reads_the_others_where_one_is_missing(folder):
    append(folder + "/CM01/AIUpdateSvc.log", pair())
    done = aiwatch("scan", folder + "/nowhere.log", folder + "/CM01/AIUpdateSvc.log")
    assert done.returncode == 2
    assert folder + "/nowhere.log" in done.stderr + done.stdout


def test_13_an_unreadable_file_cannot_be_told(folder):
    path = write(folder + "/AIUpdateSvc.log", pair())
    os.chmod(path, 0)
    done = aiwatch("scan", path, command=as_nobody(folder))
    assert done.returncode == 3
    assert path in done.stderr + done.stdout and "Permission denied" in done.stderr + done.stdout


def test_14_a_file_that_cannot_be_read_stops_no_other(daemon):
    os.makedirs(daemon.log_path("CM02"))  # a folder where a file is expected
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    daemon.wait_for_state("CM01", "expired")


def test_15_status_without_a_daemon_cannot_tell(daemon):
    done = daemon.verb("status")
    assert done.returncode == 3
    assert daemon.control in done.stderr + done.stdout


def test_16_resolve_of_an_unknown_site(daemon):
    daemon.start()
    done = daemon.verb("resolve", "CM99")
    assert done.returncode == 1
    assert "CM99" in done.stderr + done.stdout


def test_17_hostile_bytes_harm_nothing(daemon):
    daemon.start()
    path = daemon.log_path("CM01")
    os.makedirs(os.path.dirname(path))
    with open(path, "ab") as file:
        file.write(b"\x00" * 100 + b"\n" + b"\xff\xfe\xfd \x1b[31m\xe2\x80\xae\n" + b"x" * 300000
                   + b"\n" + pair().encode())
    row = daemon.wait_for_state("CM01", "expired")
    assert row["occurrences"] == 1


def test_18_a_file_that_becomes_readable_is_read(daemon):
    path = daemon.log_path("CM01")
    append(path, pair())
    os.chmod(path, 0)
    daemon.command = as_nobody(daemon.folder)
    daemon.start()
    append(daemon.log_path("CM02"), pair())
    daemon.wait_for_state("CM02", "expired")
    assert daemon.site("CM01") is None

    os.chmod(path, 0o644)

    daemon.wait_for_state("CM01", "expired")


def test_19_a_state_directory_that_cannot_be_written_stops_no_alert(daemon):
    os.makedirs(daemon.state)
    os.chmod(daemon.state, 0o555)
    daemon.command = as_nobody(daemon.folder)
    daemon.start()
    append(daemon.log_path("CM01"), pair())
    wait_until(daemon.printed, "the alert is out")
    assert daemon.state in daemon.log()


def test_21_status_cannot_tell_while_a_file_cannot_be_read(daemon):
    path = daemon.log_path("CM01")
    append(path, pair())
    os.chmod(path, 0)
    daemon.command = as_nobody(daemon.folder)
    daemon.start()
    wait_until(lambda: daemon.status()["inputs"][0]["errors"], "it is noticed")

    done = daemon.verb("status")

    assert done.returncode == 3
    assert done.stdout.startswith("AIWATCH UNKNOWN - 0 sites; input collected: cannot open ")
    append(daemon.log_path("CM02"), pair())  # certain, whatever else cannot be read
    daemon.wait_for_state("CM02", "expired")
    assert daemon.verb("status").returncode == 2


def test_22_what_cannot_be_printed_is_an_error(folder):
    with open(folder + "/log", "w", encoding="utf-8") as file:
        file.write("nothing of the service\n")
    for arguments, code in ((["--help"], 74), (["check-config", "--print"], 74),
                            (["explain", folder + "/log"], 74), (["scan", folder + "/log"], 3)):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([AIWATCH, "-c", "/dev/null", *arguments], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=DEADLINE, check=False)
        assert done.returncode == code
        assert done.stderr == "aiwatch: standard output cannot be written\n"


def test_23_a_wrong_option_is_one_sentence_that_says_where_help_is():
    for arguments, sentence in ((["run", "--red"], "--red is no option"),
                                (["status", "-x"], "-x is no option"),
                                (["status", "--json=3"], "--json=3 is no option, or takes no value"),
                                (["silence", "CM01", "--for"], "--for wants a value behind it")):
        done = aiwatch(*arguments)
        verb = arguments[0]
        assert done.returncode == 64 and not done.stdout
        assert done.stderr == f"aiwatch {verb}: {sentence} (see `aiwatch {verb} --help`)\n"


def test_24_a_configuration_of_any_name_is_shown_by_status(daemon):
    daemon.config = os.fsdecode(daemon.folder.encode() + b"/aiw\xe4tch.yml")
    daemon.configure()
    daemon.start()
    assert daemon.status()["config"]["path"] == daemon.folder + "/aiw?tch.yml"


def test_25_what_is_printed_holds_elsewhere(folder, monkeypatch):
    """Given a configuration that is named from its own folder, then its paths start at the root."""
    os.makedirs(folder + "/etc")
    write(folder + "/etc/secret", "abc")
    os.chmod(folder + "/etc/secret", 0o600)
    write(folder + "/etc/aiwatch.yml", "state: here\nsinks: [{name: a, type: webhook, "
          "url: 'https://a.example/', bearer: {file: secret}}]\n")
    monkeypatch.chdir(folder)

    done = aiwatch("-c", "etc/aiwatch.yml", "check-config", "--print")

    assert done.returncode == 0, done.stderr
    assert f"state: {folder}/etc/here\n" in done.stdout
    assert f"bearer: {{file: {folder}/etc/secret}}" in done.stdout


def test_26_a_path_that_is_a_folder_is_told(folder):
    path = write(folder + "/aiwatch.yml", f"inputs: [{{name: a, paths: [{folder}]}}]\n")
    done = aiwatch("-c", path, "check-config")
    assert done.returncode == 0
    assert f"warning: input a: {folder} is a folder" in done.stderr
