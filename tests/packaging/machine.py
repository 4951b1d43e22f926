"""A Debian tree, booted with a real systemd as PID 1 in namespaces of its own."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

DEADLINE = 60

# Nothing of the host can be written but the shared folder: its /dev is not the host's, and its
# /proc/sys is read-only. The network is the host's. Logs are on a tmpfs: inotify is blind on an
# overlay. Mounts are shared, as systemd expects: it hands credentials over by a mount.
BOOT = r"""
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$SCRATCH"
mkdir "$SCRATCH/upper" "$SCRATCH/work" "$SCRATCH/root"
mount -t overlay overlay -o "lowerdir=$TREE,upperdir=$SCRATCH/upper,workdir=$SCRATCH/work" \
    "$SCRATCH/root"
cd "$SCRATCH/root"
mount --bind "$SHARED" mnt
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs var/log
mount -t tmpfs tmpfs dev
for node in null zero full random urandom tty; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/shm dev/pts .old
mount -t tmpfs tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . .old
umount -l /.old
mount --make-rshared /
exec /usr/bin/env -i container=namespace PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=multi-user.target
"""

# Ends with the test, however that ends.
UNSHARE = ["setpriv", "--pdeathsig", "KILL", "unshare", "--fork", "--pid", "--kill-child", "--mount",
           "--uts", "--ipc", "--cgroup"]


def why_not():
    """Why no machine can be booted here; None where one can."""
    if os.geteuid() != 0:
        return "booting a system in namespaces needs root"
    try_it = "mount --make-rprivate / && mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    done = subprocess.run([*UNSHARE, "sh", "-c", try_it], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return "namespaces are not permitted here: " + done.stderr.strip()
    return None


def until(condition, what, seconds=DEADLINE):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return result


class Machine:
    def __init__(self, tree):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="aiwatch-boot-"))
        self.shared = self.folder / "shared"
        self.shared.mkdir()
        (self.folder / "scratch").mkdir()
        self.console = open(self.folder / "console", "w+b")
        environment = dict(os.environ, TREE=str(tree), SHARED=str(self.shared),
                           SCRATCH=str(self.folder / "scratch"))
        self.process = subprocess.Popen([*UNSHARE, "bash", "-c", BOOT], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=self.console,
                                        stderr=subprocess.STDOUT)
        try:
            self.pid = until(self.find_systemd, "systemd is PID 1")
            until(self.is_up, "the system is up")
        except AssertionError:
            self.console.seek(0)
            print(self.console.read().decode(errors="replace"))
            self.close()
            raise

    def find_systemd(self):
        assert self.process.poll() is None, "the boot has ended"
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        for pid in pathlib.Path(children).read_text().split():
            if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "systemd":
                return pid
        return None

    def is_up(self):
        state = self.run("systemctl is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def run(self, command, check=True):
        """A shell command inside, with what it says on both outputs."""
        done = subprocess.run(
            ["nsenter", "-t", self.pid, "-a", "-r", "-w", "env", "-i",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
             "sh", "-ec", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=120, check=False)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}"
        return done

    def out(self, command):
        return self.run(command).stdout.strip()

    def write(self, path, text, *options):
        (self.shared / "text").write_text(text)
        self.run(f"install -D {' '.join(options) or '-m 644'} /mnt/text {path}")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.console.close()
        shutil.rmtree(self.folder, ignore_errors=True)
