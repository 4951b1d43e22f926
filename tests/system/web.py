"""What a client of the daemon's HTTP server needs: answers, metrics, a browser."""

import gzip
import http.client
import json
import os
import re
import subprocess
import tempfile

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from harness import RECEIVERS, SLOWNESS, TOP, free_port

PROMETHEUS = os.path.join(RECEIVERS, "usr/bin/prometheus")
PROMTOOL = os.path.join(RECEIVERS, "usr/bin/promtool")
AXE = os.path.join(TOP, "build/axe/axe.min.js")
FLAGS = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
         " --disable-background-networking --disable-component-update --disable-sync"
         " --hide-scrollbars")


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.raw = response.read()

    def text(self):
        zipped = self.headers.get("Content-Encoding") == "gzip"
        return (gzip.decompress(self.raw) if zipped else self.raw).decode()

    def document(self):
        document = json.loads(self.text())
        assert document["version"] == 1
        return document


class Web:
    """The HTTP server of a daemon, which is configured to open it."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        daemon.configure(http=f"127.0.0.1:{self.port}")

    def get(self, path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10 * SLOWNESS)
        try:
            connection.request(method, path, headers=headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def is_open(self):
        try:
            return self.get("/-/healthy").status == 200
        except ConnectionError:
            return False

    def metrics(self):
        """Samples by what stands in front of the value, as it is written."""
        lines = self.get("/metrics").text().splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in lines if not line.startswith("#")}


def promtool(*arguments, text=None):
    """promtool's word: its exit code, and what it says."""
    done = subprocess.run([PROMTOOL, *arguments], input=text, capture_output=True, text=True,
                          timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def families(text):
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


class Browser:
    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(prefix="aiwatch-browser-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in [*FLAGS.split(), f"--user-data-dir={self.profile.name}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    def close(self):
        self.driver.quit()
        self.profile.cleanup()

    def open(self, url, width=1400, height=1000, theme="light"):
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.look(width, height, theme)
        self.driver.get(url)
        return self

    def look(self, width, height, theme):
        command = self.driver.execute_cdp_cmd
        command("Emulation.setDeviceMetricsOverride",
                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        command("Emulation.setEmulatedMedia",
                {"features": [{"name": "prefers-color-scheme", "value": theme}]})

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def one(self, selector):
        return self.driver.find_element("css selector", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])]"
                        ".map((element) => element.textContent)", selector)

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] in ("SEVERE", "WARNING")]

    def axe(self):
        """What axe-core finds against WCAG 2.2 A, AA and its own good practice."""
        if not os.path.exists(AXE):
            pytest.skip("axe-core is not here: npm brings it, see fetch-axe.sh")
        with open(AXE, encoding="utf-8") as file:
            self.run(file.read())
        found = self.driver.execute_async_script(
            "axe.run(document).then(arguments[0], (e) => arguments[0]({violations: [String(e)]}))")
        return [f"{one['id']}: {[node['target'] for node in one['nodes']][:5]}"
                if isinstance(one, dict) else one for one in found["violations"]]
