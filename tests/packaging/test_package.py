"""The packages, the unit and the documents, without installing anything."""

import json
import os
import pathlib
import re
import subprocess

import jsonschema
import pytest
import yaml

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ["BUILD"])
AIWATCH = BUILD / "aiwatch"
SHARE = BUILD / "share"
MANUALS = sorted(SHARE.glob("*.[58]"))
DROP_INS = TOP / "packaging" / "systemd" / "drop-ins"
GOLDEN = TOP / "tests" / "golden" / "config"


def said(*command, **options):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, check=False, **options)
    return done.returncode, done.stdout


# ---- packages ----


def test_lintian_has_no_word():
    changes = next((BUILD / "deb").glob("*.changes"))
    code, out = said("lintian", "--allow-root", "--fail-on", "error,warning", changes)
    assert (code, out) == (0, "")


def test_rpmlint_has_no_word():
    files = [TOP / "packaging/rpm/aiwatch.spec", *(BUILD / "rpm").rglob("*.x86_64.rpm")]
    code, out = said("rpmlint", "-c", TOP / "packaging/rpm/rpmlint.toml", *files)
    assert code == 0 and "0 errors, 0 warnings" in out, out


def without_debians_own(paths):
    """Files as `make install prefix=/usr` would name them."""
    return {path.replace("/usr/lib/systemd", "/lib/systemd").removesuffix(".gz") for path in paths
            if not path.startswith("/usr/share/doc/")}


def in_deb():
    lines = said("dpkg-deb", "-c", next((BUILD / "deb").glob("aiwatch_*.deb")))[1].splitlines()
    return without_debians_own(line.split()[5][1:] for line in lines if not line.startswith("d"))


def test_both_packages_hold_the_same_files():
    rpm = next((BUILD / "rpm").rglob("aiwatch-[0-9]*.rpm"))
    in_rpm = without_debians_own(said("rpm", "-qpl", "--noglob", rpm)[1].splitlines())
    assert in_deb() <= in_rpm


def test_make_install_installs_what_the_package_does(tmp_path):
    code, out = said("make", "-C", TOP, "install", f"BUILD={BUILD}", "prefix=/usr",
                     f"DESTDIR={tmp_path}")
    assert code == 0, out
    installed = {str(path).removeprefix(str(tmp_path)) for path in tmp_path.rglob("*")
                 if path.is_file()}
    assert without_debians_own(installed) == in_deb()


# ---- the unit ----


def unit(folder, *drop_ins):
    """The unit in a folder of its own, naming the binary that was built, with these drop-ins."""
    text = (TOP / "packaging/systemd/aiwatch.service").read_text()
    (folder / "aiwatch.service").write_text(text.replace("/usr/bin/aiwatch", str(AIWATCH)))
    (folder / "aiwatch.service.d").mkdir()
    for name in drop_ins:
        (folder / "aiwatch.service.d" / name).write_text((DROP_INS / name).read_text())
    return folder / "aiwatch.service"


@pytest.mark.parametrize("drop_in", [None, *sorted(p.name for p in DROP_INS.glob("*.conf"))])
def test_unit_verifies(tmp_path, drop_in):
    path = unit(tmp_path, *([drop_in] if drop_in else []))
    code, out = said("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path)
    # What other units of this host are said to have wrong is not ours.
    assert code == 0 and "aiwatch" not in out, out


@pytest.mark.parametrize("drop_in, limit", [
    (None, 1.3), ("allow-list.conf", 1.1), ("unix-sockets-only.conf", 0.5), ("read-all.conf", 1.6)])
def test_exposure_is_within(tmp_path, drop_in, limit):
    path = unit(tmp_path, *([drop_in] if drop_in else []))
    _, out = said("systemd-analyze", "security", "--offline=true", "--no-pager", path)
    exposure = float(re.search(r"Overall exposure level for aiwatch.service: ([0-9.]+)", out)[1])
    assert exposure <= limit, out


# ---- manual pages ----


@pytest.mark.parametrize("page", MANUALS, ids=lambda p: p.name)
def test_mandoc_has_no_word(page):
    # Whether the pages referred to are installed here is not the page's matter.
    lines = [line for line in said("mandoc", "-Tlint", page)[1].splitlines()
             if "referenced manual not found" not in line and "outdated mandoc.db" not in line]
    assert lines == []


def snippets():
    for page in MANUALS:
        for number, block in enumerate(re.findall(
                r"^\.Bd -literal -offset indent\n(.*?)^\.Ed$", page.read_text(), re.M | re.S), 1):
            text = block.replace(r"\(aq", "'").replace(r"\-", "-").replace(r"\e", "\\")
            if not text.startswith("["):  # a systemd drop-in
                yield pytest.param(text, id=f"{page.name}-{number}")


@pytest.mark.parametrize("text", snippets())
def test_snippet_is_a_good_configuration(tmp_path, text):
    path = tmp_path / "aiwatch.yml"
    path.write_text(text)
    code, out = said(AIWATCH, "-c", path, "check-config")
    assert code == 0, out
    jsonschema.validate(yaml.safe_load(text), schema())


def test_every_key_and_verb_is_in_a_manual():
    pages = {page.name: said("mandoc", "-Tascii", page)[1] for page in MANUALS}
    text = re.sub(r".\x08", "", " ".join(pages.values()))
    for section in sections(schema()):
        for key in section["properties"]:
            assert re.search(rf"^ +{key}: ", text, re.M), key
    for verb in verbs():
        assert re.search(rf"^ +aiwatch {verb} ", text, re.M), verb


# ---- the schema ----


def schema():
    return json.loads((SHARE / "aiwatch.schema.json").read_text())


def sections(one):
    """The schema's mappings of keys, at any depth."""
    if isinstance(one, dict):
        if one.get("type") in ("object", ["object", "null"]) and "properties" in one:
            if "env" not in one["properties"]:
                yield one
        for value in one.values():
            yield from sections(value)
    elif isinstance(one, list):
        for value in one:
            yield from sections(value)


def test_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())


def is_good(path):
    return not re.match(rf"{re.escape(path.name)}:\d+:\d+: ", path.with_suffix(".expect").read_text())


def loaded(path):
    try:
        return yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        return pytest.skip("PyYAML does not read it")


GOOD = [p for p in sorted(GOLDEN.glob("*.yml")) if is_good(p)]


@pytest.mark.parametrize("path", [TOP / "packaging/etc/aiwatch.yml", TOP / "packaging/etc/rules.yml",
                                  *GOOD], ids=lambda p: p.name)
def test_schema_takes_what_the_program_takes(path):
    jsonschema.validate(loaded(path), schema())


@pytest.mark.parametrize("name", [
    "04-unknown-keys", "06-wrong-types", "07-durations", "08-bounds", "09-sizes", "11-words",
    "12-required", "15-keys-of-another-type"])
def test_schema_refuses_what_the_program_refuses(name):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(loaded(GOLDEN / f"{name}.yml"), schema())


def in_force(text):
    """The example with all that is commented out put in force; its first paragraph is words."""
    return "\n".join(line[2:] for line in text.split("\n\n", 1)[1].splitlines())


def test_example_is_good_with_everything_in_force(tmp_path):
    text = in_force((TOP / "packaging/etc/aiwatch.yml").read_text())
    secret = tmp_path / "secret"
    secret.write_text("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    text = text.replace("/etc/aiwatch/oncall.secret", str(secret))
    assert yaml.safe_load(text).keys() >= {"inputs", "correlation", "sinks"}, text
    path = tmp_path / "aiwatch.yml"
    path.write_text(text)
    code, out = said(AIWATCH, "-c", path, "check-config")
    assert code == 0, out + text
    jsonschema.validate(yaml.safe_load(text), schema())


# ---- completion ----


def verbs():
    return re.findall(r"^  ([a-z-]+) ", said(AIWATCH, "--help")[1].split("options:")[0], re.M)


def completed(*words):
    script = f"""
    . {SHARE}/aiwatch.bash
    COMP_WORDS=({' '.join(repr(w) for w in words)})
    COMP_CWORD={len(words) - 1}
    _aiwatch
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    code, out = said("bash", "-c", script)
    assert code == 0, out
    return out.split()


def test_verbs_are_completed():
    assert set(completed("aiwatch", "")) >= set(verbs())
    assert completed("aiwatch", "check") == ["check-config"]


def test_options_are_completed():
    for verb in verbs():
        for option in re.findall(r"^  (--[a-z-]+)", said(AIWATCH, verb, "--help")[1], re.M):
            assert option in completed("aiwatch", "-c", "file", verb, "--"), (verb, option)


def test_files_are_completed_where_files_are_wanted(tmp_path):
    (tmp_path / "some.log").write_text("")
    assert completed("aiwatch", "scan", f"{tmp_path}/so") == [f"{tmp_path}/some.log"]
    assert completed("aiwatch", "status", f"{tmp_path}/so") == []
