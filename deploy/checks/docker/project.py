"""The compose file as a project of the test's engine."""

import copy
import json
import re
import resource
import shutil
import subprocess

from engine import eventually, output

NOFILE = 524288
# The load of the profile `load`, as long as a test may take, and as much as a debug build delivers beside others.
LOAD = {"--connections=1000": "--connections=200", "--duration=10m": "--duration=5s", "--metrics-linger=15s": "--metrics-linger=5s"}


class Project:
    def __init__(self, engine, root, version, revision):
        self.engine = engine
        self.file = f"{root}/deploy/docker-compose.yml"
        self.most_files = min(NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        # The classic builder needs no plugin, and no image of its own.
        self.environment = {**engine.environment, "DOCKER_BUILDKIT": "0", "VERSION": version, "REVISION": revision}
        self.everything = ["--profile", "*"]
        self.command = self._command(f"{root}/deploy")

    def _command(self, folder):
        v2 = subprocess.run(["docker", "compose", "version"], env=self.environment, capture_output=True)
        file = self.file
        if v2.returncode == 0:
            command = ["docker", "compose"]
        elif not shutil.which("docker-compose"):
            raise SystemExit("this needs `docker compose`, or Debian's package docker-compose")
        else:
            # Version 1, which Debian 12 has, knows no name of a project in the file, and no `*` for all profiles.
            command, text = ["docker-compose", "--project-name", "fanfare"], open(file).read()
            file = f"{self.engine.folder}/docker-compose.yml"
            open(file, "w").write(text.replace("\nname: fanfare\n", "\n"))
            self.everything = ["--profile", "load", "--profile", "cluster"]
        override = f"{self.engine.folder}/override.yml"
        open(override, "w").write(json.dumps({"services": self._changes()}))
        return [*command, "--project-directory", folder, "-f", file, "-f", override]

    def _changes(self):
        """Fewer files, where the machine has fewer, as the documents say; and a load that ends soon."""
        limited = ["fanfare", "loadgen", "node-1", "node-2", "node-3", "haproxy"]
        assert open(self.file).read().count(f"hard: {NOFILE}") == 4, "node-2 and node-3 have that of node-1"
        changes = {service: {"ulimits": {"nofile": {"soft": self.most_files, "hard": self.most_files}}} for service in limited}
        words = re.findall(r"^      - (run|--\S+)$", self.section("loadgen"), re.M)
        assert set(LOAD) < set(words), words
        changes["loadgen"]["command"] = [LOAD.get(word, word) for word in words]
        return changes

    def section(self, service):
        """What the file says of a service."""
        return re.search(rf"^  {service}:\n((?:    .*\n|\n)+)", open(self.file).read(), re.M)[1]

    def with_profile(self, name):
        """The same, with more services."""
        other = copy.copy(self)
        other.command = [*self.command, "--profile", name]
        return other

    def __call__(self, *words):
        return output([*self.command, *words], env=self.environment)

    def begin(self, *words):
        """A command that is not waited for."""
        return subprocess.Popen([*self.command, *words], env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def id(self, service):
        return self.engine.docker("ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project=fanfare",
                                  "--filter", f"label=com.docker.compose.service={service}",
                                  "--filter", "label=com.docker.compose.oneoff=False")

    def state(self, service):
        return self.engine.inspect(self.id(service))

    def address(self, service):
        networks = self.state(service)["NetworkSettings"]["Networks"]
        return networks["fanfare_default"]["IPAddress"]

    def wait(self, *services):
        """Until they are healthy; how long it took."""
        healthy = lambda service: self.state(service)["State"].get("Health", {}).get("Status") == "healthy"
        return eventually(f"{services} are healthy", lambda: all(healthy(service) for service in services))

    def token(self):
        said = self("run", "--rm", "-T", "fanfare", "token", "--publish", "*", "--subscribe", "*", "--expires", "1h")
        return said.splitlines()[-1].strip()

    def status(self, service):
        """Of its main process: what the kernel says of it."""
        lines = open(f"/proc/{self.pid(service)}/status").read().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    def pid(self, service):
        return self.engine.pid(self.id(service))
