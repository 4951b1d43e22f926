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


def test_missing_file_is_one_sentence(tmp_path):
    done = run(tmp_path / "none.yml")
    assert done.returncode == 1
    assert "none.yml: cannot be read: No such file or directory" in done.stderr
    assert done.stdout == "0 passed, 1 failed\n"
