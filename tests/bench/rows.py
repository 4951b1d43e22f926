"""The rows of the table. Each takes a Bench and yields its figures."""

import math
import os
import subprocess
import tempfile
import time

from measure import (LOG, Figure, Listening, cpu, cpu_seconds, generate, median, memory_kib, paired,
                     percentile, probe, tool, wake_ups, wall, worked_seconds)
from programs import (READERS, Aiwatch, Floor, Rsyslog, SyslogNg, grep, ripgrep, wait_until)

MIB = 1 << 20


class Bench:
    def __init__(self, directory, rounds):
        self.directory, self.rounds = directory, rounds
        self.serial = 0

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def fresh(self, name):
        """An empty directory of its own for one run of a daemon."""
        self.serial += 1
        return tempfile.mkdtemp(prefix=name + "-", dir=self.directory)

    def name(self, letter):
        """For sites that no run before has had."""
        self.serial += 1
        return f"{letter}{os.getpid()}x{self.serial}"

    def log(self, name, size, every, sites):
        """A log in a folder of its own below the root `name`, made once, its pages in memory."""
        path = self.path(name, "CM", LOG)
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path))
            generate("file", path, size, every, sites)
        with open(path, "rb") as log:
            while log.read(MIB):
                pass
        return path

    def tree(self, name, count, size):
        root = self.path(name)
        if not os.path.exists(root):
            os.makedirs(root)
            generate("tree", root, count, size)
        return root

    def take_turns(self, *measurements, rounds=None):
        """Each in turn, after one turn that does not count, so that what slows the machine down
        slows all; lists of samples."""
        samples = [[] for _ in measurements]
        for number in range((rounds or self.rounds) + 1):
            for kept, measure in zip(samples, measurements):
                sample = measure()
                if number:
                    kept.append(sample)
        return samples

    def daemon(self, kind, root, count, seconds=120):
        """From its start, with nothing remembered, until `count` alerts are out."""
        directory = self.fresh(kind.name)
        program = kind(directory, root, os.path.join(directory, "s"))
        sample = probe("first", program.socket, count, seconds, *program.command(),
                       environment=program.environment)
        remove(directory)
        if sample["count"] < count:
            sample["wall"] = math.nan
        return sample


def remove(path):
    """As rmtree, in a tenth of the time."""
    subprocess.run(["rm", "-rf", path], check=True)


def count_sites(log, sites):
    """How many sites have a pair in it: one alert each."""
    done = subprocess.run(grep(log), stdout=subprocess.PIPE, check=True)
    return min(sites, int(done.stdout) // 2)


def run(command, environment=None):
    return lambda: probe("run", *command, environment=environment)


def against(row, what, ours, theirs, goal=None):
    """Wall time decides; where processor time tells something else, the note says it."""
    note = f"{median(list(map(wall, ours))):.3f} s; processor time {paired(ours, theirs, cpu):.2f} ×"
    return Figure(row, what, paired(ours, theirs, wall), "×", goal, note)


def scan(bench):
    row = "scan, 1 GiB, one event line in 10,000"
    log = bench.log("sparse", 1024 * MIB, 10000, 100)
    ours, by_grep, by_rg, floor = bench.take_turns(
        run([os.environ["AIWATCH"], "scan", log]), run(grep(log)), run(ripgrep(log)),
        run([tool("floor"), "search", log]), rounds=3 * bench.rounds)
    yield against(row, "time / grep -c -F", ours, by_grep, 0.33)
    yield against(row, "time / ripgrep", ours, by_rg, 1.1)
    yield against(row, "time / floor", ours, floor)
    yield Figure(row, "peak memory", median([s["peak"] for s in ours]) / 1024, "MiB", 12)


def catchup(bench):
    row = "run, catching up on 1 GiB"
    log = bench.log("sparse", 1024 * MIB, 10000, 100)
    alerts = count_sites(log, 100)
    ours, by_grep = bench.take_turns(
        lambda: bench.daemon(Aiwatch, bench.path("sparse"), alerts), run(grep(log)),
        rounds=3 * bench.rounds)
    for sample in ours:
        sample["user"], sample["system"] = sample["cpu"], 0
    yield against(row, "until the last alert / grep -c -F", ours, by_grep, 0.40)
    yield Figure(row, "peak memory", median([s["peak"] for s in ours]) / 1024, "MiB")


def dense(bench):
    row = "100 MB, one event line in 20"
    log = bench.log("dense", 100 * 10 ** 6, 20, 100)
    alerts = count_sites(log, 100)
    scans, runs, by_grep = bench.take_turns(
        run([os.environ["AIWATCH"], "scan", log]),
        lambda: bench.daemon(Aiwatch, bench.path("dense"), alerts), run(grep(log)),
        rounds=5 * bench.rounds)
    for sample in runs:
        sample["user"], sample["system"] = sample["cpu"], 0
    yield against(row, "scan / grep -c -F", scans, by_grep, 1.5)
    yield against(row, "run / grep -c -F", runs, by_grep, 1.5)


def daemons(bench):
    """What people use, on a part of the file that they get through."""
    row = "32 MiB, one event line in 10,000"
    log, root = bench.log("part", 32 * MIB, 10000, 100), bench.path("part")
    alerts = count_sites(log, 100)
    lines = int(subprocess.run(["grep", "-c", "-F", "-e", "Exception attempting sync", log],
                               stdout=subprocess.PIPE, check=True).stdout)
    directory = bench.fresh("readers")
    names, jobs = ["rsyslog", "syslog-ng"], [
        lambda: bench.daemon(Rsyslog, root, lines), lambda: bench.daemon(SyslogNg, root, lines)]
    for name, reader in READERS.items():
        command, environment = reader(directory, log)
        names.append(name)
        jobs.append(run(command, environment))
    ours, *others = bench.take_turns(lambda: bench.daemon(Aiwatch, root, alerts), *jobs, rounds=2)
    for name, samples in zip(names, others):
        rate = 32 * MIB / median(list(map(wall, samples))) / 1e6
        yield Figure(row, f"{name} / aiwatch", paired(samples, ours, wall), "×", None,
                     f"{rate:.0f} MB/s, peak {median([s['peak'] for s in samples]) / 1024:.0f} MiB")


def start_all(programs):
    for program in programs:
        program.start()


def stop_all(programs):
    for program in programs:
        program.stop()


def is_idle(programs):
    """None of them has used a hundredth of a second for a second."""
    before = [cpu_seconds(program.pid) for program in programs]
    time.sleep(1)
    return before == [cpu_seconds(program.pid) for program in programs]


def latencies(bench, kinds, count, gap):
    """One log and one socket each; microseconds by program, last of bare syncs between them."""
    programs, arguments = [], []
    for kind in kinds:
        directory = bench.fresh(kind.name)
        root = os.path.join(directory, "logs")
        os.makedirs(os.path.join(root, "CM"))
        programs.append(kind(directory, root, os.path.join(directory, "s")))
        arguments += [os.path.join(root, "CM", LOG), programs[-1].socket]
    listening = Listening("latency", count, gap, bench.name("L"), bench.directory, *arguments)
    try:
        start_all(programs)
        wait_until(lambda: is_idle(programs), 20)
        return listening.go()
    finally:
        listening.close()
        stop_all(programs)


def latency(bench):
    row = "append to syslog datagram, durable"
    ours, floor, sync = [], [], []
    for _ in range(bench.rounds):
        taken = latencies(bench, (Aiwatch, Floor), 100, 5000)
        ours += taken[0]
        floor += taken[1]
        sync += taken[2]
    goal = (median(floor) + median(sync)) / 1000 + 0.1
    note = f"floor {median(floor) / 1000:.3f} ms, fdatasync {median(sync) / 1000:.3f} ms"
    yield Figure(row, "median; goal: floor + fdatasync + 0.1 ms", median(ours) / 1000, "ms", goal, note)
    slow = percentile(sync, 0.99) / 1000
    yield Figure(row, "99th percentile; goal: twice fdatasync's", percentile(ours, 0.99) / 1000, "ms",
                 2 * slow, f"fdatasync {slow:.3f} ms")
    for name, taken in zip(("rsyslog", "syslog-ng"),
                           latencies(bench, (Rsyslog, SyslogNg), 15, 300000)):
        yield Figure(row, f"{name}, median", median(taken) / 1000, "ms", None, "nothing durable")


def many(bench):
    row = "10,000 files of 20 KB, a pair in each"
    root = bench.tree("many", 10000, 20000)
    ours, floor = bench.take_turns(
        lambda: bench.daemon(Aiwatch, root, 10000), lambda: bench.daemon(Floor, root, 10000),
        rounds=min(bench.rounds, 3))
    yield Figure(row, "all alerts out", median(list(map(wall, ours))), "s", 2,
                 f"floor {median(list(map(wall, floor))):.2f} s; ratio {paired(ours, floor, wall):.1f}")
    yield Figure(row, "peak memory", median([s["peak"] for s in ours]) / 1024, "MiB", 24,
                 f"floor {median([s['peak'] for s in floor]) / 1024:.1f} MiB")
    other = bench.daemon(SyslogNg, root, 10000, 60)
    yield Figure(row, "syslog-ng, all lines out", other["wall"], "s", None,
                 f"{other['count']} of 10,000, peak {other['peak'] / 1024:.0f} MiB")


class Patient(Aiwatch):
    """Without its sweep."""

    name = "aiwatch-patient"
    poll_interval = "1h"


def rest(bench):
    """All of them at rest on the same files in the same minute; then a pair to 1,000 files."""
    row, seconds = "at rest, 10,000 files", 60
    root = bench.tree("many", 10000, 20000)
    kinds = (Aiwatch, Patient, SyslogNg)
    programs = [kind(directory, root, os.path.join(directory, "s"))
                for kind in kinds for directory in [bench.fresh(kind.name)]]
    listeners = [drain(program.socket) for program in programs]
    try:
        start_all(programs)
        wait_until(lambda: is_idle(programs[1:2]), 60)
        wait_until(lambda: is_idle(programs), 60)
        before = [(cpu_seconds(p.pid), wake_ups(p.pid)) for p in programs]
        time.sleep(seconds)
        after = [(cpu_seconds(p.pid), wake_ups(p.pid)) for p in programs]
        used = [(b[0] - a[0]) / seconds * 100 for a, b in zip(before, after)]
        woken = [(b[1] - a[1]) / seconds * 60 for a, b in zip(before, after)]
        yield Figure(row, "processor, the sweep", used[0], "%", 0.5, f"syslog-ng {used[2]:.1f} %")
        yield Figure(row, "processor, without the sweep", used[1], "%", 0)
        yield Figure(row, "wake-ups a minute without the sweep", woken[1], "", 0,
                     f"with it {woken[0]:.0f}; syslog-ng {woken[2]:.0f}")
        yield Figure(row, "memory now", memory_kib(programs[0].pid, "VmRSS") / 1024, "MiB")
    finally:
        stop_all(programs)
        for listener in listeners:
            listener.kill()
            listener.wait()


def drain(socket):
    """Someone who takes the alerts of the first look."""
    import sys
    code = ("import socket, sys\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
            "s.bind(sys.argv[1])\nprint(flush=True)\nwhile True: s.recv(9000)\n")
    process = subprocess.Popen([sys.executable, "-c", code, socket], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


class Late(Aiwatch):
    """What rounds before have appended is none of its business."""

    start_at = "end"


def burst(bench):
    row = "a pair appended to 1,000 of 10,000 files"
    root = bench.tree("burst", 10000, 0)
    after = {Late: [], Floor: []}
    for _ in range(min(bench.rounds, 3)):
        for kind in after:
            directory = bench.fresh(kind.name)
            program = kind(directory, root, os.path.join(directory, "s"))
            listening = Listening("burst", program.socket, 1000, bench.name("B"), root)
            try:
                program.start()
                time.sleep(1)
                wait_until(lambda: is_idle([program]), 60)
                answer = listening.go()
                after[kind].append(answer["after"] if answer["count"] == 1000 else math.nan)
            finally:
                listening.close()
                program.stop()
    yield Figure(row, "the last alert after the last append", median(after[Late]) * 1000, "ms", 100,
                 f"floor {median(after[Floor]) * 1000:.0f} ms")


def keep_pace(bench, kind, seconds, lines):
    """Percent of a core, and microseconds of the pairs and of bare syncs, which stand by the floor."""
    directory = bench.fresh(kind.name)
    root = os.path.join(directory, "logs")
    os.makedirs(os.path.join(root, "CM"))
    program = kind(directory, root, os.path.join(directory, "s"))
    syncs = [bench.directory] if kind is Floor else []
    listening = Listening("pace", os.path.join(root, "CM", LOG), program.socket, seconds, lines,
                          bench.name("R"), *syncs)
    try:
        program.start()
        time.sleep(1)
        wait_until(lambda: is_idle([program]), 20)
        before = worked_seconds(program.pid)
        lags, sync = listening.go()
        return (worked_seconds(program.pid) - before) / seconds * 100, lags, sync
    finally:
        listening.close()
        program.stop()


def rate(bench):
    row = "50,000 lines/s into one file"
    used, lags, sync = {Aiwatch: [], Floor: []}, {Aiwatch: [], Floor: []}, []
    for _ in range(min(bench.rounds, 3)):
        for kind in used:
            worked, taken, synced = keep_pace(bench, kind, 10, 50000)
            used[kind].append(worked)
            lags[kind] += taken
            sync += synced
    yield Figure(row, "processor", median(used[Aiwatch]), "%", 4,
                 f"floor {median(used[Floor]):.1f} %")
    lag = (median(lags[Aiwatch]) - median(sync)) / 1000
    yield Figure(row, "lag to the datagram, less one fdatasync, median", lag, "ms", 0.2,
                 f"floor {median(lags[Floor]) / 1000:.3f} ms, fdatasync {median(sync) / 1000:.3f} ms")


def hundred(bench):
    row = "100,000 files"
    root = bench.tree("hundred", 100000, 200)
    sample = bench.daemon(Aiwatch, root, 100000, 120)
    remove(root)
    yield Figure(row, "all alerts out", sample["wall"], "s", None, f"{sample['count']} of 100,000")
    yield Figure(row, "peak memory", sample["peak"] / 1024, "MiB", 150)


def growth(bench):
    row = "growth"
    sizes, peaks, times = (128, 256, 512, 1024), [], []
    for size in sizes:
        name = "sparse" if size == 1024 else f"sparse{size}"
        log = bench.log(name, size * MIB, 10000, 100)
        samples = [run([os.environ["AIWATCH"], "scan", log])() for _ in range(bench.rounds)]
        times.append(min(map(cpu, samples)))
        peaks.append(median([s["peak"] for s in samples]))
        if size < 1024:
            remove(bench.path(name))
    bench.curve = [(size, taken) for size, taken in zip(sizes, times)]
    yield Figure(row, "processor time of 1024 MiB / of 256 MiB", times[3] / times[1], "×", 4.4)
    yield Figure(row, "memory, 1024 MiB less 128 MiB", (peaks[3] - peaks[0]) / 1024, "MiB", 1)
    few, more = bench.tree("few", 2000, 0), bench.tree("empty", 10000, 0)
    memory = [settled_memory(bench, root) for root in (few, more)]
    yield Figure(row, "memory a file, 10,000 less 2,000", (memory[1] - memory[0]) / 8000, "KiB", 1)


def settled_memory(bench, root):
    directory = bench.fresh("aiwatch")
    program = Aiwatch(directory, root, os.path.join(directory, "s"))
    listener = drain(program.socket)
    try:
        program.start()
        time.sleep(1)
        wait_until(lambda: is_idle([program]), 60)
        return memory_kib(program.pid)
    finally:
        program.stop()
        listener.kill()
        listener.wait()


ROWS = {f.__name__: f for f in (scan, catchup, dense, daemons, latency, many, rest, burst, rate,
                               hundred, growth)}
