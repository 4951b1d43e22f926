"""Adapters for the programs from Debian that people follow files with today."""

import json
import os
import stat
import urllib.request

from tailer import NUMBER, Tailer, build, wait_for


def unpacked(path):
    return os.path.join(build(), "peers", path)


def library_path(*directories):
    return ":".join(unpacked(directory) for directory in directories)


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, mode)


class Rsyslog(Tailer):
    """imfile with its state written after every line."""

    name = "rsyslog"

    def start(self):
        inputs = "".join(
            f'input(type="imfile" File="{pattern}" Tag="judged:" persistStateInterval="1"'
            ' reopenOnTruncate="on")\n'
            for pattern in self.patterns
        )
        write(
            self.file("rsyslog.conf"),
            f'global(workDirectory="{self.file("state")}" maxMessageSize="4m")\n'
            'module(load="imfile" mode="inotify")\n'
            'template(name="bare" type="string" string="%msg%\\n")\n'
            f'{inputs}action(type="omfile" file="{self.file("received")}" template="bare")\n',
        )
        self.spawn(
            [
                unpacked("usr/sbin/rsyslogd"), "-n",
                "-M", unpacked("usr/lib/x86_64-linux-gnu/rsyslog"),
                "-f", self.file("rsyslog.conf"), "-i", self.file("pid"),
            ],
            environment={"LD_LIBRARY_PATH": library_path("usr/lib/x86_64-linux-gnu")},
        )


class SyslogNg(Tailer):
    name = "syslog-ng"

    def start(self):
        sources = "".join(
            f'  wildcard-file(base-dir("{os.path.dirname(pattern)}")'
            f' filename-pattern("{os.path.basename(pattern)}") flags(no-parse)'
            " follow-freq(1) log-msg-size(4000000));\n"
            if "*" in pattern
            else f'  file("{pattern}" flags(no-parse) follow-freq(1));\n'
            for pattern in self.patterns
        )
        write(
            self.file("syslog-ng.conf"),
            "@version: 3.38\noptions { log-msg-size(4000000); };\n"
            f"source s {{\n{sources}}};\n"
            f'destination d {{ file("{self.file("received")}" template("$MSG\\n")); }};\n'
            "log { source(s); destination(d); };\n",
        )
        self.spawn(
            [
                unpacked("usr/sbin/syslog-ng"), "-F", "--no-caps",
                "--module-path", unpacked("usr/lib/syslog-ng/3.38"),
                "-f", self.file("syslog-ng.conf"), "-R", self.file("state/persist"),
                "-p", self.file("pid"), "-c", self.file("control"),
            ],
            environment={
                "LD_LIBRARY_PATH": library_path("usr/lib/syslog-ng", "usr/lib/x86_64-linux-gnu")
            },
        )


class Sec(Tailer):
    name = "sec"
    from_end = True

    def start(self):
        write(
            self.file("sec.conf"),
            "type=Single\nptype=RegExp\npattern=(n\\d{7})\ndesc=line\n"
            f"action=write {self.file('received')} $1\n",
        )
        inputs = [f"--input={pattern}" for pattern in self.patterns]
        self.spawn(
            ["perl", unpacked("usr/bin/sec"), f"--conf={self.file('sec.conf')}", *inputs,
             "--poll-timeout=0.1", "--reopen-timeout=1", "--check-timeout=1",
             f"--log={self.file('sec.log')}"],
        )
        wait_for(lambda: os.path.exists(self.file("sec.log"))
                 and b"Opening input" in open(self.file("sec.log"), "rb").read(), 5)


class Mtail(Tailer):
    """Counts in labels of one metric, read over HTTP; what it counted dies with it, so it is
    read before every end."""

    name = "mtail"
    from_end = True
    ordered = False

    def __init__(self, directory, patterns, options=None):
        super().__init__(directory, patterns, options)
        self.kept = {}
        self.live = {}

    def start(self):
        write(self.file("judged.mtail"),
              "counter seen by line\n/(?P<line>n\\d{7})/ {\n  seen[$line]++\n}\n")
        socket = self.file("mtail.sock")
        if os.path.exists(socket):
            os.unlink(socket)
        import socket as sockets
        with sockets.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.spawn(
            [unpacked("usr/bin/mtail"), "-progs", self.file("judged.mtail"),
             "-logs", ",".join(self.patterns), "-address", "127.0.0.1", "-port", str(self.port),
             "-poll_interval", "250ms", "-poll_log_interval", "250ms", "-logtostderr"],
        )
        self.live = {}
        wait_for(lambda: self.read() is not None, 10)

    def read(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/json", timeout=5) as answer:
                document = json.load(answer)
        except (OSError, ValueError):
            return None
        self.live = {}
        for metric in document or []:
            for value in metric.get("LabelValues") or []:
                found = NUMBER.search(value["Labels"][0].encode())
                if found:
                    self.live[int(found.group(1))] = int(value["Value"]["Value"])
        return self.live

    def harvest(self):
        self.read()
        for number, count in self.live.items():
            self.kept[number] = self.kept.get(number, 0) + count
        self.live = {}

    def received(self):
        if self.is_running():
            self.read()
        everything = []
        for counts in (self.kept, self.live):
            for number, count in counts.items():
                everything += [number] * count
        return everything


class Fail2ban(Tailer):
    """A jail that never bans; its log says Found for every line."""

    name = "fail2ban"

    def start(self):
        for directory in ("conf", "conf/filter.d", "conf/action.d"):
            os.makedirs(self.file(directory), exist_ok=True)
        write(self.file("conf/fail2ban.conf"),
              "[Definition]\nloglevel = INFO\n"
              f"logtarget = {self.file('received')}\nsyslogsocket = auto\n"
              f"socket = {self.file('control')}\npidfile = {self.file('pid')}\n"
              f"dbfile = {self.file('state/db')}\ndbpurgeage = 30d\ndbmaxmatches = 10\n")
        write(self.file("conf/filter.d/judged.conf"),
              "[Definition]\nfailregex = ^\\S+ <F-ID>n\\d{7}</F-ID> \ndatepattern = {NONE}\n")
        patterns = "\n  ".join(self.patterns)
        write(self.file("conf/jail.conf"),
              "[judged]\nenabled = true\nfilter = judged\nbackend = polling\n"
              f"logpath = {patterns}\nmaxretry = 1000\nfindtime = 30d\nbantime = 1\n"
              "action =\nusedns = no\n")
        self.spawn(
            ["/usr/bin/python3", unpacked("usr/bin/fail2ban-server"), "-f",
             "-c", self.file("conf"), "-s", self.file("control"), "-p", self.file("pid"), "-x",
             "start"],
            environment={"PYTHONPATH": unpacked("usr/lib/python3/dist-packages")},
        )
        wait_for(lambda: os.path.exists(self.file("received"))
                 and b"Jail 'judged' started" in open(self.file("received"), "rb").read(), 10)

    def received(self):
        try:
            with open(self.file("received"), "rb") as received:
                lines = [line for line in received if b"] Found n" in line]
        except FileNotFoundError:
            return []
        return [int(NUMBER.search(line).group(1)) for line in lines]


class Monit(Tailer):
    """A content test in one-second cycles; its description holds the lines that matched."""

    name = "monit"
    from_end = True

    def start(self):
        keeper = self.file("keep")
        write(keeper, f'#!/bin/sh\nprintf "%s\\n" "$MONIT_DESCRIPTION" >>{self.file("received")}\n',
              0o755)
        checks = "".join(
            f'check file log{number} with path "{pattern}"\n'
            f'  if content = "n[0-9]{{7}}" then exec "{keeper}"\n'
            for number, pattern in enumerate(self.patterns)
        )
        write(self.file("monitrc"),
              "set daemon 1\nset log " + self.file("monit.log") + "\n"
              f"set pidfile {self.file('pid')}\nset idfile {self.file('state/id')}\n"
              f"set statefile {self.file('state/state')}\n"
              "set limits { fileContentBuffer: 100 kB }\n" + checks,
              stat.S_IRUSR | stat.S_IWUSR)
        self.spawn([unpacked("usr/bin/monit"), "-I", "-c", self.file("monitrc")])


PEERS = (Rsyslog, SyslogNg, Sec, Mtail, Fail2ban, Monit)
