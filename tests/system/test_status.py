"""What `status` says to a person at a terminal."""

import os

import lines
from harness import append, as_nobody, wait_until


def test_01_a_line_for_each_site_the_gravest_first(daemon):
    daemon.start()
    append(daemon.log_path("CM01"), lines.l3())
    append(daemon.log_path("CM02"), lines.pair())
    daemon.wait_for_state("CM01", "sync_forbidden")
    daemon.wait_for_state("CM02", "expired")

    done = daemon.verb("status")

    assert done.returncode == 2
    head, *rest = done.stdout.splitlines()
    assert head.startswith("AIWATCH CRITICAL - 2 sites, 1 expired, 1 sync_forbidden | ")
    assert [line.split()[:2] for line in rest[1:3]] == [["expired", "CM02"],
                                                         ["sync_forbidden", "CM01"]]
    assert "aiwatch status SITE" in done.stdout and "KB 3207852" not in done.stdout


def test_02_a_site_that_is_named_says_what_to_do_and_why(daemon):
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    daemon.wait_for_state("CM01", "expired")

    done = daemon.verb("status", "CM01")

    assert "KB 3207852" in done.stdout and "https://support.microsoft.com/" in done.stdout
    assert lines.l1().strip() in done.stdout and lines.l2().strip() in done.stdout
    assert daemon.log_path("CM01") + ", offset 0" in done.stdout


def test_03_no_name_of_a_file_reaches_the_terminal_as_it_is(daemon):
    """Given a folder whose name would colour the terminal, then it does not."""
    daemon.start()
    append(daemon.log_path("CM\x1b[31m01"), lines.pair())
    (site,) = wait_until(lambda: daemon.status()["sites"], "a site")

    for done in (daemon.verb("status"), daemon.verb("status", site["site"])):
        assert "\x1b" not in done.stdout and "[31m01" in done.stdout


def test_04_what_is_read_is_counted_when_it_is_told(daemon):
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    daemon.wait_for_state("CM01", "expired")

    said = daemon.verb("status").stdout
    assert "collected: 1 file by " in said
    assert f", {len(lines.pair())} bytes read, up to date\n" in said


def first_line(daemon, *arguments):
    done = daemon.verb("status", *arguments)
    return done.returncode, done.stdout.splitlines()[0]


def wait_for_trouble(daemon, words, verdict="UNKNOWN"):
    """The check is not green, and its first line says why."""
    wait_until(lambda: words in first_line(daemon)[1], words)
    code, line = first_line(daemon)
    assert code == {"WARNING": 1, "UNKNOWN": 3}[verdict], line
    assert line.startswith(f"AIWATCH {verdict} - "), line
    assert line.index(words) < line.index(" | "), line


def test_05_an_input_that_follows_nothing_is_no_good_news(daemon):
    daemon.start()
    wait_for_trouble(daemon, "input collected: follows no file: none matches its paths")

    append(daemon.log_path("CM01"), "nothing of the service\n")

    wait_until(lambda: first_line(daemon)[0] == 0, "a file is followed: all is well")


def test_06_what_cannot_be_read_or_listed_is_named(daemon):
    """Given a folder that may not be listed and a file that may not be read, then it says so."""
    append(daemon.log_path("CM01"), lines.pair())
    append(daemon.log_path("CM02"), lines.pair())
    closed = os.path.dirname(daemon.log_path("CM01"))
    os.chmod(closed, 0)
    os.chmod(daemon.log_path("CM02"), 0)
    daemon.command = as_nobody(daemon.folder)
    daemon.start()
    try:
        wait_until(lambda: len(daemon.status()["inputs"][0]["errors"]) == 2, "both are named")
        wait_for_trouble(daemon, f"input collected: cannot list {closed}: Permission denied")
        shown = daemon.verb("status").stdout
        assert f"    cannot open {daemon.log_path('CM02')}: Permission denied" in shown
    finally:
        os.chmod(closed, 0o755)
        os.chmod(daemon.log_path("CM02"), 0o644)

    daemon.wait_for_state("CM01", "expired")
    wait_until(lambda: daemon.status()["inputs"][0]["errors"] == [], "the trouble is over")


def test_07_dead_letters_and_a_reload_that_failed_are_no_good_news(daemon, receiver):
    receiver.answers = [400]
    daemon.configure(sinks=[{"name": "oncall", "type": "webhook", "url": receiver.url}])
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    wait_until(lambda: "; sink oncall: 1 dead letter" in first_line(daemon)[1], "a dead letter")
    assert first_line(daemon)[0] == 2

    daemon.verb("resolve", "CM01")
    wait_for_trouble(daemon, "sink oncall: 1 dead letter", "WARNING")
    daemon.verb("outbox", "drop", "--all")
    wait_until(lambda: first_line(daemon)[0] == 0, "no dead letter is left")

    daemon.configure(window="5m")
    daemon.reload()
    wait_for_trouble(daemon, "the last reload failed", "WARNING")


def test_08_no_name_ends_the_first_line_before_the_numbers(daemon):
    path = daemon.log_path("a|b=1")
    append(path, lines.pair())
    os.chmod(path, 0)
    daemon.command = as_nobody(daemon.folder)
    daemon.start()
    wait_for_trouble(daemon, "a/b=1/AIUpdateSvc.log: Permission denied")
    assert first_line(daemon)[1].count("|") == 1


def test_09_half_a_line_is_named(daemon):
    daemon.start()
    append(daemon.log_path("CM01"), lines.l1() + lines.l2()[:33])

    words = f"{len(lines.l1())} bytes read, up to date, 33 bytes of an unfinished line"
    wait_until(lambda: words in daemon.verb("status").stdout, words)
    (item,) = daemon.status()["inputs"]
    assert (item["lag_bytes"], item["unfinished_bytes"]) == (0, 33)


def test_10_a_site_that_is_not_known_is_named(daemon):
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    daemon.wait_for_state("CM01", "expired")

    code, line = first_line(daemon, "CM0l", "CM01", "other")

    assert code == 3 and line.startswith("AIWATCH UNKNOWN - 1 site, 1 expired; ")
    assert 'site CM0l is not known; did you mean "CM01"?; site other is not known | ' in line


def test_11_the_operators_word_is_for_sites_that_are_known(daemon):
    """Given CM01, then its name in any case is taken, and a slip makes no site."""
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    daemon.wait_for_state("CM01", "expired")

    for verb in (["silence", "CM0l", "--for", "1h"], ["ack", "CM0l"], ["resolve", "CM0l"]):
        done = daemon.verb(*verb)
        assert done.returncode == 1
        assert done.stderr == 'aiwatch: site CM0l is not known; did you mean "CM01"?\n'
    assert [row["site"] for row in daemon.status()["sites"]] == ["CM01"]

    done = daemon.verb("silence", "cm01", "--for", "1h")
    assert (done.returncode, done.stdout) == (0, "CM01: silenced; its state is expired\n")
    assert daemon.site("CM01")["silenced_until"]
    assert first_line(daemon, "cm01")[0] == 2


def test_12_the_operators_word_is_in_the_log(daemon):
    daemon.start()
    append(daemon.log_path("CM01"), lines.pair())
    daemon.wait_for_state("CM01", "expired")

    assert daemon.verb("silence", "CM01", "--for", "1h", "--reason", "new server").returncode == 0
    until = daemon.site("CM01")["silenced_until"]
    for verb in (["silence", "CM01", "--for", "0"], ["ack", "CM01"], ["resolve", "CM01"]):
        assert daemon.verb(*verb).returncode == 0

    log, user = daemon.log(), os.getuid()
    assert f"notice: site CM01: silenced until {until[:19]}Z by user {user}: new server\n" in log
    for words in ("no longer silenced", "acknowledged", "resolved"):
        assert f"notice: site CM01: {words} by user {user}\n" in log


def test_13_a_verb_that_is_mistyped_is_guessed(daemon):
    done = daemon.verb("sttaus")
    assert done.returncode == 64
    assert 'there is no verb "sttaus"; did you mean "status"?' in done.stderr
