"""aiwatch, the floor and the programs from Debian, each told to do the same job: say the second half
of a pair to a datagram socket, or read a log once from its beginning."""

import os
import signal
import subprocess
import time

from measure import BUILD, LITERALS, LOG, ROOT, tool

PEERS = os.path.join(BUILD, "peers")
LIBRARIES = os.path.join(PEERS, "usr/lib/x86_64-linux-gnu")


def write(path, text):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


class Program:
    """One daemon in one private directory. `root` holds folders with one log each."""

    name = ""
    environment = {}

    def __init__(self, directory, root, socket):
        os.makedirs(directory, exist_ok=True)
        self.directory, self.root, self.socket = directory, root, socket
        self.process = None

    def file(self, name):
        return os.path.join(self.directory, name)

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.file("said"), "ab") as said:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                env={**os.environ, "TZ": "UTC", **self.environment})
        return self

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Floor(Program):
    name = "floor"

    def command(self):
        return [tool("floor"), "follow", self.socket, self.root]


class Aiwatch(Program):
    """As it is shipped but for paths; `poll_interval` where a row needs another."""

    name = "aiwatch"
    poll_interval = "5s"
    start_at = "beginning"

    def command(self):
        write(self.file("aiwatch.yml"),
              f'state: "{self.file("state")}"\n'
              f'control: "{self.file("control")}"\n'
              "inputs:\n"
              f'  - {{name: logs, paths: ["{self.root}/*/{LOG}"], poll_interval: {self.poll_interval},'
              f' start: {self.start_at}}}\n'
              f'sinks: [{{name: local, type: syslog, address: "{self.socket}"}}]\n')
        os.makedirs(self.file("state"), exist_ok=True)
        return [os.environ["AIWATCH"], "run", "-c", self.file("aiwatch.yml")]


class Rsyslog(Program):
    name = "rsyslog"
    environment = {"LD_LIBRARY_PATH": LIBRARIES}

    def command(self):
        os.makedirs(self.file("state"), exist_ok=True)
        write(self.file("rsyslog.conf"),
              f'global(workDirectory="{self.file("state")}" maxMessageSize="64k")\n'
              'module(load="imfile" mode="inotify")\nmodule(load="omuxsock")\n'
              'template(name="bare" type="string" string="%msg%")\n'
              f'$OMUxSockSocket {self.socket}\n'
              f'input(type="imfile" File="{self.root}/*/{LOG}" Tag="ai:")\n'
              f'if $msg contains "{LITERALS[1]}" then :omuxsock:;bare\n')
        return [os.path.join(PEERS, "usr/sbin/rsyslogd"), "-n",
                "-M", os.path.join(LIBRARIES, "rsyslog"),
                "-f", self.file("rsyslog.conf"), "-i", self.file("pid")]


class SyslogNg(Program):
    """Its own inotify takes an instance a folder, of which a user has 128."""

    name = "syslog-ng"
    environment = {"LD_LIBRARY_PATH":
                   os.path.join(PEERS, "usr/lib/syslog-ng") + ":" + LIBRARIES}

    def command(self):
        write(self.file("syslog-ng.conf"),
              "@version: 3.38\n"
              f'source s {{ wildcard-file(base-dir("{self.root}") filename-pattern("{LOG}")'
              ' recursive(yes) max-files(20000) monitor-method("poll") log-iw-size(2000000)'
              " flags(no-parse) follow-freq(0.5)); };\n"
              f'filter f {{ match("{LITERALS[1]}" value("MESSAGE") type("string") flags("substring")); }};\n'
              f'destination d {{ unix-dgram("{self.socket}" template("$MSG")); }};\n'
              "log { source(s); filter(f); destination(d); };\n")
        return [os.path.join(PEERS, "usr/sbin/syslog-ng"), "-F", "--no-caps",
                "--module-path", os.path.join(PEERS, "usr/lib/syslog-ng/3.38"),
                "-f", self.file("syslog-ng.conf"), "-R", self.file("persist"),
                "-p", self.file("pid"), "-c", self.file("control")]


def sec(directory, log):
    """Reads once: both patterns, paired."""
    rules = write(os.path.join(directory, "sec.conf"),
                  "type=Pair\nptype=SubStr\n"
                  f"pattern={LITERALS[0]}\ndesc=first\naction=none\n"
                  f"ptype2=SubStr\npattern2={LITERALS[1]}\ndesc2=both\n"
                  "action2=write - expired\nwindow=600\n")
    return ["perl", os.path.join(PEERS, "usr/bin/sec"), f"--conf={rules}", f"--input={log}",
            "--notail", "--fromstart", "--quoting"], {}


def mtail(directory, log):
    programs = os.path.join(directory, "mtail")
    os.makedirs(programs, exist_ok=True)
    write(os.path.join(programs, "pair.mtail"),
          "counter first\ncounter second\n"
          f"/{LITERALS[0]}/ {{\n  first++\n}}\n/{LITERALS[1]}/ {{\n  second++\n}}\n")
    return [os.path.join(PEERS, "usr/bin/mtail"), "-one_shot", "-progs", programs, "-logs", log,
            "-logtostderr"], {}


def fail2ban(directory, log):
    del directory
    return (["/usr/bin/python3", os.path.join(PEERS, "usr/bin/fail2ban-regex"), "--datepattern",
             "{NONE}", log, rf"^\S+ <F-ID>\S+</F-ID> .*(?:{LITERALS[0]}|{LITERALS[1]})"],
            {"PYTHONPATH": os.path.join(PEERS, "usr/lib/python3/dist-packages")})


READERS = {"SEC": sec, "mtail": mtail, "fail2ban": fail2ban}


def grep(log):
    return ["grep", "-c", "-F", "-e", LITERALS[0], "-e", LITERALS[1], log]


def ripgrep(log):
    return [os.path.join(PEERS, "usr/bin/rg"), *grep(log)[1:]]


def versions():
    """What was measured, for the table's foot."""
    found = []
    with open(os.path.join(PEERS, "versions"), encoding="utf-8") as file:
        packages = dict(line.split() for line in file)
    first = subprocess.run(["grep", "--version"], stdout=subprocess.PIPE, text=True, check=True)
    found.append("grep " + first.stdout.split("\n", 1)[0].split()[-1])
    for name in ("ripgrep", "rsyslog", "syslog-ng-core", "sec", "mtail", "fail2ban"):
        found.append(f"{name} {packages.get(name, '?')}")
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    found.insert(0, "aiwatch " + (commit.stdout.strip() or "unversioned"))
    return found


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False
