"""What `status` says to a person at a terminal."""

import lines
from harness import append, wait_until


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
    assert daemon.verb("status", "CM09").returncode == 3


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
