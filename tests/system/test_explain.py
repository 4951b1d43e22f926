"""`explain`: what it says of each record, as a document and for a person.

The texts of the service are real; dates and what stands round them are synthetic.
"""

import gzip
import json
import os

import pytest

from harness import aiwatch
from lines import l1, l2, sync_failed

RIGHT_TO_LEFT = "\u202e"


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def explain(folder, text, *arguments, encoding="utf-8", name="AIUpdateSvc.log"):
    path = f"{folder}/CM01/{name}"
    write(path, text.encode(encoding))
    done = aiwatch("explain", "--json", *arguments, path)
    assert done.returncode == 0, done.stderr
    return path, [json.loads(line) for line in done.stdout.splitlines()]


def test_01_each_line_is_one_object_with_all_its_fields(folder):
    path, (first, second, third) = explain(folder, l1() + "   at System.Net\r\n" + l2())

    assert set(first) == {"version", "file", "offset", "envelope", "envelope_time",
                          "site", "frame", "time", "time_as", "event", "rule", "cause", "why", "text"}
    assert (first["version"], first["file"], first["offset"]) == (1, path, 0)
    assert (first["envelope"], first["site"]) == ("plain", "CM01")
    assert first["frame"] == {"source": "Asset Intelligence Catalog Sync Service",
                              "severity": "Warning", "id": 0}
    assert first["event"] == first["rule"] == "enroll_rejected"
    assert "month first" in first["time_as"]
    assert first["text"] == l1().rstrip("\r\n")
    assert (second["frame"], second["event"], second["time"]) == (None, None, None)
    assert "continues" in second["why"]
    assert third["event"] == "sync_forbidden"
    assert third["offset"] == len(l1()) + len("   at System.Net\r\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32"])
def test_02_every_encoding_is_told_by_the_file(folder, encoding):
    _, records = explain(folder, l1() + l2(), encoding=encoding)
    assert [record["event"] for record in records] == ["enroll_rejected", "sync_forbidden"]


def test_03_the_file_decides_day_and_month(folder):
    dates = ["05/06/2015 03:00:00", "13/06/2015 03:00:00", "01/07/2015 03:00:00"]
    _, records = explain(folder, "".join(l2(date) for date in dates))
    assert [record["time"] and record["time"][:10] for record in records][1:] == [
        "2015-06-13", "2015-07-01"]
    assert records[0]["time"] is None and "told apart yet" in records[0]["time_as"]
    assert "by a number over 12" in records[1]["time_as"]
    assert "as the file has shown" in records[2]["time_as"]


def test_04_the_nearest_miss_is_named(folder):
    miss = l1().replace("trying to enroll", "trying to enrol")
    _, (record,) = explain(folder, miss)
    assert record["event"] is None
    assert "nearest is enroll_rejected" in record["why"]


def test_04a_json_by_the_keys_of_the_configuration(folder):
    config = f"{folder}/aiwatch.yml"
    write(config, f"""
inputs:
  - name: lake
    paths: "{folder}/**/AIUpdateSvc.log"
    json: {{message: [event.raw, body], host: origin}}
""".encode())
    lines = [{"body": l2().rstrip(), "message": "no", "origin": "CM07"},
             {"event": {"raw": l2().rstrip()}, "host": "CM08"}]
    _, records = explain(folder, "".join(json.dumps(line) + "\n" for line in lines), "-c", config)
    assert [(record["site"], record["event"]) for record in records] == [
        ("CM07", "sync_forbidden"), ("CM08", "sync_forbidden")]


def test_05_the_cause_stands_beside_the_event(folder):
    _, (record,) = explain(folder, sync_failed("The request failed with HTTP status 503: x."))
    assert (record["event"], record["cause"]) == ("sync_failed", "HTTP 503")


def test_06_many_sites_in_one_file(folder):
    text = "".join(f"Jun 19 03:00:0{i} CM0{i} aiupdate: " + l1().replace("\r", "#015")
                   for i in range(3))
    _, records = explain(folder, text)
    assert [record["site"] for record in records] == ["CM00", "CM01", "CM02"]
    assert {record["envelope"] for record in records} == {"rfc3164"}


def test_06a_the_envelope_s_own_time_by_a_key_of_ones_own(folder):
    config = f"{folder}/aiwatch.yml"
    write(config, b"inputs: [{name: x, paths: [/var/log/x.log], json: {message: m, time: sent.at}}]\n")
    line = json.dumps({"m": l1().rstrip(), "sent": {"at": 1434682800}}) + "\n"
    _, (record,) = explain(folder, line, "-c", config)
    assert (record["envelope"], record["envelope_time"]) == ("json", "2015-06-19T03:00:00Z")
    done = aiwatch("explain", "-c", config, f"{folder}/CM01/AIUpdateSvc.log")
    assert "json, 2015-06-19T03:00:00Z" in done.stdout


def test_07_a_compressed_file_is_read_through(folder):
    path = f"{folder}/CM01/AIUpdateSvc.log.1.gz"
    write(path, gzip.compress((l1() + l2()).encode()))
    done = aiwatch("explain", "--json", path)
    events = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert events == ["enroll_rejected", "sync_forbidden"]


def test_08_nothing_in_a_line_reaches_the_terminal_raw(folder):
    hostile = l2().replace("Forbidden", f"\x1b[31m{RIGHT_TO_LEFT}\x9b31m\x00x")
    path, (record,) = explain(folder, hostile)
    plain = aiwatch("explain", path)
    assert record["event"] == "sync_forbidden"
    for text in (record["text"], plain.stdout):
        assert not {"\x1b", RIGHT_TO_LEFT, "\x9b", "\x00"} & set(text)
    assert "sync_forbidden, by rule sync_forbidden" in plain.stdout


def test_09_what_cannot_be_read_is_said_in_one_sentence(folder):
    done = aiwatch("explain", f"{folder}/nothing.log")
    assert done.returncode == 1
    assert done.stderr.count("\n") <= 2 and "nothing.log" in done.stderr
    assert aiwatch("explain", "a", "b").returncode == 64
    assert aiwatch("explain", "--input", "nobody", folder).returncode == 64
