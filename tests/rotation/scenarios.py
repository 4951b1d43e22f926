"""The rows: what happens to log files in real life, as scripts over a World."""

import mmap
import os
import shutil
import signal
import subprocess
import threading
import time

from tailer import build, wait_for
from world import KINDS, LOG, MODES

ROWS = []


class Row:
    def __init__(self, name, title, script, **more):
        self.name, self.title, self.script = name, title, script
        self.modes = more.pop("modes", MODES)
        self.kinds = more.pop("kinds", KINDS)
        self.ordered = more.pop("ordered", True)
        self.half_excused = more.pop("half_excused", False)
        self.peers = more.pop("peers", True)
        assert not more, more


def row(name, title, **more):
    def keep(script):
        ROWS.append(Row(name, title, script, **more))
        return script

    return keep


UP = ("up",)
PLAIN = ("short",)


# A. Rotation, deletion, links


@row("A0", "nothing but appending")
def a0(w):
    w.begin()
    with w.away():
        w.append(50)
    w.append(50)


@row("A1", "renamed, new file")
def a1(w):
    w.begin()
    with w.away():
        w.mv()
        w.append(100)


@row("A2", "writer goes on in the renamed file", ordered=False)
def a2(w):
    w.begin()
    with w.away():
        with open(w.log, "ab") as old:
            old.write(w.more(w.log, 1, fresh=False))
            old.flush()
            w.mv()
            w.append(50)
            if w.mode == "up":
                w.settle()
                time.sleep(1.5)
            old.write(w.more(w.beside(".1"), 50, fresh=False))


@row("A2r", "renamed file grows again later, opened anew", ordered=False, half_excused=True)
def a2r(w):
    w.begin()
    w.finish_line()
    with w.away():
        w.mv()
        w.append(50)
        if w.mode == "up":
            w.settle()
        w.append(50, w.beside(".1"))


@row("A3", "renamed with a large rest unread", kinds=PLAIN)
def a3(w):
    w.begin()
    with w.away():
        filler = w.encode("nothing that a rule knows stands in this line of the log\n") * 1000
        for _ in range(300):
            data = w.more(w.log, 1)
            with open(w.log, "ab") as log:
                log.write(filler + data)
        w.mv()
        w.append(50)


@row("A4", "appended, renamed, appended")
def a4(w):
    w.begin()
    with w.away():
        w.append(50)
        w.mv()
        w.append(50)


@row("A5", "three rotations without a pause")
def a5(w):
    w.begin()
    with w.away():
        w.append(50)
        for turn in range(3):
            for number in range(turn, 0, -1):
                w.mv(w.beside(f".{number}"), w.beside(f".{number + 1}"))
            w.mv()
            w.append(50)


@row("A6", "path missing, then unreadable, then there")
def a6(w):
    w.demote()
    w.begin()
    with w.away():
        w.mv()
        if w.mode == "up":
            time.sleep(1.5)
        with open(w.log, "wb"):
            pass
        os.chmod(w.log, 0)
        w.append(50)
    time.sleep(1.2)
    os.chmod(w.log, 0o644)


def compressed(w, tool):
    w.begin()
    with w.away():
        w.append(50)
        w.mv()
        w.append(50)
        w.compress(w.beside(".1"), tool)


@row("A7", "renamed and gzipped", half_excused=True)
def a7(w):
    compressed(w, "gzip")


@row("A7z", "renamed and compressed by zstd", kinds=PLAIN)
def a7z(w):
    compressed(w, "zstd")


@row("A7x", "renamed and compressed by xz", kinds=PLAIN)
def a7x(w):
    compressed(w, "xz")


@row("A7d", "renamed twice, the older one gzipped", half_excused=True)
def a7d(w):
    w.begin()
    with w.away():
        w.append(50)
        w.mv()
        w.append(50)
        w.mv(w.beside(".1"), w.beside(".2"))
        w.compress(w.beside(".2"))
        w.mv()
        w.append(50)


@row("A8", "rotated to another directory")
def a8(w):
    w.begin()
    old = os.path.join(w.directory, "old")
    os.mkdir(old)
    with w.away():
        w.append(50)
        w.mv(target=os.path.join(old, "AIUpdateSvc.log-20261123"))
        w.append(50)


@row("A8d", "rotated to a name with a date")
def a8d(w):
    w.begin()
    with w.away():
        w.append(50)
        w.mv(target=w.beside("-20261123"))
        w.append(50)
        w.mv(target=os.path.join(w.logs, "AIUpdateSvc-20261124.log"))
        w.append(50)


@row("A8g", "rotated to a name with a date and the ending, gzipped", half_excused=True)
def a8g(w):
    w.begin()
    with w.away():
        w.append(50)
        dated = os.path.join(w.logs, "AIUpdateSvc-20261124.log")
        w.mv(target=dated)
        w.append(50)
        w.compress(dated)


@row("A9", "the rotated name matches the pattern too")
def a9(w):
    w.patterns = [w.log + "*"]
    w.begin()
    with w.away():
        w.append(50)
        w.mv()
        w.append(50)


@row("A10", "deleted with bytes unread", half_excused=True)
def a10(w):
    w.begin()
    if w.mode == "up":
        w.append(50)
        w.rm()
        w.append(50)
    else:
        with w.away():
            w.rm()
            w.append(50)
    w.settle()
    if w.is_judged() and w.mode == "up":
        w.expect(no_deleted_files(w), "a deleted file stays open")


def no_deleted_files(w):
    def none_open():
        folder = f"/proc/{w.tailer.process.pid}/fd"
        try:
            links = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]
        except OSError:
            return True
        return not any("(deleted)" in link and LOG in link for link in links)

    end = time.monotonic() + 45
    while not none_open():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


@row("A11", "deleted, created with the same inode number", half_excused=True)
def a11(w):
    w.begin()
    with w.away():
        number = os.stat(w.log).st_ino
        w.rm()
        for turn in range(200):
            with open(w.log, "wb"):
                pass
            if os.stat(w.log).st_ino == number:
                break
            os.rename(w.log, os.path.join(w.directory, f"other{turn}"))
        w.append(100 + w.random.choice((0, 50)))


@row("A11s", "the same, a file under 512 bytes", half_excused=True)
def a11s(w):
    w.begin(2)
    with w.away():
        w.rm()
        w.append(2)


@row("A12", "symlink swapped to another file")
def a12(w):
    targets = os.path.join(w.directory, "targets")
    os.mkdir(targets)
    first = os.path.join(targets, "t0")
    w.append(100, first)
    os.symlink(first, w.log)
    w.start()
    w.settle()
    for turn in range(1, 6 if w.mode == "up" else 2):
        with w.away():
            target = os.path.join(targets, f"t{turn}")
            w.append(20, os.path.join(targets, f"t{turn - 1}"))
            w.append(20, target)
            os.symlink(target, w.log + ".new")
            os.rename(w.log + ".new", w.log)
        w.settle(6)


@row("A13", "written through a hard link elsewhere")
def a13(w):
    w.begin()
    other = os.path.join(w.directory, "other.log")
    with w.away():
        os.link(w.log, other)
        data = w.more(w.log, 50)
        with open(other, "ab") as log:
            log.write(data)


@row("A13g", "two names of one file in the pattern")
def a13g(w):
    w.patterns = [os.path.join(w.logs, "*" + LOG)]
    w.begin()
    with w.away():
        os.link(w.log, os.path.join(w.logs, "b-" + LOG))
        w.append(50)


@row("A14", "the rotated file overwritten", half_excused=True)
def a14(w):
    w.begin()
    with w.away():
        w.mv()
        w.append(50)
    w.settle()
    w.finish_line()
    with w.away():
        with open(w.beside(".1"), "r+b") as old:
            old.write(os.urandom(os.path.getsize(w.beside(".1"))))
        w.drop_tail(w.beside(".1"))


# B. Truncation and rewriting in place


@row("B1", "copied and truncated", half_excused=True)
def b1(w):
    w.begin()
    with w.away():
        w.cp()
        w.truncate()
        w.append(50)


@row("B2", "lines just before the copy and the truncation", half_excused=True)
def b2(w):
    w.begin()
    with w.away():
        w.append(50)
        w.cp()
        w.truncate()
        w.append(50)


@row("B2t", "copied and truncated three times in a row", half_excused=True)
def b2t(w):
    w.begin()
    with w.away():
        for turn in range(3):
            w.append(50)
            for number in range(turn, 0, -1):
                w.mv(w.beside(f".{number}"), w.beside(f".{number + 1}"))
            w.cp()
            w.truncate()
        w.append(50)


@row("B3", "truncated and bigger at once", half_excused=True)
def b3(w):
    w.begin()
    with w.away():
        w.drop_tail(w.log)
        data = w.more(w.log, 200, fresh=True)
        with open(w.log, "r+b") as log:
            log.truncate()
            log.write(data)


@row("B4", "truncated, the same size at once", half_excused=True)
def b4(w):
    w.begin()
    with w.away():
        w.drop_tail(w.log)
        size = os.path.getsize(w.log)
        first, more = w.next, w.more(w.log, 101, fresh=True)
        data = more[:size]
        cut = data.rfind(w.encode(w.newline()))
        kept = data[:cut].count(w.encode(w.newline())) + 1
        for number in range(first + kept, w.next):
            w.required.discard(number)
        tail = w.tails.pop(w.log, None)
        if tail:
            w.required.discard(tail[0])
            w.excused.add(tail[0])
        w.excused.update(range(first + kept, w.next))
        with open(w.log, "r+b") as log:
            log.truncate()
            log.write(data)
    w.settle()
    with w.away():
        rest = more[size:]
        with open(w.log, "ab") as log:
            log.write(rest)
        if tail:
            w.tails[w.log] = tail
        for number in range(first + kept, w.next - (1 if tail else 0)):
            w.excused.discard(number)
            w.required.add(number)


@row("B5", "truncated under a writer that does not append", half_excused=True)
def b5(w):
    w.begin()
    with w.away():
        with open(w.log, "r+b") as log:
            log.seek(0, 2)
            log.write(w.complete(w.log))
            log.write(w.more(w.log, 10, fresh=False))
            log.flush()
            if w.mode == "up":
                w.settle()
            w.cp()
            w.truncate()
            kind, w.kind = w.kind, "short" if w.kind == "half" else w.kind
            log.write(w.lines(50)[0])
            w.kind = kind


@row("B6", "emptied by cp /dev/null", half_excused=True)
def b6(w):
    w.begin()
    with w.away():
        shutil.copyfile("/dev/null", w.log)
        w.drop_tail(w.log)
        w.append(50)


@row("B6s", "cut to 100 bytes, then appended", kinds=("short", "crlf"), half_excused=True,
     peers=False)
def b6s(w):
    w.begin()
    with w.away():
        w.truncate(size=100)
        if w.mode == "up":
            time.sleep(1.5)
        with open(w.log, "ab") as log:
            log.write(b"\n" + w.lines(50)[0])
    w.excuse({0})


@row("B7", "space allocated before it is written")
def b7(w):
    w.begin()
    with w.away():
        for _ in range(3):
            end = os.path.getsize(w.log)
            data = w.more(w.log, 20)
            with open(w.log, "r+b") as log:
                os.posix_fallocate(log.fileno(), end, 1 << 20)
                if w.mode == "up":
                    time.sleep(1.2)
                os.pwrite(log.fileno(), data, end)
                if w.mode == "up":
                    w.settle()
                os.ftruncate(log.fileno(), end + len(data))


@row("B7m", "written through a mapping")
def b7m(w):
    w.begin()
    with w.away():
        data = w.more(w.log, 50)
        end = os.path.getsize(w.log)
        with open(w.log, "r+b") as log:
            os.ftruncate(log.fileno(), end + len(data))
            with mmap.mmap(log.fileno(), end + len(data)) as view:
                if w.mode == "up":
                    time.sleep(1.2)
                view[end:] = data


@row("B8", "edited near its head by sed -i")
def b8(w):
    w.begin()
    temporary = os.path.join(w.logs, "sedQx3ZkW")
    with w.away():
        with open(w.log, "rb") as log:
            text = log.read()
        word = w.encode("line 3.")
        with open(temporary, "wb") as out:
            out.write(text.replace(word, w.encode("LINE 3."), 1))
        if w.log in w.tails:
            w.tails[temporary] = w.tails.pop(w.log)
        os.rename(temporary, w.log)
        if temporary in w.tails:
            w.tails[w.log] = w.tails.pop(temporary)
        w.append(50)


@row("B8i", "edited near its head in place")
def b8i(w):
    w.begin()
    with w.away():
        word = w.encode("line 3.")
        with open(w.log, "r+b") as log:
            log.seek(log.read().index(word))
            log.write(w.encode("LINE 3."))
        w.append(50)


def gaps(w):
    status = w.tailer.status() or {}
    told = [item["gaps"] for item in status.get("inputs", [])]
    return any(sum(gap.values()) if isinstance(gap, dict) else gap for gap in told)


def known_loss(w, lose):
    """The beginning of a line was seen and is destroyed: that is a gap, and is said."""
    w.begin()
    w.finish_line()
    w.settle()
    data, _ = w.lines(1)
    w.excuse({w.next - 1})
    w.tails.pop(w.log, None)
    with open(w.log, "ab") as log:
        log.write(data[:60])
    time.sleep(1.5)
    with w.away():
        lose()
        w.append(50)
    w.settle()
    # A copy that holds the rest may still turn up: for 30 s it is no gap.
    w.expect(wait_for(lambda: gaps(w), 60, 0.5), "no gap is told")


@row("B9", "half a line seen, then truncated: a gap is told", kinds=("short", "crlf"),
     half_excused=True, peers=False)
def b9(w):
    known_loss(w, w.truncate)


@row("B9d", "half a line seen, then deleted while down: a gap is told", kinds=("short", "crlf"),
     modes=("stopped", "killed"), half_excused=True, peers=False)
def b9d(w):
    known_loss(w, w.rm)


# C. Files maintained by copy tools


@row("C1", "replaced by longer copies, five times")
def c1(w):
    w.begin()
    for _ in range(5 if w.mode == "up" else 2):
        with w.away():
            w.replace(30)
        w.settle()


@row("C1q", "replaced by longer copies, without a pause")
def c1q(w):
    w.begin()
    with w.away():
        for _ in range(5):
            w.replace(30)


@row("C1r", "rsync, five runs")
def c1r(w):
    source = os.path.join(w.directory, "source")
    os.mkdir(source)
    origin = os.path.join(source, LOG)
    w.append(100, origin)
    w.rsync(source)
    w.start()
    w.settle()
    for _ in range(5 if w.mode == "up" else 2):
        with w.away():
            w.append(30, origin)
            w.rsync(source)
        w.settle()
    finish_source(w, source, origin)


def finish_source(w, source, origin, *flags):
    if origin in w.tails:
        w.finish_line(origin)
        w.rsync(source, *flags)


@row("C2", "replaced with lines appended before, unread")
def c2(w):
    w.begin()
    with w.away():
        w.append(30)
        w.replace(30)
        w.append(30)


def rsync_flags(w, *flags):
    source = os.path.join(w.directory, "source")
    os.mkdir(source)
    origin = os.path.join(source, LOG)
    w.append(100, origin)
    w.rsync(source)
    w.start()
    w.settle()
    for _ in range(3 if w.mode == "up" else 1):
        with w.away():
            w.append(50, origin)
            w.rsync(source, *flags)
        w.settle()
    finish_source(w, source, origin, *flags)


@row("C3", "rsync --inplace")
def c3(w):
    rsync_flags(w, "--inplace")


@row("C4", "rsync --append")
def c4(w):
    rsync_flags(w, "--append")


@row("C4v", "rsync --append-verify", kinds=PLAIN)
def c4v(w):
    rsync_flags(w, "--append-verify")


def rewritten(w, steps, seconds, truncate):
    w.begin()
    with open(w.log, "rb") as log:
        old = log.read()
    with w.away():
        data = old + w.more(w.log, 50, fresh=False)
        size = -(-len(data) // steps)
        with open(w.log, "r+b", buffering=0) as log:
            if truncate:
                log.truncate(0)
            for at in range(0, len(data), size):
                log.write(data[at : at + size])
                if w.mode == "up":
                    time.sleep(seconds / steps)
    if w.mode != "up":
        return
    w.settle()


@row("C5", "truncated, then slowly written again with more")
def c5(w):
    rewritten(w, 40, 2.5, True)


@row("C5f", "truncated, then written again within 0.3 s")
def c5f(w):
    rewritten(w, 6, 0.3, True)


@row("C5n", "written over from 0 without truncation, as scp -O")
def c5n(w):
    rewritten(w, 20, 2.5, False)


@row("C5k", "killed and started in the middle of the rewriting", modes=("killed",))
def c5k(w):
    w.begin()
    with open(w.log, "rb") as log:
        old = log.read()
    data = old + w.more(w.log, 50, fresh=False)
    half = len(old) // 2
    w.tailer.kill()
    with open(w.log, "wb") as log:
        log.write(data[:half])
    w.tailer.start()
    time.sleep(1.5)
    with open(w.log, "ab") as log:
        log.write(data[half:])


@row("C6", "an older copy, later the newer one")
def c6(w):
    w.begin(60)
    older = os.path.join(w.directory, "older")
    shutil.copyfile(w.log, older)
    w.append(40)
    w.settle()
    newer = os.path.join(w.directory, "newer")
    shutil.copyfile(w.log, newer)
    tail = w.tails.pop(w.log, None)
    with w.away():
        os.rename(older, w.log)
    time.sleep(1.5)
    with w.away():
        if tail:
            w.tails[newer] = tail
        data = w.more(newer, 30)
        with open(newer, "ab") as out:
            out.write(data)
        os.rename(newer, w.log)
        if newer in w.tails:
            w.tails[w.log] = w.tails.pop(newer)


def rolled_at_source(w, *flags):
    source = os.path.join(w.directory, "source")
    os.mkdir(source)
    origin, rolled = os.path.join(source, LOG), os.path.join(source, "AIUpdateSvc.lo_")
    w.append(100, origin)
    w.rsync(source, *flags)
    w.start()
    w.settle()
    for turn in range(3):
        with w.away():
            w.append(70, origin)
            w.mv(origin, rolled)
            w.append(40, origin)
            w.rsync(source, *flags)
        w.settle()
        if turn < 2:
            w.append(20, origin)
            w.rsync(source, *flags)
            w.settle()
    finish_source(w, source, origin, *flags)


@row("C7", "rolled to .lo_ at the source, rsync", half_excused=True)
def c7(w):
    rolled_at_source(w)


@row("C7i", "rolled to .lo_ at the source, rsync --inplace", half_excused=True)
def c7i(w):
    rolled_at_source(w, "--inplace")


@row("C7h", "rolled to .lo_ on the host itself: copied, truncated", half_excused=True)
def c7h(w):
    w.begin()
    rolled = os.path.join(w.logs, "AIUpdateSvc.lo_")
    for _ in range(2):
        with w.away():
            w.append(30)
            w.cp(target=rolled)
            w.truncate()
            w.append(20)
        w.settle()


@row("C8", "temporary names in the pattern")
def c8(w):
    w.patterns = [os.path.join(w.logs, "*" + LOG + "*")]
    w.begin()
    with w.away():
        for name in (".AIUpdateSvc.log.Xy12Zw", "AIUpdateSvc.log.tmp", "AIUpdateSvc.log.partial"):
            shutil.copyfile(w.log, os.path.join(w.logs, name))
        w.append(30)


@row("C9", "a copy that ends inside a line, completed by the next")
def c9(w):
    w.begin(30)
    for _ in range(3 if w.mode == "up" else 1):
        w.finish_line()
        if w.kind == "half":
            w.settle()
        with w.away():
            data = w.more(w.log, 10, fresh=False)
            with open(w.log, "rb") as log:
                whole = log.read() + data
            cut = len(whole) - w.random.randrange(20, 60)
            for end in (cut, len(whole)):
                with open(w.log + ".copying~", "wb") as out:
                    out.write(whole[:end])
                os.rename(w.log + ".copying~", w.log)
                if w.mode == "up":
                    time.sleep(1.2)
        w.settle()


@row("C10", "copies with modification times of 1980")
def c10(w):
    w.begin()
    os.utime(w.log, (315532800, 315532800))
    with w.away():
        for _ in range(3):
            data = w.more(w.log, 30)
            with open(w.log, "ab") as log:
                log.write(data)
            os.utime(w.log, (315532800, 315532800))


@row("C11", "a copy that cannot be read for a moment")
def c11(w):
    w.demote()
    w.begin()
    with w.away():
        w.replace(30)
        os.chmod(w.log, 0)
    time.sleep(1.2)
    os.chmod(w.log, 0o644)


# D. Identity


@row("D3", "unmounted and mounted again", kinds=PLAIN, peers=False)
def d3(w):
    image = os.path.join(w.directory, "image")
    with open(image, "wb") as out:
        out.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    mount(w, "-o", "loop", image, w.logs)
    w.begin()
    with w.away():
        subprocess.run(["umount", "-l" if w.mode == "up" else "-f", w.logs], check=True)
        if w.mode == "up":
            time.sleep(2)
        mount(w, "-o", "loop", image, w.logs)
        w.append(50)


def mount(w, *arguments):
    if subprocess.run(["mount", *arguments], check=False, stderr=subprocess.DEVNULL).returncode:
        raise PermissionError("cannot mount")
    w.cleanup.callback(
        subprocess.run, ["umount", "-l", arguments[-1]], check=False, stderr=subprocess.DEVNULL
    )


@row("D4", "twenty files with one 2 KB header, rotated", ordered=False)
def d4(w):
    header = w.encode("#Fields: nothing that a rule knows, but the same in every file\n" * 32)
    w.patterns = [os.path.join(w.logs, "*" + LOG)]
    paths = [os.path.join(w.logs, f"n{number:02d}-{LOG}") for number in range(20)]

    def fill(count):
        for path in paths:
            if not os.path.exists(path):
                with open(path, "wb") as log:
                    log.write(w.head() + header)
            w.append(count, path)

    fill(5)
    w.start()
    w.settle()
    with w.away():
        for path in paths:
            w.mv(path, path + ".1")
        fill(5)


def tiny(w, size):
    with open(w.log, "wb") as log:
        log.write(w.head() + w.encode("x" * (size - 1) + "\n"))
    w.start()
    time.sleep(1.2)
    with w.away():
        w.mv()
        with open(w.log, "wb") as log:
            log.write(w.head() + w.encode("x" * (size - 1) + "\n"))
        w.append(20)
    w.settle()
    with w.away():
        w.replace(20)


@row("D5a", "files of one byte")
def d5a(w):
    tiny(w, 1)


@row("D5b", "files of ten bytes")
def d5b(w):
    tiny(w, 10)


@row("D5c", "files of a hundred bytes")
def d5c(w):
    tiny(w, 100)


@row("D6", "a copy of the log in the pattern", half_excused=True)
def d6(w):
    w.patterns = [os.path.join(w.logs, "*" + LOG)]
    w.begin()
    w.finish_line()
    w.settle()
    copy = os.path.join(w.logs, "copy-of-" + LOG)
    with w.away():
        shutil.copyfile(w.log, copy)
        w.append(50)
    w.finish_line()
    w.settle()
    if w.is_judged():
        wait_for(lambda: w.tailer.status()["inputs"][0]["files"] == 2, 20, 0.2)
        w.append(5, copy)


@row("D7", "overlay: a lower file that is appended to", kinds=PLAIN, peers=False)
def d7(w):
    lower, upper, work = (os.path.join(w.directory, name) for name in ("lower", "upper", "work"))
    for path in (lower, upper, work):
        os.mkdir(path)
    w.append(100, os.path.join(lower, LOG))
    mount(w, "-t", "overlay", "overlay",
          "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", w.logs)
    w.start()
    w.settle()
    with w.away():
        w.append(50)


# E. Content


@row("E1", "lines written in pieces", modes=("up", "killed"))
def e1(w):
    w.begin(10)
    data = w.more(w.log, 5)
    step = max(1, len(data) // 40)
    with open(w.log, "ab", buffering=0) as log:
        for at in range(0, len(data), step):
            log.write(data[at : at + step])
            time.sleep(0.05)
            if w.mode == "killed" and at // step == 20:
                w.tailer.kill()
                w.tailer.start()


@row("E2", "a last line without newline waits for it", kinds=("short", "crlf", "utf16"))
def e2(w):
    w.begin(10)
    with w.away():
        w.kind, kind = "half", w.kind
        w.kind = kind
        data, _ = w.lines(1)
        number = w.next - 1
        cut = len(w.encode(w.newline()))
        with open(w.log, "ab") as log:
            log.write(data[:-cut])
    time.sleep(2.5)
    if w.is_judged():
        w.expect(number not in w.tailer.verdicts(), "a half line was taken")
    with open(w.log, "ab") as log:
        log.write(data[-cut:])


@row("E2f", "flush_partial_after takes it, once", kinds=("short", "crlf", "utf16"), peers=False)
def e2f(w):
    w.options["input"] = {"flush_partial_after": "1s"}
    w.begin(10)
    with w.away():
        data, _ = w.lines(1)
        cut = len(w.encode(w.newline()))
        with open(w.log, "ab") as log:
            log.write(data[:-cut])
    w.expect(w.settle(10), "the half line was not taken")
    with w.away():
        with open(w.log, "ab") as log:
            log.write(data[-cut:])
        w.append(10)


@row("E3", "half a line, then a restart, then the rest", modes=("stopped", "killed"))
def e3(w):
    w.begin(10)
    data = w.more(w.log, 3)
    with open(w.log, "ab") as log:
        log.write(data[:-40])
    time.sleep(1.2)
    with w.away():
        pass
    time.sleep(1.2)
    with open(w.log, "ab") as log:
        log.write(data[-40:])


@row("E4", "no newline at the end, then rotated", kinds=PLAIN)
def e4(w):
    w.begin(10)
    with w.away():
        data, _ = w.lines(1)
        with open(w.log, "ab") as log:
            log.write(data[:-1])
        w.unordered.add(w.next - 1)
        w.mv()
        w.append(10)


@row("E5", "a line of 3 MB", kinds=("short", "crlf", "utf16"))
def e5(w):
    w.begin(10)
    with w.away():
        with open(w.log, "ab") as log:
            log.write(w.encode("z" * 3_000_000 + w.newline()))
        w.append(10)


@row("E5k", "restarted inside a line of 3 MB", kinds=("short", "crlf", "utf16"),
     modes=("stopped", "killed"))
def e5k(w):
    w.begin(10)
    text = w.encode(w.text(10_000_000 % 10_000_000 + w.next).rstrip(".") + "z" * 3_000_000)
    w.required.add(w.next)
    w.next += 1
    with open(w.log, "ab") as log:
        log.write(text[: len(text) // 2 // 2 * 2])
    time.sleep(1.5)
    with w.away():
        pass
    with open(w.log, "ab") as log:
        log.write(text[len(text) // 2 // 2 * 2 :] + w.encode(w.newline()))
    w.append(10)


@row("E6", "NUL bytes inside lines", kinds=("short", "long", "crlf"))
def e6(w):
    w.begin(10)
    with w.away():
        data, _ = w.lines(20)
        with open(w.log, "ab") as log:
            log.write(data.replace(b"500: line", b"500: \0 line"))


@row("E7", "CR and LF in different reads", kinds=("crlf", "utf16"), modes=UP)
def e7(w):
    w.begin(10)
    for _ in range(4):
        data, _ = w.lines(1)
        cut = len(w.encode("\n"))
        with open(w.log, "ab", buffering=0) as log:
            log.write(data[:-cut])
            time.sleep(0.6)
            log.write(data[-cut:])


@row("E8", "UTF-16 with U+0A0A and U+020A in its lines", kinds=("utf16",))
def e8(w):
    text = w.text
    w.text = lambda number: text(number) + " \u0a0a \u020a \u0a0d"
    w.begin()
    with w.away():
        w.append(50)
        w.mv()
        w.append(50)


@row("E8b", "UTF-16, big end first", kinds=("utf16",))
def e8b(w):
    w.encode = lambda text: text.encode("utf-16-be")
    w.head = lambda: b"\xfe\xff"
    w.begin()
    with w.away():
        w.append(50)
        w.mv()
        w.append(50)


@row("E9", "a byte order mark in front of UTF-8", kinds=("short", "half", "crlf"))
def e9(w):
    w.head = lambda: b"\xef\xbb\xbf"
    w.begin()
    with w.away():
        w.mv()
        w.append(50)


@row("E10", "UTF-8, then rotated, then UTF-16", kinds=PLAIN)
def e10(w):
    w.begin()
    with w.away():
        w.append(20)
        w.mv()
        w.kind = "utf16"
        w.append(50)
    w.settle()
    with w.away():
        w.append(20)


@row("E11", "invalid bytes inside lines", kinds=("short", "crlf"))
def e11(w):
    w.begin(10)
    with w.away():
        data, _ = w.lines(20)
        with open(w.log, "ab") as log:
            log.write(b"\xff\xfe\x80\xc3(\n" + data.replace(b"500: line", b"500: \xc3\x28\xff line"))


@row("E12", "empty lines and blanks")
def e12(w):
    w.begin(10)
    w.finish_line()
    with w.away():
        for _ in range(5):
            with open(w.log, "ab") as log:
                log.write(w.encode(w.newline() * 3 + "   " + w.newline() + "\t" + w.newline()))
            w.append(4)
            w.finish_line()


# F. Watching, resources, environment


@row("F1", "the queue of inotify overflows", kinds=PLAIN, modes=UP, ordered=False, peers=False)
def f1(w):
    w.patterns = [os.path.join(w.logs, "*" + LOG)]
    paths = [os.path.join(w.logs, f"n{number:02d}-{LOG}") for number in range(20)]
    for path in paths:
        w.append(2, path)
    w.start()
    w.settle()
    os.kill(w.tailer.process.pid, signal.SIGSTOP)
    for number in range(9000):
        junk = os.path.join(w.logs, f"junk{number}")
        with open(junk, "wb"):
            pass
        os.unlink(junk)
    for path in paths:
        w.append(3, path)
        w.mv(path, path + ".1")
        w.append(3, path)
    os.kill(w.tailer.process.pid, signal.SIGCONT)


def limited(w, limit, value):
    w.options["prefix"] = [
        "unshare", "--user", "--map-root-user", "sh", "-c",
        f'echo {value} >/proc/sys/user/{limit} && exec "$@"', "sh",
    ]
    if subprocess.run(w.options["prefix"] + ["true"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        raise PermissionError("no namespace can be made")
    w.begin()
    with w.away():
        w.append(50)
        w.mv()
        w.append(50)


@row("F2", "no inotify watch to be had", kinds=PLAIN, peers=False)
def f2(w):
    limited(w, "max_inotify_watches", 0)


@row("F3", "no inotify instance to be had", kinds=PLAIN, peers=False)
def f3(w):
    limited(w, "max_inotify_instances", 0)


@row("F4", "200 files with 48 descriptors, all rotated", kinds=PLAIN, ordered=False, peers=False)
def f4(w):
    w.options["prefix"] = ["prlimit", "--nofile=48:48"]
    w.patterns = [os.path.join(w.logs, "*" + LOG)]
    paths = [os.path.join(w.logs, f"n{number:03d}-{LOG}") for number in range(200)]
    for path in paths:
        w.append(1, path)
    w.start()
    w.settle()
    with w.away():
        for path in paths:
            w.append(1, path)
            w.mv(path, path + ".1")
            w.append(1, path)


@row("F5", "overlay: written in the upper directory", kinds=PLAIN, peers=False)
def f5(w):
    lower, upper, work = (os.path.join(w.directory, name) for name in ("lower", "upper", "work"))
    for path in (lower, upper, work):
        os.mkdir(path)
    mount(w, "-t", "overlay", "overlay",
          "-o", f"lowerdir={lower},upperdir={upper},workdir={work}", w.logs)
    w.begin()
    with w.away():
        data = w.more(w.log, 50)
        with open(os.path.join(upper, LOG), "ab") as log:
            log.write(data)


def preloaded(w, name):
    w.options["environment"] = {
        "LD_PRELOAD": os.path.abspath(os.path.join(build(), "preload.so")),
        name: os.path.join(w.directory, name),
    }
    return w.options["environment"][name]


@row("F6", "a share reports half the size, once", peers=False)
def f6(w):
    shrink = preloaded(w, "JUDGE_SHRINK")
    w.begin()
    for _ in range(3):
        with w.away():
            with open(shrink, "wb"):
                pass
            w.append(20)
        w.settle()
        time.sleep(1.2)


@row("F12", "the clock jumps a day ahead, then two back", kinds=PLAIN, peers=False)
def f12(w):
    clock = preloaded(w, "JUDGE_CLOCK")
    w.begin()
    for seconds in (86400, -86400, 0):
        with w.away():
            w.append(20)
            with open(clock + ".new", "w", encoding="ascii") as out:
                out.write(str(seconds))
            os.rename(clock + ".new", clock)
            w.append(20)
            w.mv(w.log, w.beside(f".{seconds}"))
            w.append(20)
        w.settle()


@row("F7", "a directory that appears later, nested", ordered=False, peers=False)
def f7(w):
    top = os.path.join(w.directory, "logs")
    w.patterns = [os.path.join(top, "**", "*" + LOG)]
    w.begin()
    with w.away():
        for name in ("x/y", "x/z", "v"):
            folder = os.path.join(top, name)
            os.makedirs(folder)
            w.append(20, os.path.join(folder, LOG))


@row("F8", "the directory renamed, and back", peers=False)
def f8(w):
    w.begin()
    with w.away():
        os.rename(w.logs, w.logs + ".away")
        if w.mode == "up":
            time.sleep(2)
        os.rename(w.logs + ".away", w.logs)
        w.append(50)


@row("F8d", "the directory deleted and made again", half_excused=True, peers=False)
def f8d(w):
    w.begin()
    w.finish_line()
    w.settle()
    with w.away():
        shutil.rmtree(w.logs)
        os.mkdir(w.logs)
        w.append(50)


@row("F9", "permission lost and regained", peers=False)
def f9(w):
    w.demote()
    w.begin()
    with w.away():
        os.chmod(w.log, 0)
        w.append(30)
    time.sleep(1.2)
    os.chmod(w.log, 0o644)


@row("F10", "a FIFO, a directory, a device in the pattern", kinds=PLAIN, peers=False)
def f10(w):
    w.patterns = [os.path.join(w.logs, "*" + LOG)]
    os.mkfifo(os.path.join(w.logs, "fifo-" + LOG))
    os.mkdir(os.path.join(w.logs, "directory-" + LOG))
    os.symlink("/dev/zero", os.path.join(w.logs, "zero-" + LOG))
    os.symlink("nowhere", os.path.join(w.logs, "dangling-" + LOG))
    w.begin()
    with w.away():
        w.append(50)


@row("F11", "another file system mounted over it, and away", kinds=PLAIN, peers=False)
def f11(w):
    w.begin()
    with w.away():
        mount(w, "-t", "tmpfs", "tmpfs", w.logs)
        if w.mode == "up":
            time.sleep(2)
        subprocess.run(["umount", "-l", w.logs], check=True)
        w.append(50)


@row("F13", "reloads every 50 ms while lines are written", modes=UP, peers=False)
def f13(w):
    w.begin()
    for turn in range(30):
        w.append(5)
        os.kill(w.tailer.process.pid, signal.SIGHUP)
        if turn == 15:
            w.mv()
        time.sleep(0.05)


@row("F14", "2,000 files, one of them with 256 MB unread", kinds=PLAIN, modes=UP, ordered=False,
     peers=False)
def f14(w):
    w.patterns = [os.path.join(w.directory, "logs", "**", "*" + LOG)]
    w.begin()
    os.kill(w.tailer.process.pid, signal.SIGSTOP)
    filler = b"nothing that a rule knows stands in this line of the log\n" * 18_000
    with open(w.log, "ab") as log:
        for _ in range(256):
            log.write(filler)
    last = w.next
    w.append(1)
    for number in range(2000):
        folder = os.path.join(w.directory, "logs", f"S{number:04d}")
        os.mkdir(folder)
        if number % 20 == 0:
            w.append(1, os.path.join(folder, LOG))
        else:
            with open(os.path.join(folder, LOG), "wb") as log:
                log.write(b"nothing\n")
    os.kill(w.tailer.process.pid, signal.SIGCONT)
    w.settle(60)
    received = w.tailer.received()
    w.expect(received and received[-1] == last, "the others waited for the large one")
    w.append(5)


@row("F15", "5 GiB of holes, then text", kinds=PLAIN, peers=False)
def f15(w):
    w.begin()
    with w.away():
        with open(w.log, "r+b") as log:
            log.seek(5 << 30)
            log.write(b"\n" + w.lines(50)[0])


# G. Checkpoint


def killed_often(w, step, times=8):
    w.begin()
    for _ in range(times):
        step()
        time.sleep(w.random.uniform(0, 0.3))
        w.tailer.kill()
        w.tailer.start()
    w.settle()


def rotate(w):
    for number in range(8, 0, -1):
        if os.path.exists(w.beside(f".{number}")):
            w.mv(w.beside(f".{number}"), w.beside(f".{number + 1}"))
    if os.path.exists(w.log):
        w.mv()


@row("G1", "killed at random while lines are appended", modes=("killed",))
def g1(w):
    killed_often(w, lambda: w.append(30))


@row("G1a", "killed at random while it is rotated", modes=("killed",))
def g1a(w):
    def step():
        w.append(20)
        rotate(w)
        w.append(20)

    killed_often(w, step)


@row("G1b", "killed at random while it is copied and truncated", modes=("killed",),
     half_excused=True)
def g1b(w):
    def step():
        w.append(20)
        for number in range(8, 0, -1):
            if os.path.exists(w.beside(f".{number}")):
                w.mv(w.beside(f".{number}"), w.beside(f".{number + 1}"))
        w.cp()
        w.truncate()
        w.append(20)

    killed_often(w, step)


@row("G1c", "killed at random while it is replaced", modes=("killed",))
def g1c(w):
    killed_often(w, lambda: w.replace(20))


@row("G1d", "killed at random while it is rolled to .lo_", modes=("killed",), half_excused=True)
def g1d(w):
    def step():
        w.settle()  # the roll overwrites the older .lo_: what was not read there is nobody's
        w.append(20)
        w.cp(target=os.path.join(w.logs, "AIUpdateSvc.lo_"))
        w.truncate()
        w.append(20)

    killed_often(w, step, 5)


@row("G2", "the disk of the store is full, then not", kinds=PLAIN, modes=UP, peers=False)
def g2(w):
    w.options["state"] = os.path.join(w.directory, "small")
    os.mkdir(w.options["state"])
    mount(w, "-t", "tmpfs", "-o", "size=2m", "tmpfs", w.options["state"])
    w.begin()
    ballast = os.path.join(w.options["state"], "ballast")
    with open(ballast, "wb") as out:
        try:
            while True:
                out.write(b"x" * 65536)
                out.flush()
        except OSError:
            pass
    for _ in range(10):
        w.append(50)
        time.sleep(0.2)
    os.unlink(ballast)
    w.append(20)


def damaged(w, damage):
    w.begin()
    w.tailer.kill()
    damage(w.tailer.file("state"))
    w.tailer.start()
    w.append(50)


@row("G3a", "the store overwritten in its middle", kinds=PLAIN, modes=("killed",), peers=False)
def g3a(w):
    def damage(state):
        path = os.path.join(state, "aiwatch.db")
        with open(path, "r+b") as store:
            store.seek(min(8192, os.path.getsize(path) // 2))
            store.write(os.urandom(4096))

    damaged(w, damage)


@row("G3b", "the store cut to half", kinds=PLAIN, modes=("killed",), peers=False)
def g3b(w):
    def damage(state):
        path = os.path.join(state, "aiwatch.db")
        os.truncate(path, os.path.getsize(path) // 2)

    damaged(w, damage)


@row("G3c", "the store's journal deleted", kinds=PLAIN, modes=("killed",), peers=False)
def g3c(w):
    def damage(state):
        for name in ("aiwatch.db-wal", "aiwatch.db-shm"):
            if os.path.exists(os.path.join(state, name)):
                os.unlink(os.path.join(state, name))

    damaged(w, damage)


@row("G3d", "the store is text", kinds=PLAIN, modes=("killed",), peers=False)
def g3d(w):
    def damage(state):
        with open(os.path.join(state, "aiwatch.db"), "wb") as store:
            store.write(b"not a store\n" * 1000)

    damaged(w, damage)


@row("G4", "started twice", kinds=PLAIN, modes=UP, peers=False)
def g4(w):
    w.begin()
    second = type(w.tailer)(w.directory, w.patterns, {"asynchronous": True})
    second.start()
    try:
        code = second.process.wait(10)
        w.expect(code != 0, "a second one ended with 0")
    except subprocess.TimeoutExpired:
        w.expect(False, "a second one runs")
    second.kill()
    w.append(50)


@row("G5", "200 rotations: the store stays small", kinds=PLAIN, modes=UP, peers=False)
def g5(w):
    w.begin(10)
    for turn in range(200):
        w.append(1)
        if turn % 20 == 19:
            w.settle()
        for number in range(4, 0, -1):
            if os.path.exists(w.beside(f".{number}")):
                if number == 4:
                    w.settle()
                w.mv(w.beside(f".{number}"), w.beside(f".{number + 1}"))
        w.mv()
    w.append(5)
    w.settle()
    size = os.path.getsize(os.path.join(w.tailer.file("state"), "aiwatch.db"))
    w.expect(size < 4 << 20, f"the store grew to {size} bytes")


@row("G8", "the pattern changed between two starts", modes=("stopped", "killed"), peers=False)
def g8(w):
    w.begin()
    with w.away():
        w.append(50)
        w.tailer.patterns = [os.path.join(w.directory, "logs", "**", "*" + LOG)]
        w.append(50)


@row("G9", "two threads write and rotate", kinds=("short", "long"), modes=UP, ordered=False)
def g9(w):
    w.begin()
    lock = threading.Lock()

    def write():
        for _ in range(40):
            with lock:
                w.append(5)
            time.sleep(0.01)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for _ in range(6):
        time.sleep(0.1)
        with lock:
            rotate(w)
    for writer in writers:
        writer.join()


@row("K1", "the program is suspended while three rotations happen", modes=UP)
def k1(w):
    w.begin()
    os.kill(w.tailer.process.pid, signal.SIGSTOP)
    for _ in range(3):
        w.append(30)
        rotate(w)
        w.append(30)
    os.kill(w.tailer.process.pid, signal.SIGCONT)
