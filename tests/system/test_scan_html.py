"""`scan --html`: a report that one can mail."""

import html.parser
import os

import pytest

from harness import SLOWNESS, aiwatch, append
from lines import l1, l2, l3, pair
from web import Browser


class Tags(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attributes]


def scan(folder, *arguments, code=2):
    """The report on all that stands below the folder."""
    path = os.path.join(folder, "report.html")
    done = aiwatch("scan", "--html", path, *arguments, os.path.join(folder, "logs"))
    assert done.returncode == code, done.stderr
    with open(path, encoding="utf-8") as file:
        return file.read(), done


def log(folder, site, text):
    append(os.path.join(folder, "logs", site, "AIUpdateSvc.log"), text)


def test_01_the_report_has_sites_evidence_history_and_advice(folder):
    log(folder, "CM01", pair())
    log(folder, "CM02", l3())
    text, done = scan(folder)
    assert "The certificate has expired" in text
    assert text.index("CM01") < text.index("CM02")
    assert text.count("<rect class=\"certificate_expired\"") == 1
    assert text.count("<rect class=\"certificate_suspect\"") == 1
    assert "KB 3207852" in text and "2015-06-19 " in text
    assert "CM01" in done.stdout, "the report for people is printed, too"


def test_02_it_fetches_nothing_and_runs_nothing(folder):
    log(folder, "CM01", pair())
    text, _ = scan(folder)
    tags = Tags(text)
    assert not {"script", "link", "img", "iframe", "a", "object"} & set(tags.tags)
    assert not [name for name in tags.attributes if name.startswith("on") or name in ("src", "href")]
    assert "default-src 'none'" in text and "@import" not in text and "url(" not in text


def test_03_whatever_a_line_or_a_name_holds_is_text(folder):
    log(folder, "<img src=x onerror=alert(1)>\"'&",
        l1() + l2().strip() + " </code><script>alert(1)</script><img src=x onerror=alert(1)>\r\n")
    text, _ = scan(folder)
    tags = Tags(text)
    assert not {"script", "img"} & set(tags.tags) and "onerror" not in tags.attributes
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_04_dash_is_standard_output_and_nothing_else_is_printed(folder):
    log(folder, "CM01", pair())
    done = aiwatch("scan", "--html", "-", os.path.join(folder, "logs"))
    assert done.returncode == 2
    assert done.stdout.startswith("<!doctype html>") and done.stdout.endswith("</html>\n")


def test_05_a_file_that_cannot_be_written_is_named(folder):
    log(folder, "CM01", pair())
    done = aiwatch("scan", "--html", f"{folder}/none/x.html", os.path.join(folder, "logs"))
    assert done.returncode == 3
    assert f"cannot write {folder}/none/x.html" in done.stderr


@pytest.mark.skipif(SLOWNESS > 1, reason="the report is the same in every build")
def test_06_it_can_be_read_by_everyone(folder):
    log(folder, "CM01", pair())
    log(folder, "a-site-with-a-long-name." * 8, l3())
    scan(folder)
    browser = Browser()
    try:
        for theme in ("light", "dark"):
            browser.open(f"file://{folder}/report.html", width=340, theme=theme)
            assert browser.axe() == []
            assert browser.run("return document.documentElement.scrollWidth") <= 340
        assert browser.complaints() == []
    finally:
        browser.close()
