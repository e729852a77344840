"""A server under load, watched by Prometheus: what the pictures are of. All of it is gone when the scene ends."""

import contextlib
import json
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

SCRAPE_SECONDS = 5
# What the dashboards show: long enough for rates to settle and for the bursts to come and go.
HISTORY_SECONDS = 300
PATIENCE_SECONDS = 60

# A thousand streams on one topic for as long as it takes; each is cut about every five minutes and comes back,
# a few read slowly, a few not at all.
STEADY = ("--name", "steady", "-c", "1000", "-r", "15", "--schedule", "poisson", "--payload", "300",
          "--slow-share", "0.01", "--stopped-share", "0.005", "--cut-every", "5m", "--cut", "mix", "--duration", "14m")
# Busier topics that come and go, with slow readers under a policy of their own.
BURST = ("--name", "burst", "-c", "400", "-r", "40", "--slow-share", "0.02", "--duration", "45s")
SECONDS_BETWEEN_BURSTS = 75
POLICY = "burst=drop-oldest"


class Scene:
    """A folder of its own, a server in it, and what is started later."""

    def __init__(self, programs):
        self.programs = programs
        self.processes = []
        self.began = time.time()

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="fanfare-pictures-")
        self.folder = Path(self._folder.name)
        self.address, self.admin = free_address(), free_address()
        self.start("fanfare", "--listen", self.address, "--admin-listen", self.admin, "--policy", POLICY,
                   "--data-dir", self.folder / "data", "--lag-bytes", "256KiB", "--log-level", "warn")
        wait_until("the server is ready", lambda: answers(f"http://{self.admin}/readyz"))
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGKILL)
            process.wait()
        self._folder.cleanup()

    def start(self, program, *arguments):
        """What it says is seen only when it says it on standard error."""
        path = self.programs / program if program in ("fanfare", "loadgen") else program
        self.processes.append(subprocess.Popen([path, *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL,
                                               stdout=subprocess.DEVNULL))

    def load(self, topic, *arguments):
        url = f"http://{self.address}/events/{topic}"
        self.start("loadgen", "run", "--quiet", "--subscribe", url, "--publish", url, *arguments)

    def put_under_load(self):
        """Starts Prometheus and the load; returns when the steady load is there."""
        metrics, self.burst_metrics = free_address(), free_address()
        self.prometheus = self.start_prometheus({"fanfare": [self.admin], "loadgen": [metrics, self.burst_metrics]})
        self.began = time.time()
        self.load("load", *STEADY, "--metrics-listen", metrics)
        # Not all of them at any moment: those that were cut are on their way back.
        wait_until("loadgen has connected", lambda: (self.value("loadgen_subscribers") or 0) > 950)
        self.last_burst = time.time()

    def start_prometheus(self, jobs):
        address = free_address()
        scrapes = [{"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in jobs.items()]
        every = f"{SCRAPE_SECONDS}s"
        configuration = {"global": {"scrape_interval": every, "scrape_timeout": every}, "scrape_configs": scrapes}
        # JSON is YAML.
        (self.folder / "prometheus.yml").write_text(json.dumps(configuration))
        self.start("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus", "--log.level=error",
                   f"--web.listen-address={address}")
        wait_until("Prometheus is ready", lambda: answers(f"http://{address}/-/ready"))
        return f"http://{address}"

    def keep_up_load(self):
        """Called while somebody waits: begins the next burst when it is time."""
        if time.time() - self.last_burst > SECONDS_BETWEEN_BURSTS:
            self.last_burst = time.time()
            self.load("burst", *BURST, "--metrics-listen", self.burst_metrics)

    def wait_for_history(self):
        wait_until("there is something to draw", lambda: time.time() - self.began > HISTORY_SECONDS + 30,
                   HISTORY_SECONDS + 60, self.keep_up_load)

    def value(self, metric):
        """The sum of a metric now, or None while there is none."""
        url = f"{self.prometheus}/api/v1/query?query=sum({metric})"
        with urllib.request.urlopen(url, timeout=10) as response:
            result = json.load(response)["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def rules(self):
        """For Chromium: the server's addresses are the default ones there, so that a page says what a reader will see."""
        return f"MAP 127.0.0.1:8080 {self.address}, MAP 127.0.0.1:9090 {self.admin}"


def wait_until(what, holds, seconds=PATIENCE_SECONDS, meanwhile=lambda: None):
    deadline = time.time() + seconds
    while not holds():
        if time.time() > deadline:
            raise SystemExit(f"never happened: {what}")
        meanwhile()
        time.sleep(0.2)


def answers(url):
    with contextlib.suppress(OSError, urllib.error.URLError):
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    return False


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]
