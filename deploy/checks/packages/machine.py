"""A Debian of the test's own with systemd as its first process: a root that nothing else uses, in namespaces
that end with it. It has a network of its own, without a way out.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time

CLONE_NEWNET = 0x40000000
PATIENCE = 120


class Machine:
    def __init__(self, release="bookworm"):
        self.root = tempfile.mkdtemp(prefix="fanfare-debian-", dir="/var/tmp")
        self.process = None
        # Only what is on every Debian, and systemd; a package has to ask for all else.
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd", release, self.root],
                       check=True, stdin=subprocess.DEVNULL)
        # There is no network to wait for.
        os.symlink("/dev/null", f"{self.root}/etc/systemd/system/systemd-networkd-wait-online.service")

    def boot(self):
        self.log = open(f"{self.root}.log", "w")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--boot",
             "--console=pipe", "--directory", self.root],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.wait("systemd is running", self._is_up)
        self._enter_network()

    def _is_up(self):
        if self.process.poll() is not None:
            self.log.flush()
            raise SystemExit(f"systemd-nspawn has ended:\n{open(self.log.name).read()[-2000:]}")
        state = subprocess.run([*self._inside(), "systemctl", "is-system-running"], capture_output=True, text=True)
        return state.stdout.strip() in ["running", "degraded"]

    def _first(self):
        """The number by which this machine knows the first process of the other."""
        children = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return open(children).read().split()[0]

    def _inside(self):
        try:
            first = self._first()
        except (IndexError, FileNotFoundError):
            return ["false"]
        return ["nsenter", "--target", first, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]

    def _enter_network(self):
        """From here on this program's requests are made there."""
        namespace = os.open(f"/proc/{self._first()}/ns/net", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(namespace)

    def wait(self, what, holds):
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise SystemExit(f"never happened: {what}")
            time.sleep(0.05)

    def __call__(self, *words, expected=0):
        """What a command there says; its exit code has to be the one that is expected."""
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8",
                       "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        ran = subprocess.run([*self._inside(), *words], env=environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if ran.returncode != expected:
            raise SystemExit(f"{' '.join(words)}: exit code {ran.returncode}\n{ran.stdout}")
        return ran.stdout.strip()

    def has(self, path):
        return os.path.lexists(f"{self.root}{path}")

    def text(self, path):
        return open(f"{self.root}{path}").read()

    def bring(self, file):
        """A copy of a file of this machine, below /root."""
        return f"/root/{os.path.basename(shutil.copy(file, f'{self.root}/root/'))}"

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)
        if os.path.exists(f"{self.root}.log"):
            os.remove(f"{self.root}.log")
