"""A real Prometheus with the shipped rules, and the queries of the shipped Grafana dashboard."""

import json
import os
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest

from harness import RECEIVERS, SLOWNESS, TOP, append, free_port, wait_until
from lines import l1, l3, pair
from web import PROMETHEUS, Web, families, promtool

pytestmark = pytest.mark.skipif(SLOWNESS > 1, reason="what is asked is the same in every build")

SHIPPED = os.path.join(TOP, "packaging/prometheus")
DASHBOARD = os.path.join(TOP, "packaging/grafana/aiwatch.json")
NOTHING_EXPECTED = ("aiwatch_gaps_total",)  # queries of trouble that this test does not make


def dashboard():
    with open(DASHBOARD, encoding="utf-8") as file:
        return json.load(file)


def queries():
    return [target["expr"] for panel in dashboard()["panels"]
            for target in panel.get("targets", [])]


def names_in(expression):
    """Names of metrics, a histogram's by its family."""
    found = set(re.findall(r"\baiwatch_\w+", expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}


class Prometheus:
    def __init__(self, folder, target):
        self.folder = os.path.join(folder, "prometheus")
        os.makedirs(self.folder)
        shutil.copy(os.path.join(SHIPPED, "aiwatch.rules.yml"), self.folder)
        with open(os.path.join(SHIPPED, "prometheus.yml"), encoding="utf-8") as file:
            text = file.read().replace("127.0.0.1:9469", target)
        config = os.path.join(self.folder, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("global: {scrape_interval: 500ms, scrape_timeout: 500ms, "
                       "evaluation_interval: 500ms}\n" + text)
        self.port = free_port()
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self.is_up, "Prometheus answers", deadline=30)

    def is_up(self):
        try:
            return self.query("vector(1)")
        except OSError:
            return False

    def query(self, expression):
        url = (f"http://127.0.0.1:{self.port}/api/v1/query?"
               + urllib.parse.urlencode({"query": expression}))
        with urllib.request.urlopen(url, timeout=10) as answer:
            document = json.load(answer)
        assert document["status"] == "success", document
        return document["data"]["result"]

    def close(self):
        self.process.terminate()
        self.process.wait(20)


def test_01_promtool_tests_the_rules():
    code, said = promtool("check", "rules", os.path.join(SHIPPED, "aiwatch.rules.yml"))
    assert code == 0, said
    code, said = promtool("test", "rules", os.path.join(SHIPPED, "aiwatch.rules.test.yml"))
    assert code == 0, said
    code, said = promtool("check", "config", os.path.join(SHIPPED, "prometheus.yml"))
    assert code == 0, said


def test_02_rules_and_dashboard_name_what_is_exported(daemon):
    web = Web(daemon)
    daemon.start()
    exported = families(web.get("/metrics").text())
    with open(os.path.join(SHIPPED, "aiwatch.rules.yml"), encoding="utf-8") as file:
        rules = set().union(*(names_in(line) for line in file if line.strip().startswith("expr:")))
    shown = set().union(*map(names_in, queries()))
    assert rules <= exported
    assert shown == exported  # nothing is exported in vain


def test_03_a_real_prometheus_alerts_and_every_panel_has_its_series(daemon, folder, receiver):
    assert os.path.exists(PROMETHEUS), f"fetch-receivers.sh {RECEIVERS} brings it"
    web = Web(daemon)
    receiver.answers = [503] * 1000
    daemon.configure(sinks=[{"name": "screen", "type": "stdout"},
                            {"name": "hook", "type": "webhook", "url": receiver.url}])
    daemon.start()
    prometheus = Prometheus(folder, f"127.0.0.1:{web.port}")
    try:
        wait_until(lambda: prometheus.query("aiwatch_build_info"), "the first scrape", deadline=20)
        append(daemon.log_path("CM01"), pair())
        append(daemon.log_path("CM02"), l3())
        append(daemon.log_path("CM03"), l1())
        wait_until(lambda: prometheus.query(
            'ALERTS{alertname="AssetIntelligenceCertificateExpired",site="CM01",'
            'alertstate="firing"}'), "the rule fires", deadline=20)
        wait_until(lambda: prometheus.query(
            'ALERTS{alertname="AssetIntelligenceCertificateSuspect",site="CM02",'
            'alertstate="pending"}'), "the other is pending", deadline=20)
        for query in queries():
            asked = query.replace("$__rate_interval", "30s").replace("$instance", ".*")
            if not any(name in query for name in NOTHING_EXPECTED):
                wait_until(lambda asked=asked: prometheus.query(asked), asked, deadline=20)
            else:
                prometheus.query(asked)
    finally:
        prometheus.close()


def test_04_the_dashboard_is_laid_out_without_overlaps():
    document = dashboard()
    taken = set()
    for panel in document["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in document["panels"]]
    assert len(ids) == len(set(ids))
