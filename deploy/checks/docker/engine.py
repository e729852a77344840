"""A Docker engine of the test's own: in namespaces that end with it, on folders that are removed with it.

With a network namespace of its own no port, bridge or rule of a firewall clashes with those of the machine or
of another engine. With a process namespace of its own the engine and its containers end when this does,
however it ends. The socket is a file, so the client works from outside.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

CLONE_NEWNET = 0x40000000
# Far more than anything takes, because the machine may have a lot else to do.
PATIENCE = 240
# A build from nothing on a machine that has other things to do.
LONGEST = 1800
START = 'ip link set lo up && exec dockerd --data-root "$0/data" --exec-root "$0/run" --pidfile "$0/pid" -H "unix://$0/docker.sock"'


class Engine:
    def __init__(self):
        # Short: a path to a socket has at most 107 bytes.
        self.folder = tempfile.mkdtemp(prefix="fd-", dir="/tmp")
        self.log = open(f"{self.folder}/log", "w")
        self.process = subprocess.Popen(
            # Killed with this program, where that is killed itself.
            ["setpriv", "--pdeathsig", "KILL",
             "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", START, self.folder],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.environment = {**os.environ, "DOCKER_HOST": f"unix://{self.folder}/docker.sock",
                            "DOCKER_CONFIG": self._configuration(), "COMPOSE_ANSI": "never"}
        eventually("the engine answers", self._answers)

    def _configuration(self):
        """That of whoever runs this stays as it is, but for the programs that extend the client."""
        own, plugins = f"{self.folder}/config", os.path.expanduser("~/.docker/cli-plugins")
        os.mkdir(own)
        if os.path.isdir(plugins):
            os.symlink(plugins, f"{own}/cli-plugins")
        return own

    def _answers(self):
        if self.process.poll() is not None:
            self.log.flush()
            raise SystemExit(f"dockerd has ended:\n{open(self.log.name).read()[-2000:]}\n"
                             "It needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN, overlayfs, iptables, and the modules "
                             "of the kernel for bridges and NAT. WITHOUT_DOCKER=1 leaves this test out of `make test`.")
        return subprocess.run(["docker", "version"], env=self.environment, capture_output=True).returncode == 0

    def enter_network(self):
        """From here on this program and what it starts are in the engine's network."""
        namespace = os.open(f"/proc/{self._daemon()}/ns/net", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(namespace)

    def _daemon(self):
        return int(open(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read().split()[0])

    def docker(self, *words, **options):
        return output(["docker", *words], env=self.environment, **options)

    def exit_code(self, *words):
        """That of a command which may fail."""
        return subprocess.run(["docker", *words], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=LONGEST).returncode

    def logs(self, container):
        """Both outputs of a container, one behind the other."""
        return "".join(self.logs_apart(container))

    def logs_apart(self, container):
        """What a container has said on standard output, and on standard error."""
        done = subprocess.run(["docker", "logs", container], env=self.environment, capture_output=True, check=True)
        return done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def inspect(self, thing):
        return json.loads(self.docker("inspect", thing))[0]

    def pid(self, container):
        """Of its main process, as this side of the engine's process namespace knows it."""
        inside, own = self.inspect(container)["State"]["Pid"], process_namespace(self._daemon())
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                facts = dict(line.split(":\t", 1) for line in open(f"/proc/{process}/status") if ":\t" in line)
                # In this namespace, the engine's and the container's. Another engine has processes of the same numbers.
                numbers = facts["NSpid"].split()
                if numbers[1:] == [str(inside), "1"] and process_namespace(facts["PPid"].strip()) == own:
                    return int(process)
            except (OSError, KeyError):
                continue
        raise SystemExit(f"{container} has no process")

    def end(self):
        # `unshare` itself ignores the signal.
        if self.process.poll() is None:
            os.kill(self._daemon(), signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def process_namespace(process):
    return os.readlink(f"/proc/{process}/ns/pid")


def output(command, **options):
    """What a command says. It must succeed."""
    done = subprocess.run(command, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=LONGEST, **options)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise SystemExit(f"{' '.join(command)} failed with {done.returncode}:\n{said[-4000:]}")
    return done.stdout.decode(errors="replace").strip()


def eventually(what, holds, patience=PATIENCE):
    """Waits until something holds; how long it took."""
    begin = time.monotonic()
    while not holds():
        if time.monotonic() - begin > patience:
            raise SystemExit(f"never happened within {patience} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - begin
