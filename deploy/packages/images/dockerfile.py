"""What deploy/Dockerfile says of an image: what engines call its config, and what is copied into it.

It understands the instructions that our stages of images have, in the forms that they have there. It refuses any other
instruction, flag or form, so that an archive never lacks silently what the image of an engine has. What another stage
runs is not run here: of that it takes programs as they are given, and folders from `mkdir -p`.
`deploy/checks/docker/understood.py` has examples of both.
"""

import json
import re
import shlex
from dataclasses import dataclass, field

NANOSECONDS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
TIMES = {"Interval": "interval", "Timeout": "timeout", "StartPeriod": "start-period"}
# In these an engine puts no values.
AS_IT_IS = {"ENTRYPOINT", "HEALTHCHECK"}


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
            lines = [line for line in file.read().splitlines() if not line.lstrip().startswith("#")]
        instructions = None
        # Nothing takes the place of the end of a line: it may be amid a text in quotes.
        for line in re.sub(r"\\[ \t]*\n", "", "\n".join(lines)).splitlines():
            word, _, rest = line.strip().partition(" ")
            if word == "FROM":
                instructions = self._begin(rest.strip())
            elif word and instructions is None:
                raise self._refused(word, rest, "it stands before the first stage")
            elif word:
                instructions.append((word, rest.strip()))

    def _begin(self, rest):
        # To engines the case of a stage's name makes no difference, and one without a name has its number.
        parts = re.fullmatch(r"(.*?)(?: +AS +(\S+))?", rest)
        name = (parts[2] or str(len(self.stages))).lower()
        if name in self.stages:
            raise self._refused("FROM", rest, "there is a stage of that name already")
        self.stages[name] = [("FROM", parts[1])]
        return self.stages[name]

    def stage(self, name):
        if name not in self.stages:
            raise SystemExit(f"{self.path} has no stage {name}")
        description, values = Description(), {}
        for word, rest in self.stages[name]:
            try:
                self._take(description, values, word, rest)
            except ValueError as reason:
                raise self._refused(word, rest, reason) from None
        return description

    def _refused(self, word, rest, reason):
        line = f"{word} {rest}".strip()
        return SystemExit(f"{self.path}: {line}: {reason}. Archives of images have to be the same as the images of an "
                          "engine: write it as the rest of the file does, or add it to "
                          "deploy/packages/images/dockerfile.py")

    def _take(self, description, values, word, rest):
        """Raises a ValueError for what is not understood, as the parsers of Python do."""
        rest = substituted(rest, {} if word in AS_IT_IS else values)
        if word == "FROM":
            # The base is another one here; but what a stage has on top of its own base would be missing.
            if rest.startswith("--") or rest.lower() in self.stages:
                raise ValueError("an image has to begin with a base, without flags, and not with another stage")
        elif word == "ARG":
            values.update((key, self.given.get(key, default)) for key, default in pairs(rest, default=""))
        elif word == "ENV":
            description.environment += [f"{key}={value}" for key, value in pairs(rest)]
        elif word == "COPY":
            description.copies.append(self._copy(rest))
        else:
            configure(description.config, word, rest)
        both = set(values) & {pair.split("=", 1)[0] for pair in description.environment}
        if both:
            raise ValueError(f"{', '.join(sorted(both))} is a name of ARG and of ENV")

    def _copy(self, rest):
        """What another stage has built: a program, or a folder that it has made."""
        words = rest.split()
        flags = flags_of([word for word in words if word.startswith("--")], {"from", "chown"})
        paths = [word for word in words if not word.startswith("--")]
        stage = flags.get("from", "").lower()
        if stage not in self.stages:
            raise ValueError("it does not copy --from another stage")
        if len(paths) != 2 or not all(re.fullmatch(r"(/[\w.-]+)+", path) for path in paths):
            raise ValueError("it is not of one path from / to another, without a slash behind")
        owner, _, group = flags.get("chown", "0:0").partition(":")
        if not owner.isdecimal() or owner != group:
            raise ValueError("owner and group are not the same number")
        source, destination = paths
        folder, name = source.rsplit("/", 1)
        if folder.endswith("/programs"):
            # A destination with another name may be a folder, which engines look for in the base.
            if destination.rsplit("/", 1)[1] != name:
                raise ValueError("a program has another name where it is copied to")
            return Copy(source, destination, int(owner))
        return Copy(source, destination, int(owner), made_in(name, self.stages[stage]))


def substituted(text, values):
    # Quotes and backslashes may keep an engine from putting a value there.
    if "$" in text and not re.search(r"['\\]", text):
        text = re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: values.get(found[1] or found[2], found[0]), text)
    if "$" in text:
        raise ValueError("$ is known only in $NAME and ${NAME} of an ARG in the same stage, and without ' and \\ in the line")
    return text


def pairs(text, default=None):
    """Each KEY=VALUE; a key alone has the default, if there is one."""
    found = [word.partition("=") for word in shlex.split(text)]
    if not found or not all(key and (equals or default is not None) for key, equals, _ in found):
        raise ValueError("it does not consist of KEY=VALUE")
    return [(key, value if equals else default) for key, equals, value in found]


def flags_of(words, known):
    """Those at the beginning of an instruction, which all have values where they are known."""
    flags = dict(word.removeprefix("--").partition("=")[::2] for word in words)
    unknown = sorted(set(flags) - known)
    if unknown:
        raise ValueError(f"--{', --'.join(unknown)} is not known")
    return flags


def made_in(name, instructions):
    """The folders that a stage makes in an empty one."""
    made = [words.split() for word, command in instructions if word == "RUN"
            for words in re.findall(r"mkdir -p ([^&]*)", command)]
    folders = [path.split("/", 1)[1] for words in made for path in words if path.startswith(f"{name}/")]
    if not folders or not all(re.fullmatch(r"[\w./-]+", folder) for folder in folders):
        raise ValueError("it is neither out of a folder `programs` nor a folder of plain names by `mkdir -p`")
    return folders


def configure(config, word, rest):
    if word == "LABEL":
        config.setdefault("Labels", {}).update(pairs(rest))
    elif word == "EXPOSE":
        config.setdefault("ExposedPorts", {}).update((port(each), {}) for each in rest.split())
    elif word == "USER":
        config["User"] = plain(rest)
    elif word == "STOPSIGNAL":
        config["StopSignal"] = plain(rest)
    elif word == "ENTRYPOINT":
        config["Entrypoint"] = command(rest)
    elif word == "HEALTHCHECK":
        config["Healthcheck"] = health_check(rest)
    else:
        raise ValueError(f"{word} is not known")


def port(text):
    if not re.fullmatch(r"\d+(/(tcp|udp))?", text):
        raise ValueError(f"{text} is not a port, with /tcp or /udp or nothing behind it")
    return text if "/" in text else f"{text}/tcp"


def plain(text):
    if not re.fullmatch(r"[\w:+-]+", text):
        raise ValueError("it is not one word without quotes")
    return text


def command(text):
    words = json.loads(text) if text.startswith("[") else None
    if not words or not all(isinstance(word, str) for word in words):
        raise ValueError("the command is not a list of strings, without a shell")
    return words


def health_check(rest):
    if rest == "NONE":
        return {"Test": ["NONE"]}
    flags, found, words = rest.partition("CMD ")
    if not found:
        raise ValueError("it has neither CMD nor NONE")
    flags = flags_of(flags.split(), {"retries", *TIMES.values()})
    check = {"Test": ["CMD", *command(words.strip())]}
    if "retries" in flags:
        check["Retries"] = int(flags["retries"])
    check.update((key, duration(flags[flag])) for key, flag in TIMES.items() if flag in flags)
    return check


def duration(text):
    if not re.fullmatch(r"(\d+(ms|s|m|h))+", text):
        raise ValueError(f"{text} is not a time such as 1m30s")
    return sum(int(number) * NANOSECONDS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h)", text))
