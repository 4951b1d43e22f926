"""The real binary in a private directory, and the real servers it talks to.

Nothing here sleeps for a fixed time: all waiting is for a condition, with a deadline. SLOWNESS
stretches deadlines for builds that watch addresses or threads.
"""

import glob
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
AIWATCH = os.path.abspath(os.environ.get("AIWATCH", os.path.join(TOP, "build/aiwatch")))
RECEIVERS = os.path.abspath(os.environ.get("RECEIVERS", os.path.join(TOP, "build/receivers")))
SLOWNESS = float(os.environ.get("SLOWNESS", "1"))
DEADLINE = 10 * SLOWNESS

# What a sanitizer says before it ends a program.
COMPLAINTS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
              "WARNING: ThreadSanitizer")


def wait_until(condition, what, deadline=DEADLINE):
    """Returns the first true value of condition(); fails with `what` after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline:g} s: {what}")
        time.sleep(0.005)


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def own_namespace(*options):
    """The command that gives a program namespaces of its own; skips where none can be made, as in a
    chroot."""
    command = ["unshare", "--user", "--map-root-user", *options]
    if subprocess.run([*command, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("no namespace can be made here")
    return command


def own_mounts():
    return own_namespace("--mount")


def own_boot_time(seconds_suspended):
    """As on a host that was suspended for so long: CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC."""
    return own_namespace("--time", "--boottime", str(seconds_suspended))


def append(path, text):
    """Appends as a log shipper does: one write(2), folders made where they are missing."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, text.encode("utf-8"))
    finally:
        os.close(handle)


def as_nobody(folder):
    """The command that runs aiwatch without root's rights, where it is root that tests."""
    if os.geteuid() != 0:
        return [AIWATCH]
    os.chmod(folder, 0o777)
    copied = shutil.copy(AIWATCH, os.path.join(folder, "aiwatch"))
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copied]


def aiwatch(*arguments, command=(AIWATCH,)):
    """Runs a verb to its end."""
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True,
                          timeout=60 * SLOWNESS, stdin=subprocess.DEVNULL, check=False)
    assert not any(words in done.stderr for words in COMPLAINTS), done.stderr
    assert done.returncode >= 0, f"ended by signal {-done.returncode}: {done.stderr}"
    return done


class Daemon:
    """`aiwatch -c FILE run`. The configuration is given as a dict: JSON is YAML."""

    def __init__(self, folder, **keys):
        self.folder = folder
        self.logs = os.path.join(folder, "remote")
        self.config = os.path.join(folder, "aiwatch.yml")
        self.state = os.path.join(folder, "state")
        self.control = os.path.join(folder, "control.sock")
        self.errors = os.path.join(folder, "errors.txt")
        self.output = os.path.join(folder, "output.txt")
        self.process = None
        self.marks = 0
        self.command = [AIWATCH]
        os.makedirs(self.logs, exist_ok=True)
        self.keys = {
            "state": self.state,
            "control": self.control,
            "inputs": [{
                "name": "collected",
                "paths": [os.path.join(self.logs, "**/*AIUpdateSvc.log")],
                "site": "{dir}",
                "poll_interval": "1s",
            }],
            "sinks": [{"name": "screen", "type": "stdout"}],
        }
        self.configure(**keys)

    def configure(self, **keys):
        """Writes the configuration, with the keys given replacing those there."""
        self.keys.update(keys)
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(self.keys, file, indent=2, ensure_ascii=False)

    def log_path(self, site):
        return os.path.join(self.logs, site, "AIUpdateSvc.log")

    def spawn(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(self.folder, "notify.sock")
        if os.path.exists(path):
            os.unlink(path)
        notify.bind(path)
        os.chmod(path, 0o777)
        notify.settimeout(0.05)
        environment = dict(os.environ, NOTIFY_SOCKET=path)
        environment.pop("JOURNAL_STREAM", None)
        with open(self.errors, "ab") as errors, open(self.output, "ab") as output:
            self.process = subprocess.Popen([*self.command, "-c", self.config, "run"],
                                            stderr=errors, stdout=output,
                                            stdin=subprocess.DEVNULL, env=environment)
        return notify

    def start(self):
        """Starts and waits until the daemon says that it is ready, as it says to systemd."""
        with self.spawn() as notify:
            def is_ready():
                assert self.process.poll() is None, "ended at once:\n" + self.log()
                try:
                    return "READY=1" in notify.recv(4096).decode().splitlines()
                except socket.timeout:
                    return False
            wait_until(is_ready, "the daemon is ready")
        return self

    def kill(self):
        """kill -9, as power loss would."""
        self.process.kill()
        self.process.wait(DEADLINE)
        self.process = None

    def stop(self):
        """SIGTERM; it must end well."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(DEADLINE)
        self.process = None
        assert code == 0, f"exit code {code}:\n{self.log()}"

    def close(self):
        """Ends it whatever it does; what a sanitizer said fails the test."""
        try:
            if self.process and self.process.poll() is None:
                self.stop()
        finally:
            if self.process and self.process.poll() is None:
                self.kill()
        log = self.log()
        assert not any(words in log for words in COMPLAINTS), log

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def log(self):
        """What it wrote to standard error so far."""
        if not os.path.exists(self.errors):
            return ""
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            return file.read()

    def printed(self):
        """The documents of the stdout sink."""
        with open(self.output, encoding="utf-8") as file:
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def verb(self, *arguments):
        return aiwatch("-c", self.config, *arguments)

    def status(self):
        done = self.verb("status", "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def site(self, name):
        """A site's row in the status, or None where the daemon does not know it."""
        return next((row for row in self.status()["sites"] if row["site"] == name), None)

    def wait_for_state(self, site, state):
        def is_there():
            row = self.site(site)
            return row and row["state"] == state and row
        return wait_until(is_there, f"{site} is {state}")

    def wait_until_read(self):
        """All that stands in the files now has been read: a line appended behind it was."""
        self.marks += 1
        site = f"MARK{self.marks}"
        append(self.log_path(site), "Asset Intelligence Catalog Sync Service Warning: 0 : "
               "6/19/2015 3:00:01 AM: WebException trying to enroll: Status = ProtocolError\r\n")
        self.wait_for_state(site, "enroll_rejected")


class Receiver:
    """An HTTP server that keeps every request, and answers what the test says."""

    class Request:
        def __init__(self, path, headers, body, arrived):
            self.path, self.headers, self.body, self.arrived = path, headers, body, arrived

        def document(self):
            return json.loads(self.body)

    def __init__(self):
        self.requests = []
        self.answers = []  # status codes for the next requests; 200 behind them
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                arrived = time.monotonic()
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Receiver.Request(self.path, self.headers, body, arrived)
                with receiver.lock:
                    receiver.requests.append(request)
                    code, headers, text = receiver.answer(request)
                self.send_response(code)
                for name, value in {**headers, "Content-Length": len(text)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a sender that goes away is no error here
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/alert"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def answer(self, request):
        """The status, headers and body that answer a request."""
        return self.answers.pop(0) if self.answers else 200, {}, b""

    def all(self):
        with self.lock:
            return list(self.requests)

    def documents(self, **wanted):
        """The documents received that hold each value named: documents(site="CM01")."""
        return [document for document in (request.document() for request in self.all())
                if all(document[key] == value for key, value in wanted.items())]

    def wait_for(self, count, deadline=DEADLINE, **wanted):
        return wait_until(lambda: len(self.documents(**wanted)) >= count
                          and self.documents(**wanted),
                          f"{count} documents like {wanted}", deadline)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(DEADLINE)


class SyslogServer:
    """A syslog server of Debian's on a local socket, UDP and TCP, all private to the test.

    Each message it parsed is a JSON object: program, severity, facility, pid, host, msgid,
    structured, text.
    """

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        self.socket = os.path.join(folder, "log.sock")
        self.udp = free_port(socket.SOCK_DGRAM)
        self.tcp = free_port()
        self.output = os.path.join(folder, "messages.json")
        self.errors = os.path.join(folder, "errors.txt")
        self.config = os.path.join(folder, "server.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self.configuration())
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(self.command(), stderr=errors, stdout=errors,
                                            stdin=subprocess.DEVNULL, env=self.environment())

        wait_until(self.is_listening, f"{type(self).__name__} listens")

    def environment(self):
        # What a sanitizer needs is for the daemon, not for the server.
        return {key: value for key, value in os.environ.items() if not key.endswith("SAN_OPTIONS")}

    def is_listening(self):
        assert self.process.poll() is None, open(self.errors, encoding="utf-8").read()
        with socket.socket(socket.AF_INET) as probe:
            return os.path.exists(self.socket) and probe.connect_ex(("127.0.0.1", self.tcp)) == 0

    def messages(self):
        """What has arrived, oldest first."""
        if not os.path.exists(self.output):
            return []
        with open(self.output, encoding="utf-8") as file:
            found = [json.loads(line) for line in file.read().split("\n")[:-1]]
        return [dict(message, text=message["text"].lstrip(" ")) for message in found]

    def wait_for(self, count, deadline=DEADLINE):
        return wait_until(lambda: len(self.messages()) >= count and self.messages(),
                          f"{count} messages at {type(self).__name__}", deadline)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Rsyslog(SyslogServer):
    def configuration(self):
        fields = {"program": "programname", "severity": "syslogseverity-text",
                  "facility": "syslogfacility-text", "pid": "procid", "host": "hostname",
                  "msgid": "msgid", "structured": "structured-data", "text": "msg"}
        properties = "\n".join(f'  property(outname="{name}" name="{source}" format="jsonf")'
                               for name, source in fields.items())
        return f"""
global(workDirectory="{self.folder}")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imtcp")
input(type="imuxsock" Socket="{self.socket}")
input(type="imudp" address="127.0.0.1" port="{self.udp}")
input(type="imtcp" address="127.0.0.1" port="{self.tcp}")
template(name="fields" type="list" option.jsonf="on") {{
{properties}
}}
action(type="omfile" file="{self.output}" template="fields")
"""

    def command(self):
        modules = glob.glob(os.path.join(RECEIVERS, "usr/lib/*/rsyslog"))[0]
        return [os.path.join(RECEIVERS, "usr/sbin/rsyslogd"), "-n", "-f", self.config, "-i",
                os.path.join(self.folder, "pid"), "-M", modules]


class SyslogNg(SyslogServer):
    def configuration(self):
        fields = ("program=$PROGRAM severity=$LEVEL facility=$FACILITY pid=$PID host=$HOST"
                  " msgid=$MSGID structured=$SDATA text=$MSG")
        return f"""@version: 3.38
options {{ keep-hostname(yes); use-dns(no); dns-cache(no); flush-lines(1); stats-freq(0); }};
source all {{
  unix-dgram("{self.socket}");
  network(transport("udp") ip("127.0.0.1") port({self.udp}) flags(syslog-protocol));
  syslog(transport("tcp") ip("127.0.0.1") port({self.tcp}));
}};
destination fields {{
  file("{self.output}" template("$(format-json {fields})\\n"));
}};
log {{ source(all); destination(fields); }};
"""

    def modules(self):
        return glob.glob(os.path.join(RECEIVERS, "usr/lib/syslog-ng/[0-9]*"))[0]

    def environment(self):
        libraries = f"{os.path.dirname(self.modules())}:{self.modules()}"
        return dict(super().environment(), LD_LIBRARY_PATH=libraries)

    def command(self):
        inside = {"-R": "persist", "-p": "pid", "-c": "control"}
        places = [word for option, name in inside.items()
                  for word in (option, os.path.join(self.folder, name))]
        return [os.path.join(RECEIVERS, "usr/sbin/syslog-ng"), "-F", "-f", self.config, "--no-caps",
                f"--module-path={self.modules()}", *places]
