"""Monitoring that a team has: real programs from Debian, and what speaks like one."""

import base64
import glob
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import threading
import urllib.error
import urllib.request

from harness import DEADLINE, RECEIVERS, free_port, own_mounts, wait_until


def ask(url, user=None, context=None):
    """What a GET answers, as JSON."""
    request = urllib.request.Request(url)
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    with urllib.request.urlopen(request, timeout=DEADLINE, context=context) as answer:
        return json.load(answer)


class Program:
    """A server in a folder of its own."""

    def start(self):
        environment = {key: value for key, value in os.environ.items()
                       if not key.endswith("SAN_OPTIONS")}
        with open(os.path.join(self.folder, "errors.txt"), "ab") as errors:
            self.process = subprocess.Popen(self.command(), stderr=errors, stdout=errors,
                                            stdin=subprocess.DEVNULL, env=environment,
                                            start_new_session=True)
        wait_until(self.is_ready, f"{type(self).__name__} is ready", 3 * DEADLINE)
        return self

    def is_ready(self):
        assert self.process.poll() is None, self.log()
        try:
            return self.answers()
        except OSError:
            return False

    def log(self):
        with open(os.path.join(self.folder, "errors.txt"), encoding="utf-8") as file:
            return file.read()

    def kill(self):
        """With all that it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Alertmanager(Program):
    """One node; `peer` is another that it gossips with. It notifies `hook`."""

    def __init__(self, folder, hook, peer=None):
        self.folder = folder
        os.makedirs(folder)
        self.port, self.gossip, self.peer = free_port(), free_port(), peer
        self.url = f"http://127.0.0.1:{self.port}"
        with open(os.path.join(folder, "am.yml"), "w", encoding="utf-8") as file:
            json.dump({"route": {"receiver": "team", "group_by": ["alertname", "site"],
                                 "group_wait": "1s", "group_interval": "1s",
                                 "repeat_interval": "1h"},
                       "receivers": [{"name": "team", "webhook_configs": [{"url": hook}]}]}, file)

    def command(self):
        folder = self.folder
        # Debian's looks for its templates in /usr/share: it has one of its own there.
        command = [*own_mounts(), "sh", "-c",
                   'mount --bind "$0/usr/share" /usr/share && '
                   'exec "$0/usr/bin/prometheus-alertmanager" "$@"', RECEIVERS,
                   f"--config.file={folder}/am.yml", f"--storage.path={folder}/data",
                   f"--web.listen-address=127.0.0.1:{self.port}",
                   f"--cluster.listen-address=127.0.0.1:{self.gossip}",
                   "--cluster.peer-timeout=3s", "--cluster.settle-timeout=2s",
                   "--cluster.gossip-interval=50ms", "--cluster.pushpull-interval=1s"]
        return command + ([f"--cluster.peer=127.0.0.1:{self.peer.gossip}"] if self.peer else [])

    def answers(self):
        return ask(self.url + "/api/v2/status")["cluster"]["status"] == "ready"

    def peers(self):
        return len(ask(self.url + "/api/v2/status")["cluster"]["peers"])

    def updates(self):
        """How often its peers told it what they had notified."""
        with urllib.request.urlopen(self.url + "/metrics", timeout=DEADLINE) as answer:
            for line in answer.read().decode().split("\n"):
                if line.startswith('alertmanager_cluster_messages_received_total{msg_type="upd'):
                    return float(line.split()[-1])
        return 0

    def alerts(self):
        """Those that stand, by kind and site."""
        return {(row["labels"]["alertname"], row["labels"]["site"]): row
                for row in ask(self.url + "/api/v2/alerts")}


class Icinga(Program):
    """Icinga 2 with its API, and hosts that have the service."""

    USER = "aiwatch:s3cret"

    def __init__(self, folder, hosts):
        self.folder = folder
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.certificate = os.path.join(folder, "lib/certs/localhost.crt")
        os.makedirs(os.path.join(folder, "lib/certs"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        self.certificate.replace(".crt", ".key"), "-out", self.certificate],
                       check=True, capture_output=True)
        with open(self.certificate, encoding="utf-8") as file:
            with open(os.path.join(folder, "lib/certs/ca.crt"), "w", encoding="utf-8") as ca:
                ca.write(file.read())
        self.context = ssl.create_default_context(cafile=self.certificate)
        objects = "\n".join(self.host(name) for name in hosts)
        with open(os.path.join(folder, "icinga2.conf"), "w", encoding="utf-8") as file:
            file.write(f"""
const NodeName = "localhost"
object Endpoint NodeName {{ }}
object Zone "master" {{ endpoints = [ NodeName ] }}
object CheckCommand "dummy" {{ command = [ "/bin/true" ] }}
object IcingaApplication "app" {{ enable_notifications = false }}
object ApiListener "api" {{ bind_host = "127.0.0.1", bind_port = {self.port} }}
object ApiUser "aiwatch" {{
  password = "s3cret"
  permissions = [ "actions/process-check-result", "objects/query/*" ]
}}
{objects}
""".replace('"127.0.0.1", ', '"127.0.0.1"\n'))

    @staticmethod
    def host(name):
        return f"""
object Host "{name}" {{
  check_command = "dummy"
  enable_active_checks = false
}}
object Service "ai-sync-certificate" {{
  host_name = "{name}"
  check_command = "dummy"
  enable_active_checks = false
  max_check_attempts = 1
}}"""

    def command(self):
        places = {"ConfigDir": "", "DataDir": "/lib", "LogDir": "/log", "CacheDir": "/cache",
                  "SpoolDir": "/spool", "InitRunDir": "/run"}
        program = glob.glob(os.path.join(RECEIVERS, "usr/lib/*/icinga2/sbin/icinga2"))[0]
        command = [program, "daemon", "-c", os.path.join(self.folder, "icinga2.conf")]
        for name, place in places.items():
            os.makedirs(self.folder + place, exist_ok=True)
            command.append(f"-D{name}={self.folder}{place}")
        user = os.environ.get("USER") or "root"
        return command + [f"-DRunAsUser={user}", "-DRunAsGroup=" + user,
                          f"-DIncludeConfDir={RECEIVERS}/usr/share/icinga2/include"]

    def answers(self):
        return self.service("")

    def service(self, host):
        """The last check result of the host's service; all services' for no host."""
        path = f"/{host}!ai-sync-certificate" if host else ""
        rows = ask(f"{self.url}/v1/objects/services{path}", self.USER, self.context)["results"]
        return rows[0]["attrs"] if host else rows


class Trapper:
    """Speaks as Zabbix' server does to those who send: header, length, JSON, and counts."""

    def __init__(self, hosts, item="aiwatch.alert"):
        self.hosts, self.item = hosts, item
        self.values = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    @staticmethod
    def read(connection, size):
        data = b""
        while len(data) < size:
            part = connection.recv(size - len(data))
            if not part:
                raise OSError("closed")
            data += part
        return data

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.answer(connection)
                except OSError:
                    pass

    def answer(self, connection):
        magic, length = struct.unpack("<5sQ", self.read(connection, 13))
        assert magic == b"ZBXD\x01"
        request = json.loads(self.read(connection, length))
        assert request["request"] == "sender data"
        known = [row for row in request["data"]
                 if row["host"] in self.hosts and row["key"] == self.item]
        self.values += known
        total = len(request["data"])
        answer = json.dumps({"response": "success", "info":
                             f"processed: {len(known)}; failed: {total - len(known)}; "
                             f"total: {total}; seconds spent: 0.000055"}).encode()
        connection.sendall(struct.pack("<5sQ", b"ZBXD\x01", len(answer)) + answer)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(DEADLINE)
