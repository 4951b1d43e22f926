"""`aiwatch test-rules`: cases in YAML, run by the real binary."""

import pathlib
import subprocess

from harness import AIWATCH

CASES = pathlib.Path(__file__).parent.parent / "data" / "rules"


def run(*arguments):
    return subprocess.run([AIWATCH, "test-rules", *map(str, arguments)],
                          capture_output=True, text=True, timeout=60)


def test_shipped_cases_pass():
    # given the cases beside the tests, when they run, then all pass and the exit code says so
    done = run(*sorted(CASES.glob("*.yml")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith(", 0 failed")


def test_difference_is_shown(tmp_path):
    # given a case that expects what does not come
    case = tmp_path / "case.yml"
    case.write_text((CASES / "pair.yml").read_text().replace(
        "states: [enroll_rejected, expired]", "states: [enroll_rejected, healthy]"))
    # when it runs
    done = run(case)
    # then the exit code is 1, and the place, what is missing and what came instead are shown
    assert done.returncode == 1
    assert f"FAIL {case}:2: both lines of one attempt" in done.stdout
    assert "      - healthy\n      + expired\n" in done.stdout


def test_bad_case_is_one_sentence_with_its_place(tmp_path):
    # given a file with an unknown key, when it runs, then the place and the keys there are are named
    case = tmp_path / "case.yml"
    case.write_text("- case: a\n  lins: []\n")
    done = run(case)
    assert done.returncode == 1
    assert f'{case}:2:3: unknown key "lins": a case has case, site, lines and expect' in done.stderr


def test_doubled_key_is_one_sentence_with_its_place(tmp_path):
    # given a case, a step and an expectation that say one thing twice, when each runs, then the
    # second is named
    case = tmp_path / "case.yml"
    for text, place in (
            ("- case: a\n  lines: [x, y, z]\n  lines: [x]\n  expect: {events: []}\n", "3:3"),
            ("- case: a\n  lines: [{line: x, line: y}]\n  expect: {events: []}\n", "2:21"),
            ("- case: a\n  lines: [x]\n  expect: {events: [], events: []}\n", "3:24")):
        case.write_text(text)
        done = run(case)
        assert done.returncode == 1
        assert f'{case}:{place}: doubled key "' in done.stderr


def test_configuration_without_inputs_is_one_sentence(tmp_path):
    config = tmp_path / "aiwatch.yml"
    config.write_text("inputs: []\n")
    done = subprocess.run([AIWATCH, "-c", config, "test-rules", CASES / "pair.yml"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "the configuration has no input" in done.stdout


def test_missing_file_is_one_sentence(tmp_path):
    done = run(tmp_path / "none.yml")
    assert done.returncode == 1
    assert "none.yml: cannot be read: No such file or directory" in done.stderr
    assert done.stdout == "0 passed, 1 failed\n"


def test_file_that_is_too_long_is_one_sentence(tmp_path):
    case = tmp_path / "case.yml"
    case.write_text("- case: a\n  lines: []\n" * 60000)
    done = run(case)
    assert done.returncode == 1
    assert f"{case}: is longer than the 1048576 bytes" in done.stderr


def test_rule_of_the_user_goes_first(tmp_path):
    # given a rule for what a shipped one knows too, one of the same name as a shipped one, and one
    # against the whole record
    config = tmp_path / "aiwatch.yml"
    config.write_text("""
rules:
  - {name: ours, event: sync_failed, pattern: '^Exception attempting sync.*407', cause: ours}
  - {name: sync_failed, event: sync_succeeded, pattern: '^Exception attempting sync - never mind'}
  - {name: page, event: enroll_failed, against: record, pattern: '(?s)^.*<title>', contains: title}
""")
    case = tmp_path / "case.yml"
    head = "Asset Intelligence Catalog Sync Service Error: 0 : 2015-06-19 03:00:01: "
    case.write_text(f"""
- case: each
  lines:
    - "{head}Exception attempting sync - The request failed with HTTP status 407: x."
    - "{head}Exception attempting sync - The request failed with HTTP status 403: x."
    - "{head}Exception attempting sync - never mind"
    - "{head}Exception attempting sync - what else"
    - "<html><title>x</title>"
    - "{head}Well"
  expect:
    events: [sync_failed, sync_forbidden, sync_succeeded, enroll_failed]
""")
    # when the case runs, then the first comes before the shipped ones, the second in its place,
    # and the third last, once its record is whole
    done = subprocess.run([AIWATCH, "-c", config, "test-rules", case], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
