"""What the documents show is valid: the example configuration, also uncommented, and the README's."""

import json
import os
import re

from harness import TOP, aiwatch


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def check(folder, text):
    """check-config, with the secret that the text names standing in the folder."""
    secret = os.path.join(folder, "secret")
    with open(secret, "w", encoding="utf-8") as file:
        file.write("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    os.chmod(secret, 0o600)
    path = os.path.join(folder, "aiwatch.yml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"\{file: [^}]*\}", "{file: %s}" % secret, text))
    return aiwatch("-c", path, "check-config")


def test_01_the_example_is_valid():
    done = aiwatch("-c", os.path.join(TOP, "packaging/etc/aiwatch.yml"), "check-config")
    assert done.returncode == 0, done.stdout + done.stderr


def test_02_the_example_is_valid_when_all_of_it_is_uncommented(folder):
    _, rows = read("packaging/etc/aiwatch.yml").split("\n\n", 1)
    text = re.sub(r"^# ?", "", rows, flags=re.MULTILINE)
    assert "webhook" in text
    done = check(folder, text)
    assert done.returncode == 0, done.stdout + done.stderr


def test_03_the_readme_shows_a_valid_configuration(folder):
    blocks = re.findall(r"```yaml\n(.*?)```", read("README.md"), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        done = check(folder, block)
        assert done.returncode == 0, done.stdout + done.stderr


def test_04_the_readme_names_every_verb_and_no_other():
    rows = re.findall(r"^\| (`aiwatch .*?) \|", read("README.md"), flags=re.MULTILINE)
    named = {verb for row in rows for verb in re.findall(r"`aiwatch ([a-z-]+)", row)}
    verbs = aiwatch("--help").stdout.split("verbs:\n")[1].split("\n\n")[0]
    assert named == set(re.findall(r"^  ([a-z-]+)", verbs, flags=re.MULTILINE))


def test_names_of_alerts_are_all_in_the_manual(folder):
    page = read("packaging/man/aiwatch-alerts.5.in")
    names = re.findall(r'\[(?:SITE|ALERT|RESOLUTION)_\w+\] = \{?"(\w+)"',
                       read("daemon/engine/alert.c"))
    assert {"healthy", "certificate_suspect", "critical", "quiet"} <= set(names)
    config = os.path.join(folder, "aiwatch.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("sinks: [{name: screen, type: stdout}]\n")
    lines = aiwatch("-c", config, "test-alert").stdout.splitlines()
    document = next(json.loads(line) for line in lines if line.startswith("{"))
    words = set(re.findall(r"\w+", page.replace("Critical:", "critical")
                           .replace("Warning", "warning").replace("Info:", "info")))
    assert set(names) <= words
    assert set(document) <= words
