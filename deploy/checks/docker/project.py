"""The compose file as a project of the test's engine."""

import json
import os
import resource
import shutil
import subprocess

from engine import eventually, output

NOFILE = 524288


class Project:
    def __init__(self, engine, root):
        self.engine = engine
        self.command = self._command(f"{root}/deploy")

    def _command(self, folder):
        v2 = subprocess.run(["docker", "compose", "version"], env=self.engine.environment, capture_output=True)
        file = f"{folder}/docker-compose.yml"
        if v2.returncode == 0:
            command = ["docker", "compose"]
        elif not shutil.which("docker-compose"):
            raise SystemExit("make docker-test needs `docker compose`, or Debian's package docker-compose")
        else:
            # Version 1, which Debian 12 has, does not know the name of a project in the file.
            command, text = ["docker-compose", "--project-name", "fanfare"], open(file).read()
            file = f"{self.engine.folder}/docker-compose.yml"
            open(file, "w").write(text.replace("\nname: fanfare\n", "\n"))
        override = f"{self.engine.folder}/override.yml"
        open(override, "w").write(json.dumps({"services": self._lower_limits(file)}))
        return [*command, "--project-directory", folder, "-f", file, "-f", override, "--profile", "cluster"]

    @staticmethod
    def _lower_limits(file):
        """As the documents say, where the machine has fewer files."""
        most = min(NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        limited = ["fanfare", "loadgen", "node-1", "node-2", "node-3", "haproxy"]
        assert open(file).read().count("hard: 524288") == 4, "node-2 and node-3 have that of node-1"
        return {service: {"ulimits": {"nofile": {"soft": most, "hard": most}}} for service in limited}

    def __call__(self, *words):
        # The classic builder needs no plugin, and no image of its own.
        return output([*self.command, *words], env={**self.engine.environment, "DOCKER_BUILDKIT": "0"})

    def id(self, service):
        return self.engine.docker("ps", "--all", "--quiet", "--filter", "label=com.docker.compose.project=fanfare",
                                  "--filter", f"label=com.docker.compose.service={service}",
                                  "--filter", "label=com.docker.compose.oneoff=False")

    def state(self, service):
        return json.loads(self.engine.docker("inspect", self.id(service)))[0]

    def address(self, service):
        networks = self.state(service)["NetworkSettings"]["Networks"]
        return networks["fanfare_default"]["IPAddress"]

    def wait(self, *services):
        """Until they are healthy; how long it took."""
        healthy = lambda service: self.state(service)["State"].get("Health", {}).get("Status") == "healthy"
        return eventually(f"{services} are healthy", lambda: all(healthy(service) for service in services), 120)

    def token(self):
        said = self("run", "--rm", "-T", "fanfare", "token", "--publish", "*", "--subscribe", "*", "--expires", "1h")
        return said.splitlines()[-1].strip()

    def status(self, service):
        """Of its main process: what the kernel says of it."""
        lines = open(f"/proc/{self._pid(service)}/status").read().splitlines()
        return dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    def _pid(self, service):
        """As this side of the engine's process namespace knows it."""
        inside = self.state(service)["State"]["Pid"]
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                line = next(line for line in open(f"/proc/{process}/status") if line.startswith("NSpid:"))
            except (OSError, StopIteration):
                continue
            numbers = line.split()[1:]
            # This namespace, the engine's, the container's.
            if len(numbers) == 3 and numbers[1] == str(inside):
                return process
        raise SystemExit(f"{service} has no process")
