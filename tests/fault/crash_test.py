#!/usr/bin/python3
"""One scripted run, killed at every system call of it in turn, or failing there.

The run appends, rotates, pairs, delivers and resolves. Whenever the daemon has ended it is started
again, as a supervisor would, and the run goes on. At the receiver every transition has arrived, in
order for each site, none with two ids, the same ids and the same count of lines as in a run that
nobody disturbed; the states at the end are those of the reference.

crash_test.py [--fault NAME[,NAME...]] [--random N] [--sample N] [--from K] [--to K] [--jobs N]
              [--seed N] [--seconds N] [--keep]

  --fault    what happens at the chosen call: kill (where nothing else is asked for), an error that
             the call returns once (EIO, ENOSPC, EMFILE, EACCES, ESTALE, EINTR, ENOMEM), short (half
             of what was asked for is read or written), memory (an allocation of a library fails),
             or all of them
  --random   kills at N random moments: a run is killed again and again
  --sample   N of the calls, --from and --to: those between; --seconds: as many as can be done
"""

import argparse
import concurrent.futures
import http.server
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
AIWATCH = os.path.abspath(os.environ.get("AIWATCH", os.path.join(BUILD, "aiwatch")))
TRACER = os.path.join(os.path.dirname(AIWATCH), "tracer")
ALLOCATOR = os.path.join(os.path.dirname(AIWATCH), "allocator.so")
DEADLINE = 60

SERVICE = "Asset Intelligence Catalog Sync Service"
ENROLL = f"{SERVICE} Warning: 0 : %s: WebException trying to enroll: Status = ProtocolError\r\n"
FORBIDDEN = (f"{SERVICE} Error: 0 : %s: Exception attempting sync - The request failed with HTTP"
             " status 403: Forbidden.\r\n")
SUCCESS = f"{SERVICE} Information: 0 : %s: The catalog was judged to be in order\r\n"

# What arrives, by site, in order: key's kind, status, resolution.
EXPECTED = {
    "CM01": [
        ("certificate_expired", "firing", None),
        ("certificate_expired", "resolved", "recovered"),
    ],
    "CM02": [
        ("certificate_suspect", "firing", None),
        ("certificate_expired", "firing", None),
        ("certificate_suspect", "resolved", "superseded"),
        ("certificate_expired", "resolved", "recovered"),
        ("certificate_suspect", "firing", None),
    ],
}
STATES = {"CM01": "healthy", "CM02": "sync_forbidden"}


class Receiver:
    """Takes alerts and answers 204; what came is kept in order."""

    def __init__(self):
        self.came = []
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name # the library's name
                body = self.rfile.read(int(self.headers["content-length"]))
                with receiver.lock:
                    receiver.came.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a client that was killed
        self.server.daemon_threads = True
        self.thread = threading.Thread(
            target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def port(self):
        return self.server.server_address[1]

    def by_site(self):
        """Of each site the transitions in the order in which they first came, with their id."""
        with self.lock:
            came = list(self.came)
        found = {}
        for alert in came:
            what = (alert["kind"], alert["status"], alert["resolution"])
            lines = alert["occurrences"] if alert["status"] == "resolved" else None
            entry = (what, alert["id"], lines)
            if entry not in found.setdefault(alert["site"], []):
                found[alert["site"]].append(entry)
        return found

    def close(self):
        self.server.shutdown()
        self.server.server_close()


# What can happen at a chosen call, and the signals that an end by itself may not have: out of
# memory aborts, which is as good as a kill.
ERRORS = ("EIO", "ENOSPC", "EMFILE", "EACCES", "ESTALE", "EINTR", "ENOMEM", "short")
FAULTS = ("kill", *ERRORS, "memory")
CRASHES = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE,
           *(128 + number for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL,
                                         signal.SIGFPE))}
KILLED = (137, -signal.SIGKILL)
KILLS = 8  # random ones, of one run
ENDS = 4   # by itself, of one run


class Disturbance:
    """`fault` at call `at` (0: never) of the first process; or kills at random, within `span`."""

    def __init__(self, fault="kill", at=0, span=None):
        self.fault = fault
        self.at = at
        self.span = span
        self.draw = random.Random(at)
        self.kills = 0  # those that hit

    def command(self, trial, is_first):
        """The command line and the environment of a process of the run."""
        command, environment = [AIWATCH, "run", "-c", trial.file("aiwatch.yml")], dict(os.environ)
        if self.fault == "memory" and is_first:
            environment.update(LD_PRELOAD=ALLOCATOR, AIWATCH_FAILS_AT=str(self.at),
                               AIWATCH_COUNT=trial.file("count"))
        elif self.span is None and is_first:
            command = [TRACER, self.fault, str(self.at), trial.file("count")] + command
        return command, environment

    def kill_later(self, process, over):
        if not over.wait(self.draw.uniform(0, self.span)):
            process.kill()  # does nothing where it has been waited for

    def started(self, process, over):
        if self.span is not None and self.kills < KILLS:
            threading.Thread(
                target=self.kill_later, args=(process, over), daemon=True).start()

    def __str__(self):
        if self.span is not None:
            return f"killed at random {self.kills} times, seed {self.at}"
        return f"{self.fault} at call {self.at}" if self.at else "undisturbed"


class Trial:
    """One run of the script."""

    def __init__(self, top, name, disturbance):
        self.directory = os.path.join(top, name)
        self.disturbance = disturbance
        self.receiver = Receiver()
        self.process = None
        self.starts = 0
        self.ends = 0  # not by a kill
        self.over = threading.Event()
        self.words = []

    def file(self, *names):
        return os.path.join(self.directory, *names)

    def prepare(self):
        for site in EXPECTED:
            os.makedirs(self.file("logs", site))
        document = {
            "state": self.file("state"),
            "control": self.file("control.sock"),
            "inputs": [{"name": "judged", "paths": [self.file("logs", "*", "*AIUpdateSvc.log")],
                        "site": "{1}", "poll_interval": "1s", "timezone": "UTC"}],
            "rules": [{"name": "judged", "event": "sync_succeeded",
                       "pattern": "The catalog was judged to be in order"}],
            "sinks": [{"name": "hook", "type": "webhook", "timeout": "5s",
                       "url": f"http://127.0.0.1:{self.receiver.port()}/"}],
        }
        with open(self.file("aiwatch.yml"), "w", encoding="utf-8") as out:
            json.dump(document, out)

    def start(self):
        command, environment = self.disturbance.command(self, self.starts == 0)
        with open(self.file("errors"), "ab") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors,
                                            stderr=errors, start_new_session=True,
                                            env=environment)
        self.starts += 1
        self.disturbance.started(self.process, self.over)

    def daemon_pid(self):
        """Behind a tracer the daemon is its child."""
        try:
            with open(self.file("count"), encoding="ascii") as count:
                return int(count.read().split()[0])
        except (OSError, ValueError, IndexError):
            return self.process.pid

    def ended(self, code):
        """By a kill, or with a sentence and no crash."""
        if code in KILLED:
            self.disturbance.kills += 1
            return
        self.ends += 1
        if code in CRASHES:
            raise RuntimeError(f"crashed: {code}")
        if self.ends > ENDS or self.disturbance.fault == "kill":
            raise RuntimeError(f"ended by itself with {code}")

    def revive(self):
        """Starts the daemon again where it has ended."""
        code = self.process.poll()
        if code is not None:
            self.ended(code)
            self.start()

    def wait(self, condition, what):
        end = time.monotonic() + DEADLINE
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"waited in vain for {what}")
            self.revive()
            time.sleep(0.005)

    def append(self, site, text, *more, name="AIUpdateSvc.log"):
        with open(self.file("logs", site, name), "ab", buffering=0) as log:
            log.write((text % more if more else text).encode())

    def wait_for_count(self, site, count):
        self.wait(lambda: len(self.receiver.by_site().get(site, ())) >= count,
                  f"{count} transitions of {site}")

    def script(self):
        first, second = ENROLL % "6/19/2015 3:00:01 AM", FORBIDDEN % "6/19/2015 3:00:02 AM"
        self.append("CM01", "Asset Intelligence Catalog Sync Service Start: 0 : started\r\n")
        self.append("CM02", "Asset Intelligence Catalog Sync Service Start: 0 : started\r\n")
        self.append("CM01", first[:50])
        self.revive()
        self.append("CM01", first[50:])
        self.append("CM01", second)
        self.wait_for_count("CM01", 1)
        self.append("CM02", FORBIDDEN, "6/20/2015 3:00:02 AM")
        self.wait_for_count("CM02", 1)
        self.append("CM02", ENROLL, "6/20/2015 3:00:03 AM")
        self.wait_for_count("CM02", 3)
        log = self.file("logs", "CM01", "AIUpdateSvc.log")
        self.append("CM01", FORBIDDEN, "6/20/2015 3:15:02 AM")  # repeats change nothing
        os.rename(log, log + ".1")
        self.append("CM01", SUCCESS, "6/21/2015 3:00:01 AM")
        self.wait_for_count("CM01", 2)
        log = self.file("logs", "CM02", "AIUpdateSvc.log")
        shutil.copyfile(log, log + ".1")
        os.truncate(log, 0)
        self.append("CM02", SUCCESS, "6/21/2015 3:00:01 AM")
        self.append("CM02", FORBIDDEN, "6/22/2015 3:00:01 AM")
        self.wait_for_count("CM02", 5)

    def states(self):
        run = subprocess.run([AIWATCH, "status", "--json", "-c", self.file("aiwatch.yml")],
                             capture_output=True, timeout=20, check=False)
        try:
            status = json.loads(run.stdout)
        except ValueError:
            return None
        if any(sink["pending"] for sink in status["sinks"]):
            return None
        return {site["site"]: site["state"] for site in status["sites"]}

    def stop(self):
        """Ends it cleanly; where that was disturbed, once more."""
        for _ in range(KILLS + ENDS):
            self.wait(lambda: self.states() == STATES, f"states {STATES}")
            pid = self.process.pid if self.starts > 1 else self.daemon_pid()
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
            code = self.process.wait(DEADLINE)
            if code == 0:
                break
            self.ended(code)
            self.start()

    def run(self):
        """The transitions that came."""
        os.makedirs(self.directory)
        self.prepare()
        try:
            self.start()
            self.script()
            self.stop()
        except (RuntimeError, subprocess.TimeoutExpired, OSError) as error:
            self.words.append(str(error))
        finally:
            self.over.set()
            if self.process and self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.receiver.close()
        return self.receiver.by_site()

    def calls(self):
        try:
            with open(self.file("count"), encoding="ascii") as count:
                return int(count.read().split()[1])
        except (OSError, IndexError, ValueError):
            return 0

    def judge(self, came, reference):
        for site, expected in EXPECTED.items():
            whats = [what for what, _, _ in came.get(site, ())]
            if whats != expected:
                self.words.append(f"{site}: came {whats}, expected {expected}")
            elif reference and came[site] != reference[site]:
                self.words.append(f"{site}: other ids or counts than undisturbed: "
                                  f"{came[site]}, not {reference[site]}")
        for site in came:
            # a store that does not keep what happens is an alert of its own
            told = self.disturbance.fault != "kill" and {what[0] for what, _, _ in came[site]}
            if site not in EXPECTED and not (site == "store" and told == {"aiwatch"}):
                self.words.append(f"{site}: nobody asked for it")
        return not self.words


def choose(options, fault, calls):
    """The calls at which the fault is to come: all, or some at equal distances."""
    places = range(options.begin, min(options.to or calls, calls) + 1)
    if options.sample and options.sample < len(places):
        step = len(places) / options.sample
        first = random.Random(options.seed).random()
        places = [places[int((number + first) * step)] for number in range(options.sample)]
    return [Disturbance(fault, place) for place in places]


class Bench:
    """Runs trials, several at a time, and counts."""

    def __init__(self, options):
        shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.top = tempfile.mkdtemp(prefix="crash.", dir=shared)
        self.options = options
        self.limit = time.monotonic() + options.seconds if options.seconds else None
        self.reference = None
        self.passed = self.failed = self.left_out = 0
        self.numbers = itertools.count()

    def run(self, disturbance):
        if self.limit and time.monotonic() > self.limit:
            return None
        trial = Trial(self.top, f"{next(self.numbers)}", disturbance)
        came = trial.run()
        if trial.judge(came, self.reference) or not self.options.keep:
            shutil.rmtree(trial.directory, ignore_errors=True)
        return trial

    def count(self, trial):
        if trial is None:
            self.left_out += 1
            return
        self.passed += not trial.words
        self.failed += bool(trial.words)
        if trial.words:
            print(f"{trial.disturbance}: " + "\n  ".join(trial.words), flush=True)
            if self.options.keep:
                print(f"  kept in {trial.directory}", flush=True)

    def measure(self, fault):
        """How many calls there are where nothing fails."""
        trial = Trial(self.top, f"reference-{fault}", Disturbance(fault))
        came = trial.run()
        if not trial.judge(came, self.reference):
            self.count(trial)
        self.reference = came
        return trial.calls()

    def run_all(self, disturbances):
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for run in concurrent.futures.as_completed(
                    [pool.submit(self.run, disturbance) for disturbance in disturbances]):
                self.count(run.result())

    def run_fault(self, fault):
        calls = self.measure(fault)
        disturbances = choose(self.options, fault, calls)
        print(f"{fault}: {len(disturbances)} of {calls} calls", flush=True)
        self.run_all(disturbances)

    def run_random(self):
        """Until so many kills have hit."""
        hits, seed = 0, self.options.seed * 1000000
        if not self.reference:
            self.measure("kill")
        first = Trial(self.top, "untraced", Disturbance(span=3600))
        began = time.monotonic()
        first.run()
        span = time.monotonic() - began
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            running = set()
            while running or hits < self.options.random:
                while hits < self.options.random and len(running) < self.options.jobs:
                    seed += 1
                    running.add(pool.submit(self.run, Disturbance(at=seed, span=span)))
                done, running = concurrent.futures.wait(
                    running, return_when=concurrent.futures.FIRST_COMPLETED)
                for trial in (run.result() for run in done):
                    self.count(trial)
                    if trial is None:
                        hits = self.options.random
                    else:
                        hits += trial.disturbance.kills
        print(f"{hits} kills within {span:.2f} s of a start, {time.monotonic() - began:.0f} s")

    def close(self):
        if not (self.options.keep and self.failed):
            shutil.rmtree(self.top, ignore_errors=True)
        if self.left_out:
            print(f"{self.left_out} were not reached in time")
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0


def main():
    parser = argparse.ArgumentParser()
    for name in ("sample", "random", "to", "seed", "seconds"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--fault")
    parser.add_argument("--from", type=int, default=1, dest="begin")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    asked = options.fault or ("" if options.random else "kill")
    faults = FAULTS if asked == "all" else asked.split(",") if asked else ()
    if not set(faults) <= set(FAULTS):
        parser.error(f"a fault is one of {', '.join(FAULTS)}")
    bench = Bench(options)
    try:
        for fault in faults:
            bench.run_fault(fault)
        if options.random:
            bench.run_random()
    finally:
        code = bench.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
