"""A private directory with log files, the lines written to them, and what is to come of each."""

import contextlib
import gzip
import os
import random
import shutil
import subprocess
import time

from tailer import wait_for

KINDS = ("short", "long", "half", "crlf", "utf16")
MODES = ("up", "stopped", "killed")
LOG = "AIUpdateSvc.log"


class World:
    """One cell. Lines are numbered in the order in which they are written; `required` are to be
    counted exactly once, `excused` at most once, everything else never."""

    def __init__(self, directory, tailer_class, mode, kind, row, seed):
        self.directory = directory
        self.mode = mode
        self.kind = kind
        self.row = row
        self.random = random.Random(seed)
        self.logs = os.path.join(directory, "logs", "CM01")
        self.log = os.path.join(self.logs, LOG)
        os.makedirs(self.logs)
        self.patterns = [self.log]
        self.tailer_class = tailer_class
        self.options = {}
        self.tailer = None
        self.next = 0
        self.required = set()
        self.excused = set()
        self.unordered = set()
        self.tails = {}  # path to (number, the bytes that complete its last line)
        self.copied = set()  # numbers of half lines that stand in a copy too
        self.complaints = []
        self.cleanup = contextlib.ExitStack()

    # Lines

    def text(self, number):
        body = (
            f"2015-06-19T03:00:01+00:00 n{number:07d} Asset Intelligence Catalog Sync Service"
            " Error: 0 : 6/19/2015 3:00:01 AM: Exception attempting sync - The request failed"
            f" with HTTP status 500: line {number}."
        )
        if self.kind == "long":
            body += "y" * (70_000 if number % 9 == 8 else 2_500)
        return body

    def newline(self):
        return "\r\n" if self.kind == "crlf" else "\n"

    def encode(self, text):
        return text.encode("utf-16-le" if self.kind == "utf16" else "utf-8")

    def head(self):
        return b"\xff\xfe" if self.kind == "utf16" else b""

    def lines(self, count):
        """Bytes of the next `count` lines and, in cells of half lines, the tail that is left."""
        numbers = range(self.next, self.next + count)
        self.next += count
        whole = [self.encode(self.text(number) + self.newline()) for number in numbers]
        self.required.update(numbers)
        if self.kind != "half" or not whole:
            return b"".join(whole), None
        last = numbers[-1]
        self.required.discard(last)
        cut = len(whole[-1]) - self.random.choice((1, 3, 20))
        return b"".join(whole[:-1]) + whole[-1][:cut], (last, whole[-1][cut:])

    def complete(self, path):
        """The bytes that end the half line of `path`, which counts from now on."""
        tail = self.tails.pop(path, None)
        if not tail:
            return b""
        self.required.add(tail[0])
        self.excused.discard(tail[0])
        return tail[1]

    def more(self, path, count, fresh=None):
        """Bytes to be written behind what stands in `path`."""
        if fresh is None:
            fresh = not os.path.exists(path) or os.path.getsize(path) == 0
        begin = self.head() if fresh else self.complete(path)
        body, tail = self.lines(count)
        if tail:
            self.tails[path] = tail
        return begin + body

    def append(self, count, path=None, fresh=None):
        path = path or self.log
        data = self.more(path, count, fresh)
        with open(path, "ab") as log:
            log.write(data)

    def finish_line(self, path=None):
        path = path or self.log
        data = self.complete(path)
        if data:
            with open(path, "ab") as log:
                log.write(data)

    def excuse(self, numbers):
        self.required.difference_update(numbers)
        self.excused.update(numbers)

    # What happens to files

    def beside(self, suffix):
        return self.log + suffix

    def mv(self, source=None, target=None):
        source, target = source or self.log, target or self.beside(".1")
        os.rename(source, target)
        self.drop_tail(target)
        if source in self.tails:
            self.tails[target] = self.tails.pop(source)

    def cp(self, source=None, target=None):
        source, target = source or self.log, target or self.beside(".1")
        shutil.copyfile(source, target)
        self.drop_tail(target)
        if source in self.tails:
            self.tails[target] = self.tails[source]
            self.copied.add(self.tails[source][0])

    def drop_tail(self, path):
        tail = self.tails.pop(path, None)
        if tail:
            self.excused.add(tail[0])
            self.unordered.add(tail[0])

    def truncate(self, path=None, size=0):
        path = path or self.log
        os.truncate(path, size)
        self.drop_tail(path)

    def rm(self, path=None):
        path = path or self.log
        os.unlink(path)
        self.drop_tail(path)

    def replace(self, count, temporary=".AIUpdateSvc.log.Xy12Zw"):
        """A copy tool: a longer copy under another name, renamed into place."""
        target = os.path.join(self.logs, temporary)
        shutil.copyfile(self.log, target)
        if self.log in self.tails:
            self.tails[target] = self.tails.pop(self.log)
        data = self.more(target, count)
        with open(target, "ab") as copy:
            copy.write(data)
        os.rename(target, self.log)
        if target in self.tails:
            self.tails[self.log] = self.tails.pop(target)

    def compress(self, path, tool="gzip"):
        if tool == "gzip":
            with open(path, "rb") as source, gzip.open(path + ".gz", "wb") as target:
                shutil.copyfileobj(source, target)
            os.unlink(path)
        else:
            flags = {"zstd": ["--rm"], "xz": []}[tool]
            subprocess.run([tool, "-q", *flags, path], check=True)
        tail = self.tails.pop(path, None)
        if tail:
            self.tails[path + ".gz"] = tail

    def rsync(self, source, *flags):
        """By contents: two runs within a second would be taken for one by time and size."""
        subprocess.run(["rsync", "-a", "--checksum", *flags, source + "/", self.logs + "/"], check=True)

    # The program that is judged

    def demote(self):
        """It runs as nobody, so that a file's mode means something; only where we are root."""
        if os.geteuid() != 0 or not self.is_judged():
            return
        os.makedirs(os.path.join(self.directory, "state"), exist_ok=True)
        for path in (self.directory, os.path.join(self.directory, "state")):
            os.chown(path, 65534, 65534)
        os.chmod(os.path.dirname(self.directory), 0o755)
        self.options["prefix"] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]

    def start(self):
        if self.tailer is None:
            self.tailer = self.tailer_class(self.directory, self.patterns, self.options)
        self.tailer.start()

    def begin(self, count=100):
        """The usual beginning: a log, the program, and all of it counted."""
        if self.tailer_class.from_end:  # what stands there already is none of its business
            with open(self.log, "wb"):
                pass
            self.start()
            time.sleep(1.5)
        self.append(count)
        if not self.tailer:
            self.start()
        self.settle()

    def settle(self, deadline=None):
        """Waits until everything required is counted; only where the program runs."""
        if not self.tailer.is_running():
            return True
        deadline = deadline or self.tailer.settle_deadline
        return wait_for(lambda: self.required <= set(self.tailer.received()), deadline, 0.05)

    @contextlib.contextmanager
    def away(self):
        """What happens inside happens while the program is up, stopped or killed."""
        if self.mode == "stopped":
            self.tailer.stop()
        elif self.mode == "killed":
            time.sleep(self.random.uniform(0, 0.2))  # a kill comes when it likes
            self.tailer.kill()
        yield
        if self.mode != "up":
            self.tailer.start()

    def is_judged(self):
        """Of aiwatch more can be asked than which lines arrived."""
        return self.tailer_class.name == "aiwatch"

    def expect(self, condition, sentence):
        if not condition:
            self.complaints.append(sentence)

    # The verdict

    def end(self):
        """Completes what is half, waits, and judges: (missing, repeated, strange, late, words)."""
        if self.tailer is None:
            return [], [], [], 0, ["never started"]
        for path in list(self.tails):
            live = os.path.basename(path).endswith(LOG) or path == os.path.realpath(self.log)
            if live and os.path.exists(path):
                self.finish_line(path)
        for path, (number, _) in list(self.tails.items()):
            if number in self.copied or not os.path.exists(path) or self.row.half_excused:
                self.excused.add(number)
            else:
                self.required.add(number)
            self.unordered.add(number)
        self.settle(self.tailer.end_deadline)
        self.wait_quiet()
        counts = self.tailer.verdicts()
        required, excused = self.required, self.excused - self.required
        missing = sorted(number for number in required if counts.get(number, 0) == 0)
        repeated = sorted(number for number, count in counts.items() if count > 1)
        strange = sorted(set(counts) - required - excused)
        return missing, repeated, strange, self.late(), self.complaints + self.tailer.trouble()

    def wait_quiet(self):
        end = time.monotonic() + self.tailer.quiet
        before = len(self.tailer.received())
        while time.monotonic() < end:
            time.sleep(0.1)
            now = len(self.tailer.received())
            if now != before:
                before, end = now, min(end + 0.5, end + 10)

    def late(self):
        """How many lines came after one that was written later."""
        if not self.row.ordered or not self.tailer.ordered:
            return 0
        greatest, late = -1, 0
        for number in self.tailer.received():
            if number in self.unordered:
                continue
            late += number < greatest
            greatest = max(greatest, number)
        return late

    def close(self):
        if self.tailer:
            self.tailer.kill()
        self.cleanup.close()
