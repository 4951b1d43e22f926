"""`scan` on what is known: the real lines in ten date styles, and all that only looks like them.

The texts of the service are real; dates, and sentences put behind the dash, are synthetic.
"""

import gzip
import json

import pytest

from harness import aiwatch, append
from lines import enroll_failed, l1, l2, l3, pair, sample, sync_failed

DATES = {
    "en-US": ("6/19/2015 3:00:01 AM", "6/19/2015 3:00:02 AM"),
    "en-GB": ("19/06/2015 03:00:01", "19/06/2015 03:00:02"),
    "de-DE": ("19.06.2015 03:00:01", "19.06.2015 03:00:02"),
    "nl-NL": ("19-6-2015 03:00:01", "19-6-2015 03:00:02"),
    "iso": ("2015-06-19T03:00:01", "2015-06-19T03:00:02"),
    "iso-z": ("2015-06-19T03:00:01Z", "2015-06-19T03:00:02Z"),
    "iso-offset": ("2015-06-19 03:00:01 +02:00", "2015-06-19 03:00:02 +02:00"),
    "rfc-1123": ("Fri, 19 Jun 2015 03:00:01 GMT", "Fri, 19 Jun 2015 03:00:02 GMT"),
    "long-en": ("Friday, June 19, 2015 3:00:01 AM", "Friday, June 19, 2015 3:00:02 AM"),
    "ja-JP": ("2015/06/19 3:00:01", "2015/06/19 3:00:02"),
}


def scan(folder, text, name="AIUpdateSvc.log"):
    path = f"{folder}/CM01/{name}"
    append(path, text)
    plain = aiwatch("scan", path)
    done = aiwatch("scan", "--json", path)
    assert done.returncode == plain.returncode
    return path, done.returncode, json.loads(done.stdout), plain.stdout


@pytest.mark.parametrize("style", DATES)
def test_01_the_two_lines_are_found_in_each_date_style(folder, style):
    first, second = DATES[style]
    path, code, document, text = scan(folder, l1(first) + l2(second))

    assert code == 2
    assert document["version"] == 1
    assert document["verdict"] == "expired"
    assert [file["path"] for file in document["files"]] == [path]
    (site,) = document["sites"]
    assert site["state"] == "expired"
    evidence = site["incidents"][-1]["evidence"]
    assert [(item["event"], item["file"], item["offset"]) for item in evidence] == [
        ("enroll_rejected", path, 0), ("sync_forbidden", path, len(l1(first)))]
    assert path in text and str(len(l1(first))) in text
    assert "expired" in text and "KB 4054234" in text


@pytest.mark.parametrize("style", ["en-GB", "de-DE", "nl-NL", "iso", "rfc-1123", "long-en"])
def test_02_the_date_is_understood_where_it_can_be(folder, style):
    first, second = DATES[style]
    _, _, document, _ = scan(folder, l1(first) + l2(second))
    (site,) = document["sites"]
    assert site["incidents"][-1]["started_at"].startswith("2015-06-1"), style


def test_03_the_published_texts_as_they_stand(folder):
    assert scan(folder, sample("ai-ms-blog-2015.log"))[1] == 2


def test_04_the_other_published_spelling_alone_is_suspect(folder):
    _, code, document, _ = scan(folder, sample("ai-kb-2015-via-faqshop.log"))
    assert code == 1
    assert document["verdict"] == "suspect"


def test_05_the_other_spelling_pairs_with_the_first_line(folder):
    assert scan(folder, l1() + l3())[1] == 2


LOOK_ALIKES = {
    "first line alone": l1(),
    "proxy sign-in": l1() + sync_failed("The request failed with HTTP status 407: Proxy "
                                        "Authentication Required."),
    "401": l1() + sync_failed("The request failed with HTTP status 401: Unauthorized."),
    "404": l1() + sync_failed("The request failed with HTTP status 404: Not Found."),
    "503": l1() + sync_failed("The request failed with HTTP status 503: Service Unavailable."),
    "403 alone": l2(),
    "a proxy's page": l1() + sync_failed(
        "Client found response content type of 'text/html; charset=utf-8', but expected "
        "'text/xml'.\r\nThe request failed with the error message:\r\n--\r\n<html><title>403 - "
        "Forbidden</title></html>\r\n--."),
    "another product's 403": sample("dotnet-soap-403-dynamics-kb4483440.log"),
    "another component's 403": sample("lookalike-cmg-proxyconnector-403.log"),
    "another listener": sample("tracelistener-minidumpuploader-2017.log"),
    "CMTrace": sample("cmtrace-ccm-smsts-2015.log"),
    "CMTrace that quotes the pair": "".join(
        f'<![LOG[{line}]LOG]!><time="14:24:33.329+420" date="06-26-2015" component="X" context="" '
        'type="1" thread="1" file="x.cpp:1">\r\n' for line in pair().splitlines()),
    "a ticket that quotes the pair": "".join(
        f"Ticket 4711: the customer writes: {line}\r\n" for line in pair().splitlines()),
    "our own alert": "Jun 19 03:00:02 loghost aiwatch[77]: CM01: certificate expired, "
                     f're-provision needed text="{l2().strip()}"\r\n',
    "another source": pair().replace("Asset Intelligence Catalog Sync Service", "Sync.exe"),
}
for status in ("NameResolutionFailure", "ProxyNameResolutionFailure", "ConnectFailure", "Timeout",
               "ReceiveFailure", "SendFailure", "ConnectionClosed", "KeepAliveFailure",
               "RequestCanceled", "ServerProtocolViolation", "RequestProhibitedByProxy",
               "UnknownError", "TrustFailure", "SecureChannelFailure"):
    LOOK_ALIKES[status] = enroll_failed(status) + sync_failed("Unable to connect to the remote "
                                                              "server")


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_06_a_look_alike_is_never_called_expired(folder, name):
    _, code, document, text = scan(folder, LOOK_ALIKES[name])

    assert code in (0, 1, 3)
    assert document["verdict"] != "expired"
    assert all(site["state"] != "expired" for site in document["sites"])
    assert all(incident["kind"] != "certificate_expired"
               for site in document["sites"] for incident in site["incidents"])
    assert "certificate expired" not in text


def test_07_a_look_alike_of_other_components_is_no_record_of_the_service(folder):
    for number, name in enumerate(["another component's 403", "another listener", "CMTrace"]):
        _, code, document, _ = scan(f"{folder}/{number}", LOOK_ALIKES[name])
        assert (code, document["verdict"]) == (3, "unknown"), name


def test_08_the_cause_of_another_failure_is_named(folder):
    _, code, document, text = scan(folder, LOOK_ALIKES["proxy sign-in"])
    (site,) = document["sites"]
    assert (code, site["state"]) == (1, "failing")
    assert "407" in text


def test_09_a_site_is_named_by_its_folder_and_can_be_asked_for(folder):
    path, _, document, _ = scan(folder, pair())
    assert [site["site"] for site in document["sites"]] == ["CM01"]
    append(f"{folder}/CM02/AIUpdateSvc.log", l2())
    one = json.loads(aiwatch("scan", "--json", "--site", "CM02", path,
                             f"{folder}/CM02/AIUpdateSvc.log").stdout)
    assert [site["site"] for site in one["sites"]] == ["CM02"]


def test_10_two_pairs_are_one_incident_with_two_attempts(folder):
    _, _, document, _ = scan(folder, pair("6/19/2015 3:00:01 AM") + pair("6/19/2015 3:15:01 AM"))
    (site,) = document["sites"]
    (incident,) = [item for item in site["incidents"] if item["kind"] == "certificate_expired"]
    assert incident["occurrences"] == 2
    assert incident["ended_at"] is None


def test_11_syslog_round_the_lines_names_the_site(folder):
    text = "".join(f"Jun 19 03:00:0{n} CM05 {line}\r\n"
                   for n, line in enumerate(pair().splitlines()))
    _, code, document, _ = scan(folder, text)
    assert code == 2
    assert [site["site"] for site in document["sites"]] == ["CM05"]


def test_12_json_round_the_lines_names_the_site(folder):
    text = "".join(json.dumps({"Host": "CM05", "Message": line}) + "\n"
                   for line in pair().splitlines())
    _, code, document, _ = scan(folder, text)
    assert code == 2
    assert [site["site"] for site in document["sites"]] == ["CM05"]


def test_13_explain_says_why_for_each_record(folder):
    path = f"{folder}/CM01/AIUpdateSvc.log"
    append(path, pair() + sample("cmtrace-ccm-smsts-2015.log"))
    done = aiwatch("explain", "--json", path)
    assert done.returncode == 0
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(record["offset"], record["event"]) for record in records] == [
        (0, "enroll_rejected"), (len(l1()), "sync_forbidden"), (len(pair()), None)]
    assert all(record["why"] for record in records)
    assert aiwatch("explain", path).returncode == 0


OTHER = "Asset Intelligence Catalog Sync Service Information: 0 : 6/19/2015 3:00:01 AM: Started.\r\n"


def test_14_records_that_no_rule_knows_are_no_good_news(folder):
    """Given records of the service, none that a rule knows, then that is what is said."""
    _, code, document, text = scan(folder, OTHER)
    assert code == 0
    assert [site["state"] for site in document["sites"]] == ["unknown"]
    assert text.splitlines()[-1] == ("nothing was recognised: there are records of the service, "
                                     "but none that a rule knows; the state is unknown")
    assert "all well" not in text
    page = aiwatch("scan", "--html", "-", folder + "/CM01/AIUpdateSvc.log").stdout
    assert "<h1>Nothing was recognised</h1>" in page


def test_15_a_rotated_log_that_was_compressed_is_found(folder):
    """Given what logrotate makes of `extension .log`, `dateext` and `compress`, then it is read."""
    path = f"{folder}/CM01/AIUpdateSvc-20261123.log.gz"
    append(f"{folder}/CM01/AIUpdateSvc.log", OTHER)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        file.write(pair())

    done = aiwatch("scan", "--json", "--site", "cm01", folder)

    assert done.returncode == 2
    (site,) = json.loads(done.stdout)["sites"]
    assert site["site"] == "CM01"
    assert [item["file"] for item in site["incidents"][0]["evidence"]] == [path, path]


def test_16_no_date_is_not_the_time_of_the_scan(folder):
    """Given dates that may be two days each, then since when is not known."""
    _, code, document, text = scan(folder, pair("4/5/2015 3:00:01 AM"))

    assert code == 2
    (site,) = document["sites"]
    assert (site["since"], site["incidents"][0]["started_at"]) == (None, None)
    assert "CM01  expired since: not known" in text and "(no date read)" in text
    page = aiwatch("scan", "--html", "-", folder + "/CM01/AIUpdateSvc.log").stdout
    assert "no readable time" in page
