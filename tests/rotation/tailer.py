"""What the harness asks of a program that follows files, and aiwatch as one."""

import json
import os
import re
import signal
import subprocess
import time

NUMBER = re.compile(rb"\bn(\d{7})\b")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def build():
    return os.path.join(ROOT, os.environ.get("BUILD", "build"))


def aiwatch_binary():
    return os.path.abspath(os.environ.get("AIWATCH", os.path.join(build(), "aiwatch")))


def wait_for(condition, deadline, interval=0.02):
    """Waits until `condition` holds; its last value."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(interval)


class Tailer:
    """One program in one private directory. `received` lists the numbers counted, in order."""

    name = ""
    ordered = True
    from_end = False  # begins at the end of the files that it finds at its start
    settle_deadline = 6.0
    end_deadline = 6.0
    quiet = 2.5

    def __init__(self, directory, patterns, options=None):
        self.directory = directory
        self.patterns = patterns
        self.options = options or {}
        self.process = None
        self.starts = 0
        os.makedirs(self.file("state"), exist_ok=True)

    def file(self, name):
        return os.path.join(self.directory, name)

    def prefix(self):
        """What stands in front of the command: limits, a name space, a tracer."""
        return self.options.get("prefix", [])

    def spawn(self, command, **more):
        self.starts += 1
        environment = dict(os.environ, TZ="UTC", **self.options.get("environment", {}))
        environment.update(more.pop("environment", {}))
        with open(self.file("out"), "ab") as out, open(self.file("errors"), "ab") as errors:
            self.process = subprocess.Popen(
                self.prefix() + command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                env=environment,
                start_new_session=True,
                **more,
            )

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def end(self, number, deadline):
        if not self.process:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            self.signal_group(process, number)
        try:
            return process.wait(deadline)
        except subprocess.TimeoutExpired:
            self.signal_group(process, signal.SIGKILL)
            process.wait(10)
            return "hangs"

    @staticmethod
    def signal_group(process, number):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass

    def harvest(self):
        """Before an end: keeps what only the process knows."""

    def stop(self):
        self.harvest()
        return self.end(signal.SIGTERM, 10)

    def kill(self):
        self.harvest()
        self.end(signal.SIGKILL, 10)

    def start(self):
        raise NotImplementedError

    def received(self):
        """Numbers received so far; a number twice where it came twice."""
        try:
            with open(self.file("received"), "rb") as received:
                return [int(number) for number in NUMBER.findall(received.read())]
        except FileNotFoundError:
            return []

    def verdicts(self):
        """Number to how often it was counted."""
        counts = {}
        for number in self.received():
            counts[number] = counts.get(number, 0) + 1
        return counts

    def trouble(self):
        """Anything else that is wrong, as sentences."""
        return []


class Aiwatch(Tailer):
    """The real binary: each line is a site of its own, whose occurrences say how often it counted."""

    name = "aiwatch"
    settle_deadline = 20.0
    end_deadline = 60.0
    quiet = 2.6

    def __init__(self, directory, patterns, options=None):
        super().__init__(directory, patterns, options)
        self.seen = {}
        self.order = []
        self.twice = []
        self.at = 0
        self.exits = []

    def configure(self):
        item = {
            "name": "judged",
            "paths": self.patterns,
            "site": "{host}",
            "poll_interval": "1s",
        }
        item.update(self.options.get("input", {}))
        document = {
            "state": self.options.get("state", self.file("state")),
            "control": self.file("control.sock"),
            "inputs": [item],
            "correlation": {"failing_after": 1, "repeat_every": 0},
            "sinks": self.options.get("sinks", [{"name": "out", "type": "stdout"}]),
        }
        document.update(self.options.get("configuration", {}))
        with open(self.file("aiwatch.yml"), "w", encoding="utf-8") as out:
            json.dump(document, out)

    def start(self):
        self.configure()
        self.spawn([aiwatch_binary(), "run", "-c", self.file("aiwatch.yml")])
        if not self.options.get("asynchronous"):
            wait_for(lambda: not self.is_running() or self.status() is not None, 15)

    def stop(self):
        code = super().stop()
        self.exits.append(code)
        return code

    def status(self):
        run = subprocess.run(
            [aiwatch_binary(), "status", "--json", "-c", self.file("aiwatch.yml")],
            capture_output=True,
            timeout=30,
            check=False,
        )
        try:
            return json.loads(run.stdout)
        except ValueError:
            return None

    def received(self):
        try:
            with open(self.file("out"), "rb") as out:
                out.seek(self.at)
                fresh = out.read()
        except FileNotFoundError:
            return self.order
        fresh = fresh[: fresh.rfind(b"\n") + 1]
        self.at += len(fresh)
        for line in fresh.splitlines():
            self.take(line)
        return self.order

    def take(self, line):
        try:
            alert = json.loads(line)
        except ValueError:
            return  # a kill cut it
        found = NUMBER.fullmatch(alert.get("site", "").encode())
        if not found or alert.get("status") != "firing":
            return
        number = int(found.group(1))
        known = self.seen.get(number)
        if known is None:
            self.seen[number] = alert["id"]
            self.order.append(number)
        elif known != alert["id"]:
            self.twice.append(number)

    def verdicts(self):
        counts = {number: 1 for number in self.received()}
        status = self.status() if self.is_running() else None
        for site in (status or {}).get("sites", []):
            found = NUMBER.fullmatch(site["site"].encode())
            if found:
                counts[int(found.group(1))] = site["occurrences"]
        for number in self.twice:
            counts[number] = max(counts.get(number, 0), 2)
        return counts

    def trouble(self):
        said = []
        if not self.is_running():
            said.append("not running at the end")
        for code in self.exits:
            if code != 0:
                said.append(f"stopped with {code}")
        if self.twice:
            said.append(f"two ids for n{self.twice[0]:07d}")
        try:
            with open(self.file("errors"), "rb") as errors:
                text = errors.read()
            for mark in (b"AddressSanitizer", b"runtime error", b"ThreadSanitizer", b"fatal"):
                if mark in text:
                    said.append(f"{mark.decode()} in its errors")
        except FileNotFoundError:
            pass
        return said
