"""What only looks like it never becomes `expired` or `certificate_suspect`, wherever it stands.

Every look-alike of the domain (and the lines themselves, where they are quoted) as lines of their
own, as what continues a record, and as an echo inside another record: the product is generated, and
run by `aiwatch test-rules`. All lines are synthetic but the published texts of L1 to L3.
"""

import itertools
import json
import subprocess

import pytest

from harness import AIWATCH

SERVICE = "Asset Intelligence Catalog Sync Service"
DATE = "2015-06-19 03:00:01: "
L1 = f"{SERVICE} Warning: 0 : {DATE}WebException trying to enroll: Status = ProtocolError"
L2 = (f"{SERVICE} Error: 0 : {DATE}Exception attempting sync - "
      "The request failed with HTTP status 403: Forbidden.")
L3 = (f"{SERVICE} Error: 0 :{DATE}Exception attempting sync \u2013 "
      "The request failed with HTTP status 403: Forbidden.")
CONSOLE = ["Expired credentials/certificate/token.  Need to re-provision online account.",
           "Connection Failed - bad certificate"]

SUSPECT = ["certificate_suspect firing"]
EXPIRED = ["certificate_expired firing"]


def sync(text):
    return f"{SERVICE} Error: 0 : {DATE}Exception attempting sync - {text}"


def enroll(status):
    return f"{SERVICE} Warning: 0 : {DATE}WebException trying to enroll: Status = {status}"


# Name, the lines, and the alerts that section 6 of the design has for them as lines of the service.
LOOK_ALIKES = [
    *((f"L1 and {number}", [L1, sync(f"The request failed with HTTP status {number}: x.")], [])
      for number in (401, 404, 407, 500, 502, 503)),
    *((f"403 that is not expiry: {why}", [sync(f"The request failed with HTTP status 403: {why}")],
       SUSPECT)
      for why in ("Forbidden (IP address rejected)", "Client certificate revoked")),
    *((status, [enroll(status)], [])
      for status in ("NameResolutionFailure", "ProxyNameResolutionFailure", "ConnectFailure",
                     "Timeout", "ReceiveFailure", "SendFailure", "ConnectionClosed",
                     "KeepAliveFailure", "RequestCanceled", "ServerProtocolViolation",
                     "RequestProhibitedByProxy", "UnknownError", "TrustFailure",
                     "SecureChannelFailure")),
    ("enrolment starting over, then the proxy",
     [f"{SERVICE} Information: 0 : {DATE}Starting enrollment", enroll("RequestProhibitedByProxy"),
      sync("The request failed with HTTP status 407: Proxy Authentication Required.")], []),
    ("a page of a proxy",
     [sync("Client found response content type of 'text/html; charset=utf-8', but expected "
           "'text/xml'."),
      "The request failed with the error message:", "--",
      "<html><title>403 Forbidden</title>HTTP status 403", "--."], []),
    ("a page of a proxy on one line",
     [sync("Client found response content type of 'text/html', but expected 'text/xml'. "
           "<html>HTTP Error 403.13 - Forbidden")], []),
    ("amtopmgr", ["HTTP status 403: Forbidden. The certificate has expired."], []),
    ("SMS_Cloud_ProxyConnector",
     ["Web exception for message <message ID>: System.Net.WebException: The remote server returned "
      "an error: (403) Forbidden.~~ at System.Net.HttpWebRequest.EndGetResponse()",
      "ERROR INFO: StatusCode= 403 StatusText= CMGConnector_Clientcertificaterequired"], []),
    ("LocationServices",
     ["<![LOG[[CCMHTTP] ERROR: HTTP status 403, certificate will expire]LOG]!>"
      '<time="14:24:33.329+420" date="06-26-2015" component="LocationServices" context="" '
      'type="3" thread="1256" file="a.cpp:1">'], []),
    ("site server", [L2 + "  $$<SMS_AI_KB_MANAGER><06-19-2015 03:00:01.123+00><thread=1 (0x1)>"],
     []),
    ("L1", [L1], SUSPECT),
    ("L2", [L2], SUSPECT),
    ("L3", [L3], SUSPECT),
    ("L1 and L2", [L1, L2], EXPIRED),
    ("the console says expired", [f"{SERVICE} Error: 0 : {DATE}{CONSOLE[0]}"], EXPIRED),
    ("the console says bad", [f"{SERVICE} Error: 0 : {DATE}{CONSOLE[1]}"], SUSPECT),
]

# Records of the service (and others) that hold the text of somebody else, {} in it.
ECHOES = [
    *(f"{SERVICE} {severity}: 0 : {date}{quote}"
      for severity, date, quote in itertools.product(
          ("Error", "Warning", "Information"),
          (DATE, "6/19/2015 3:00:01 AM: ", "fredag den 19 juni 2015 kl. 03:00:01: ", ""),
          ("note: {}", 'ticket 4711 says "{}"', "> {}", "operator wrote at 3:00: {}", "[{}]"))),
    "MinidumpUploader.exe Error: 0 : 2015-06-19 03:00:01: {}",
    "Ticket 4711: {}",
    "aiwatch[12]: CM01: certificate expired, re-provision needed evidence=\"{}\"",
    "2015-06-19T03:00:02Z loghost aiwatch[12]: CM01: certificate expired evidence=\"{}\"",
    "<13>1 2015-06-19T03:00:02Z loghost tickets 12 - - Ticket 4711: {}",
    '{{"message": "note: {}", "host": "CM01"}}',
]

# How a line goes on that belongs to the record before it.
INDENTS = ["    ", "\t", "   at ", "> ", '"', "Callstack=", "--> "]


def message(line):
    """What the service says in a line, without frame and date; the line where it has none."""
    return line.split(DATE, 1)[-1]


def as_lines():
    for name, lines, alerts in LOOK_ALIKES:
        yield name, lines, alerts


def as_continuation():
    for (name, lines, _), indent in itertools.product(LOOK_ALIKES, INDENTS):
        for severity in ("Information", "Error"):
            head = f"{SERVICE} {severity}: 0 : {DATE}Something happened"
            yield name, [head] + [indent + line for line in lines], []
            yield name, [head] + [indent + message(line) for line in lines], []
    for name, lines, _ in LOOK_ALIKES:
        yield name, [f"{SERVICE} Error: 0 : {DATE}Something"] + [message(x) for x in lines], []


def as_echo():
    for (name, lines, _), echo in itertools.product(LOOK_ALIKES, ECHOES):
        quoted = [line.replace('"', "'") for line in lines]
        yield name, [echo.format(line) for line in quoted], []
        yield name, [echo.format(message(line)) for line in quoted], []


@pytest.mark.parametrize("position", [as_lines, as_continuation, as_echo])
def test_no_look_alike_is_evidence(tmp_path, position):
    # given a case for each; an hour later every window is over
    cases = [{"case": name, "site": "CM01", "lines": [*lines, {"wait": "1h"}],
              "expect": {"alerts": alerts}} for name, lines, alerts in position()]
    paths = []
    for i in range(0, len(cases), 500):
        paths.append(tmp_path / f"{i}.yml")
        paths[-1].write_text(json.dumps(cases[i:i + 500], indent=1))
    # when they run, then nothing is alerted but what the design has for the service's own lines
    done = subprocess.run([AIWATCH, "test-rules", *paths], capture_output=True, text=True,
                          timeout=120)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAIL", " "))]
    assert done.returncode == 0, "\n".join(failed[:40]) + done.stderr
    assert done.stdout.rstrip().endswith(f"{len(cases)} passed, 0 failed")
