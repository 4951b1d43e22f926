"""Lines of the service, made from the published texts in tests/data/samples.

The texts are real; each date put into them is synthetic.
"""

import os

from harness import TOP

SAMPLES = os.path.join(TOP, "tests/data/samples")


def sample(name):
    with open(os.path.join(SAMPLES, name), encoding="utf-8", newline="") as file:
        return file.read()


L1_REAL, L2_REAL = sample("ai-ms-blog-2015.log").splitlines()
L3_REAL = sample("ai-kb-2015-via-faqshop.log").splitlines()[0]

DATE = "6/19/2015 3:00:01 AM"


def l1(date=DATE):
    """Enrolment rejected."""
    return L1_REAL.replace("<date>", date) + "\r\n"


def l2(date=DATE):
    """Sync forbidden."""
    return L2_REAL.replace("<date>", date) + "\r\n"


def l3(date=DATE):
    """Sync forbidden, in the other published spelling."""
    return L3_REAL.replace("<Log Date>", date) + "\r\n"


def pair(date=DATE):
    return l1(date) + l2(date)


def succeeded(date="6/19/2015 4:00:01 AM"):
    """Synthetic: the wording of a success is not known."""
    return l1(date).split(" Warning")[0] + f" Information: 0 : {date}: Sync succeeded\r\n"


def enroll_failed(status, date=DATE):
    """The first line with another status of .NET's WebExceptionStatus."""
    return l1(date).replace("ProtocolError", status)


def sync_failed(words, date=DATE):
    """The second line with another sentence behind the dash."""
    return l2(date).replace("The request failed with HTTP status 403: Forbidden.", words)
