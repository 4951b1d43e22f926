#!/usr/bin/python3
"""One scripted run, killed at every system call of it in turn.

The run appends, rotates, pairs, delivers and resolves. After each kill the daemon is started again
and the run goes on. At the receiver every transition has arrived, in order for each site, none with
two ids, the same ids as in a run that nobody killed; the states at the end are those of the
reference.

crash_test.py [--sample N] [--random N] [--from K] [--to K] [--jobs N] [--seed N] [--keep]
              [--seconds N]
"""

import argparse
import concurrent.futures
import http.server
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
KILLER = os.path.abspath(os.environ.get("KILLER", os.path.join(BUILD, "killer")))
DEADLINE = 30

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
            entry = (what, alert["id"])
            if entry not in found.setdefault(alert["site"], []):
                found[alert["site"]].append(entry)
        return found

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Trial:
    """One run, killed at system call `at` (0: never) or after `after` seconds."""

    def __init__(self, top, name, at=0, after=None):
        self.directory = os.path.join(top, name)
        self.name = name
        self.at = at
        self.after = after
        self.receiver = Receiver()
        self.process = None
        self.died = 0
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

    def start(self, killed):
        command = [AIWATCH, "run", "-c", self.file("aiwatch.yml")]
        if killed:
            command = [KILLER, str(self.at), self.file("count")] + command
        with open(self.file("errors"), "ab") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors,
                                            stderr=errors, start_new_session=True)

    def daemon_pid(self):
        try:
            with open(self.file("count"), encoding="ascii") as count:
                return int(count.read().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def revive(self):
        """Starts the daemon again where it was killed."""
        if self.process.poll() is None:
            return
        self.died += 1
        if self.died > 3:
            raise RuntimeError(f"ended by itself with {self.process.returncode}")
        self.start(killed=False)

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
        """Ends it cleanly; where it was killed meanwhile, once more and whole."""
        for _ in range(3):
            self.wait(lambda: self.states() == STATES, f"states {STATES}")
            pid = self.process.pid if self.died or self.after is not None else self.daemon_pid()
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
            code = self.process.wait(DEADLINE)
            if code not in (137, -signal.SIGKILL):
                break
            self.revive()
        if code != 0:
            self.words.append(f"stopped with {code}")

    def kill_later(self):
        """Kills the first process where the run still goes on then."""
        first = self.process
        if not self.over.wait(self.after):
            first.kill()  # does nothing where it has been waited for

    def run(self):
        """The transitions that came, and how many system calls there were."""
        os.makedirs(self.directory)
        self.prepare()
        try:
            self.start(killed=self.after is None)
            if self.after is not None:
                threading.Thread(target=self.kill_later, daemon=True).start()
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
            whats = [what for what, _ in came.get(site, ())]
            if whats != expected:
                self.words.append(f"{site}: came {whats}, expected {expected}")
            elif reference and came[site] != reference[site]:
                self.words.append(f"{site}: other ids than without a kill")
        for site in came:
            if site not in EXPECTED:
                self.words.append(f"{site}: nobody asked for it")
        return not self.words

    def title(self):
        if self.after is not None:
            return f"killed after {self.after:.4f} s"
        return f"killed at system call {self.at}" if self.at else "left alone"


def choose(options, calls, seconds):
    """Where to kill: numbers of system calls, or seconds."""
    draw = random.Random(options.seed)
    if options.random:
        return [(0, draw.uniform(0, seconds)) for _ in range(options.random)]
    last = min(options.to or calls, calls)
    places = list(range(options.begin, last + 1))
    if options.sample and options.sample < len(places):
        places = sorted(draw.sample(places, options.sample))
    draw.shuffle(places)
    return [(place, None) for place in places]


def run_trial(top, number, place, reference, options, limit):
    if limit and time.monotonic() > limit:
        return None
    at, after = place
    trial = Trial(top, f"{number}", at, after)
    came = trial.run()
    well = trial.judge(came, reference)
    if well or not options.keep:
        shutil.rmtree(trial.directory, ignore_errors=True)
    return trial


def main():
    parser = argparse.ArgumentParser()
    for name in ("sample", "random", "to", "seed", "seconds"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--from", type=int, default=1, dest="begin")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    top = tempfile.mkdtemp(prefix="crash.", dir=shared)
    limit = time.monotonic() + options.seconds if options.seconds else 0
    failed, done = [], 0
    try:
        first = Trial(top, "reference")
        began = time.monotonic()
        reference = first.run()
        if not first.judge(reference, None):
            print("left alone: " + "\n  ".join(first.words))
            print("0 passed, 1 failed")
            return 1
        calls = first.calls()
        seconds = time.monotonic() - began
        print(f"left alone: {calls} system calls, {seconds:.1f} s", flush=True)
        places = choose(options, calls, seconds)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            runs = [pool.submit(run_trial, top, number, place, reference, options, limit)
                    for number, place in enumerate(places)]
            for run in concurrent.futures.as_completed(runs):
                trial = run.result()
                if trial is None:
                    continue
                done += 1
                if trial.words:
                    failed.append(trial)
                    print(f"{trial.title()}: " + "\n  ".join(trial.words), flush=True)
                    if options.keep:
                        print(f"  kept in {trial.directory}", flush=True)
        if done < len(places):
            print(f"{len(places) - done} of {len(places)} places not reached in time")
    finally:
        if not (options.keep and failed):
            shutil.rmtree(top, ignore_errors=True)
    print(f"{done - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
