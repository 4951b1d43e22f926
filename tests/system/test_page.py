"""The status page in a real browser."""

import json

import pytest

from harness import SLOWNESS, append, wait_until
from lines import enroll_failed, l1, l2, l3, pair, succeeded
from web import Browser, Web

pytestmark = pytest.mark.skipif(SLOWNESS > 1, reason="the page is the same in every build")


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def web(daemon):
    return Web(daemon)


@pytest.fixture
def five(daemon, web, browser):
    """Five sites, each in another state; the page shows them."""
    daemon.start()
    for site, lines, state in (
            ("CM01", pair(), "expired"), ("CM02", l3(), "sync_forbidden"),
            ("CM03", l1(), "enroll_rejected"),
            ("CM04", enroll_failed("NameResolutionFailure") * 3, "failing"),
            ("CM05", pair() + succeeded(), "healthy")):
        append(daemon.log_path(site), lines)
        daemon.wait_for_state(site, state)
    browser.open(web.url)
    wait_until(lambda: len(browser.all(".row")) == 5, "five rows")
    return browser


def row(browser, name):
    return next(row for row in browser.all(".row")
                if row.find_element("css selector", ".name").text == name)


def open_row(browser, name):
    row(browser, name).find_element("css selector", ".head").click()
    return wait_until(lambda: browser.all(".more .advice"), "the details are there")


def state_groups(browser):
    return browser.run("return [...document.querySelectorAll('.group')].map((group) => "
                       "[group.id.slice(6), [...group.querySelectorAll('.name')].map((n) => n.textContent)])")


def test_01_sites_stand_by_state_the_gravest_first(five):
    assert state_groups(five) == [
        ["expired", ["CM01"]], ["sync_forbidden", ["CM02"]], ["enroll_rejected", ["CM03"]],
        ["failing", ["CM04"]], ["healthy", ["CM05"]]]
    assert five.one("h1").text == "1 sync point needs a new certificate"
    assert "5 sites" in five.one("#detail").text
    assert five.driver.title.startswith("(1) aiwatch")
    assert five.complaints() == []


def test_02_a_site_says_what_stands_why_and_what_to_do(five):
    open_row(five, "CM01")
    text = five.one(".more").text
    assert "KB 3207852" in text and "aiwatch ack CM01" in text
    assert len(five.all(".more .quote")) == 2
    assert "WebException trying to enroll" in five.one(".more .quote code").text
    assert five.one(".more a").get_attribute("href").startswith("https://support.microsoft.com/")
    assert five.driver.current_url.endswith("#site=CM01")


def test_03_the_history_is_a_picture(five):
    """An incident that is over, and one that stands, on the time line of each site."""
    for choice, drawn in (("all", 1), ("1d", 0)):
        five.one(f"input[value='{choice}']").click()
        wait_until(lambda drawn=drawn: len(row(five, "CM05").find_elements(
            "css selector", "svg rect.certificate_expired")) == drawn, f"{choice}: {drawn}")
    assert len(row(five, "CM01").find_elements("css selector", "rect.certificate_expired")) == 1
    assert row(five, "CM01").find_element("css selector", ".timeline").get_attribute(
        "aria-label") == "1 incident in the time shown"


def test_04_it_changes_without_being_loaded_again(five, daemon):
    five.run("window.mark = 'still here'")
    append(daemon.log_path("CM05"), pair("6/20/2015 3:00:01 AM"))
    wait_until(lambda: "CM05" in dict(state_groups(five)).get("expired", []), "CM05 has moved")
    assert five.one("h1").text == "2 sync points need a new certificate"
    assert five.one("#announce").get_attribute("textContent") == "CM05: Certificate expired"
    five.one("input[value='all']").click()
    wait_until(lambda: len(row(five, "CM05").find_elements(
        "css selector", "rect.certificate_expired")) == 2, "its history has grown")
    assert five.run("return window.mark") == "still here"


def test_05_an_open_site_stays_open_and_keeps_the_focus(five, daemon):
    head = row(five, "CM02").find_element("css selector", ".head")
    head.click()
    wait_until(lambda: five.all(".more .quote"), "the details are there")
    append(daemon.log_path("CM02"), l1() + l2())
    wait_until(lambda: "CM02" in dict(state_groups(five)).get("expired", []), "CM02 has moved")
    wait_until(lambda: len(five.all(".more .quote")) > 1, "the new evidence is there")
    assert head.get_attribute("aria-expanded") == "true"


def test_06_a_link_opens_its_site(five, web):
    five.open(web.url + "#site=CM04")
    wait_until(lambda: five.all(".more .advice"), "the details are there")
    assert "DNS" in five.one(".more").text


def test_07_a_filter_and_a_search_leave_what_is_asked_for(five):
    five.one("[data-state=failing]").click()
    assert [state for state, _ in state_groups(five)] == ["failing"]
    five.one("[data-state=failing]").click()
    five.one("#find").send_keys("cm05")
    wait_until(lambda: state_groups(five) == [["healthy", ["CM05"]]], "one is left")
    five.one("#find").send_keys("x")
    wait_until(lambda: five.one("#empty").is_displayed(), "none is left, and it says so")


def test_08_the_keyboard_reaches_everything(five):
    order = []
    for _ in range(24):
        five.driver.switch_to.active_element.send_keys("\ue004")
        order.append(five.run("const e = document.activeElement;"
                              "return e.id || e.dataset.state || e.className || e.name || e.tagName"))
    assert order[0] == "skip"
    for wanted in ("theme", "expired", "healthy", "span", "find", "head"):
        assert wanted in order, order
    five.run("document.querySelector('.head').focus()")
    five.driver.switch_to.active_element.send_keys("\ue007")
    wait_until(lambda: five.all(".more .advice"), "Enter opens a site")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_09_axe_finds_nothing(five, theme):
    five.look(1400, 1000, theme)
    open_row(five, "CM01")
    assert five.axe() == []
    five.look(390, 900, theme)
    assert five.axe() == []


def test_10_the_theme_is_chosen_and_kept(five, web):
    def ground():
        return five.run("return getComputedStyle(document.body).backgroundColor")
    light = ground()
    five.one("#theme").click()
    dark = ground()
    assert light != dark
    five.open(web.url)
    assert ground() == dark
    five.one("#theme").click()
    assert ground() == light
    five.run("localStorage.clear()")


def test_11_a_narrow_screen_needs_no_sideways_scrolling(five):
    for width in (320, 390, 768, 1024):
        five.look(width, 900, "light")
        if not five.all(".more"):
            open_row(five, "CM01")
        assert five.run("return document.documentElement.scrollWidth") <= width, width


HOSTILE = ["<img src=x onerror=\"document.title='HIT'\">", "<script>alert(1)<", "${7*7} {{7*7}}",
           "' ; rm -rf x", "\u202egnp.exe", "x" * 200]


def test_12_whatever_a_name_or_a_line_holds_is_text(daemon, web, browser):
    daemon.start()
    for name in HOSTILE:
        append(daemon.log_path(name), l1() + l2().strip() +
               " <img src=x onerror=\"document.title='HIT'\"> </script><script>"
               "document.title='HIT'</script>\r\n")
    wait_until(lambda: [site["state"] for site in daemon.status()["sites"]] ==
               ["expired"] * len(HOSTILE), "all have expired")
    browser.open(web.url, width=390)
    wait_until(lambda: len(browser.all(".row")) == len(HOSTILE), "all rows")
    for head in browser.all(".head"):
        head.click()
    wait_until(lambda: len(browser.all(".more .quote")) >= 2 * len(HOSTILE), "all details")
    assert set(browser.texts(".name")) >= set(HOSTILE[:4])
    assert browser.run("return document.querySelectorAll('img, .row script').length") == 0
    assert "HIT" not in browser.driver.title
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    assert "aiwatch ack ''\\'' ; rm -rf x'" in browser.texts(".words code")
    assert browser.complaints() == []


def test_13_what_is_not_the_pages_own_does_not_run(five):
    with pytest.raises(Exception, match="TrustedHTML|Trusted"):
        five.run("document.body.innerHTML = '<b>x</b>'")
    five.run("const s = document.createElement('style'); s.textContent = 'body { color: red }';"
             "document.head.append(s)")
    assert five.run("return getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    refused = five.driver.execute_async_script(
        "fetch('http://127.0.0.1:9/').catch((e) => arguments[0](String(e)))")
    assert "Failed to fetch" in refused


def test_14_a_daemon_that_is_away_is_said_and_comes_back(five, daemon):
    daemon.stop()
    wait_until(lambda: five.one("#live").text.startswith("no answer"), "it is said")
    assert "lost" in five.one("#live").get_attribute("class")
    daemon.start()
    wait_until(lambda: five.one("#live").text == "live", "it is live again")


def test_15_trouble_of_the_watcher_itself_is_said(five, daemon):
    daemon.configure(window="never")
    daemon.reload()
    wait_until(lambda: "last reload" in five.one("#notices").text, "the reload's failure is said")


def test_16_a_site_that_falls_silent_is_no_healthy_one(daemon, web, browser):
    daemon.configure(correlation={"silent_after": "2s"})
    daemon.start()
    append(daemon.log_path("CM01"), succeeded())
    daemon.wait_for_state("CM01", "healthy")
    browser.open(web.url)
    wait_until(lambda: state_groups(browser) == [["silent", ["CM01"]]], "it is silent")
    assert browser.one("h1").text == "1 sync point writes nothing any more"
    assert browser.axe() == []
    append(daemon.log_path("CM01"), succeeded("6/20/2015 4:00:01 AM"))
    wait_until(lambda: browser.one("h1").text == "All is well", "it writes again")


def test_17_a_thousand_sites(daemon, web, browser):
    for number in range(1000):
        append(daemon.log_path(f"CM{number:04}"), pair() if number % 3 else l3())
    daemon.start()
    wait_until(lambda: len(web.get("/api/v1/status?view=brief").document()["sites"]) == 1000,
               "a thousand sites", deadline=60)
    for path in ("/api/v1/status?view=brief", "/api/v1/incidents?view=brief&limit=5000"):
        answer = web.get(path, **{"Accept-Encoding": "gzip"})
        assert len(answer.raw) < 100_000, (path, len(answer.raw))
    paints, complete = [], []
    for _ in range(3):
        browser.open(web.url)
        wait_until(lambda: browser.all(".row .certificate_expired"), "rows with their time line")
        timing = browser.run(
            "return [performance.getEntriesByName('first-contentful-paint')[0].startTime,"
            " performance.now()]")
        paints.append(timing[0])
        complete.append(timing[1])
    print(json.dumps({"first paint, ms": paints, "rows seen, ms": complete}))
    assert min(paints) < 1000
    assert [state for state, _ in state_groups(browser)] == ["expired"], "the gravest first"
    assert len(browser.all(".row")) < 200
    assert "1,000 sites" in browser.one("#detail").text
    browser.run("document.querySelector('#rest').scrollIntoView()")
    wait_until(lambda: len(browser.all(".row")) > 60, "more rows as one scrolls")
