"""Runs the probe, and makes figures of what it says."""

import json
import math
import os
import statistics
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
LITERALS = ("WebException trying to enroll", "Exception attempting sync")
LOG = "AIUpdateSvc.log"


def tool(name):
    return os.path.join(BUILD, "bench", name)


def generate(*arguments):
    subprocess.run([tool("generate"), *map(str, arguments)], check=True)


def probe(*arguments, environment=None):
    """One whole measurement; the document that it prints."""
    done = subprocess.run(
        [tool("probe"), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8", **(environment or {})},
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


class Listening:
    """A probe that listens first and appends only when told to, so that daemons can start."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [tool("probe"), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the probe does not listen")

    def go(self):
        answer, _ = self.process.communicate("\n", timeout=300)
        return json.loads(answer.splitlines()[-1])

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def cpu(sample):
    return sample["user"] + sample["system"]


def median(values):
    return statistics.median(values) if values else math.nan


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(part * len(ordered)) - 1)]


def paired(ours, theirs, value):
    """The median of the ratios of runs that stood side by side."""
    return median([value(a) / value(b) for a, b in zip(ours, theirs)])


def wall(sample):
    return sample["wall"]


def proc(pid, name):
    with open(f"/proc/{pid}/{name}", encoding="utf-8") as file:
        return file.read()


def memory_kib(pid, key="VmHWM"):
    for line in proc(pid, "status").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return math.nan


def cpu_seconds(pid):
    """As /proc/PID/stat shows it, in ticks of a hundredth of a second."""
    fields = proc(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def worked_seconds(pid):
    """By the scheduler's own account, in nanoseconds, of the threads that there are."""
    return sum(int(proc(pid, f"task/{thread}/schedstat").split()[0])
               for thread in os.listdir(f"/proc/{pid}/task")) / 1e9


def wake_ups(pid):
    """How often its threads have waited so far."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        for line in proc(pid, f"task/{thread}/status").splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


class Figure:
    """One line of the table: what was measured, beside what was aimed at."""

    MET, EVEN, MISSED = "met", "even", "MISSED"
    NOISE = 0.05  # so far from the goal, as part of it, the next run may say otherwise

    def __init__(self, row, what, value, unit, goal=None, note=""):
        self.row, self.what, self.value, self.unit = row, what, value, unit
        self.goal, self.note = goal, note

    def verdict(self):
        if self.goal is None:
            return ""
        if self.goal and abs(self.value - self.goal) <= self.NOISE * self.goal:
            return self.EVEN
        return self.MET if self.value <= self.goal else self.MISSED

    @staticmethod
    def words(value, unit):
        if value is None:
            return ""
        if math.isnan(value):
            return "none"
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
        return f"{value:.{digits}f} {unit}".strip()

    def cells(self):
        return [self.row, self.what, self.words(self.goal, self.unit),
                self.words(self.value, self.unit), self.verdict(), self.note]
