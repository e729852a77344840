"""What deploy/Dockerfile says of an image: what engines call its config, and what is copied into it.

It understands the instructions that our stages of images have, and refuses any other, so that an archive never
lacks silently what the image of an engine has.
"""

import json
import re
import shlex
from dataclasses import dataclass, field

NANOSECONDS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


@dataclass
class Copy:
    source: str
    destination: str
    owner: int
    # The folders in an empty one; none for a file.
    folders: list = None


@dataclass
class Description:
    """Of an image; `config` has the names of the OCI's and Docker's image configuration."""
    config: dict = field(default_factory=dict)
    environment: list = field(default_factory=list)
    copies: list = field(default_factory=list)

    @property
    def destinations(self):
        return [copy.destination for copy in self.copies]


class Dockerfile:
    def __init__(self, path, given):
        """`given` are values of `ARG`, as by `docker build --build-arg`."""
        self.path, self.given, self.stages = path, given, {}
        with open(path) as file:
            lines = [line for line in file.read().splitlines() if not line.startswith("#")]
        for line in filter(None, "\n".join(lines).replace("\\\n", " ").splitlines()):
            word, rest = line.split(" ", 1)
            if word == "FROM":
                name = rest.split(" AS ")[1]
                self.stages[name] = []
            else:
                self.stages[name].append((word, rest.strip()))

    def stage(self, name):
        if name not in self.stages:
            raise SystemExit(f"{self.path} has no stage {name}")
        description, values = Description(), {}
        for word, rest in self.stages[name]:
            rest = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], rest)
            if word == "ARG":
                key, _, default = rest.partition("=")
                values[key] = self.given.get(key, default.strip('"'))
            elif word == "COPY":
                description.copies.append(self._copy(rest))
            else:
                self._configure(description, word, rest)
        return description

    def _configure(self, description, word, rest):
        config = description.config
        if word == "LABEL":
            config.setdefault("Labels", {}).update(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "ENV":
            description.environment += shlex.split(rest)
        elif word == "EXPOSE":
            config["ExposedPorts"] = {f"{port}/tcp": {} for port in rest.split()}
        elif word == "USER":
            config["User"] = rest
        elif word == "STOPSIGNAL":
            config["StopSignal"] = rest
        elif word == "ENTRYPOINT" and rest.startswith("["):
            config["Entrypoint"] = json.loads(rest)
        elif word == "HEALTHCHECK":
            config["Healthcheck"] = health_check(rest)
        else:
            raise not_understood(self.path, f"{word} {rest}")

    def _copy(self, rest):
        """What another stage has built: a program, or a folder that it has made."""
        *flags, source, destination = rest.split()
        flags = dict(flag.removeprefix("--").split("=", 1) for flag in flags)
        owner, group = flags.get("chown", "0:0").split(":")
        made = [words.split() for word, command in self.stages[flags["from"]] if word == "RUN"
                for words in re.findall(r"mkdir -p ([^&]*)", command)]
        name = source.rsplit("/", 1)[1]
        folders = [path.split("/", 1)[1] for words in made for path in words if path.startswith(f"{name}/")]
        is_program = source.rsplit("/", 1)[0].endswith("/programs")
        if owner != group or is_program == bool(folders):
            raise not_understood(self.path, f"COPY {rest}")
        return Copy(source, destination, int(owner), None if is_program else folders)


def not_understood(where, what):
    return SystemExit(f"{where}: {what}: image archives do not know this yet; add it to "
                      "deploy/packages/images/dockerfile.py, so that they stay the same as the images of an engine")


def health_check(rest):
    if rest == "NONE":
        return {"Test": ["NONE"]}
    flags, command = rest.split("CMD ", 1)
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in flags.split())
    times = {"Interval": "interval", "Timeout": "timeout", "StartPeriod": "start-period"}
    check = {"Test": ["CMD", *json.loads(command)], "Retries": int(flags.pop("retries"))}
    check.update((key, duration(flags.pop(flag))) for key, flag in times.items() if flag in flags)
    if flags:
        raise not_understood("HEALTHCHECK", ", ".join(flags))
    return check


def duration(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * NANOSECONDS[unit]
