"""The archives of images, made of the very programs that are in the images which the engine has built, and loaded by
Docker and containerd: but for their base they have to be the same images.
"""

import os
import subprocess

from clients import publish, read
from engine import eventually, output
from plain import taken_out
from progress import say
from single import delivered_all
from understood import dockerfiles_are_understood_or_refused

NAMES = {"fanfare": "fanfare", "loadgen": "fanfare-loadgen"}
VERSION = "0.0.0-archived"
NAME, PORT = "archived", 8092
URL = f"http://127.0.0.1:{PORT}/events/archived"
# What an engine says of how it came to an image, and what a base says: compared by hand, or not there at all.
OF_THE_BASE = ["Env", "Image", "Labels", "WorkingDir"]


def is_left_out():
    return bool(os.environ.get("WITHOUT_IMAGES"))


def start(engine, root, built, revision):
    """Makes, compares and starts; `ends_well` looks at it when it had the time to become healthy."""
    dockerfiles_are_understood_or_refused()
    archives = made(engine, root, built, revision)
    loaded = {}
    for name, archive in archives.items():
        said = engine.docker("load", "--input", archive)
        loaded[name] = f"{NAMES[name]}:{VERSION}"
        assert said.splitlines()[-1] == f"Loaded image: {loaded[name]}", said
        says_the_same(engine, built[name], loaded[name], revision)
        holds_the_same(engine, name, built[name], loaded[name])
    has_what_is_on_debian(engine, loaded["fanfare"])
    containerd_takes(engine, archives)
    engine.docker("run", "--detach", "--name", NAME, "--read-only", "--cap-drop", "ALL", "--stop-timeout", "20",
                  "--publish", f"127.0.0.1:{PORT}:8080", "--env", "FANFARE_OPEN=true", loaded["fanfare"])


def made(engine, root, built, revision):
    """By what `make dist` calls, of programs that are in images."""
    programs, folder = f"{engine.folder}/programs", f"{engine.folder}/archives"
    os.mkdir(programs)
    os.mkdir(folder)
    for name, image in built.items():
        os.rename(taken_out(engine, image, f"/usr/local/bin/{name}"), f"{programs}/{name}")
    output(["python3", "-B", f"{root}/deploy/packages/images", "--packages", f"{root}/deploy/packages/.base",
            "--dockerfile", f"{root}/deploy/Dockerfile", "--programs", programs, "--version", VERSION,
            "--revision", revision, "--output", folder], env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
    for file in os.listdir(folder):
        # Quickly: how small they are is told by `make dist-test`.
        output(["gzip", "-n1", f"{folder}/{file}"])
    architecture = engine.docker("version", "--format", "{{.Server.Arch}}")
    return {name: f"{folder}/{image}-{VERSION}-image-linux-{architecture}.tar.gz" for name, image in NAMES.items()}


def says_the_same(engine, built, loaded, revision):
    facts = [engine.inspect(image) for image in [built, loaded]]
    for same in ["Architecture", "Os"]:
        assert facts[0][same] == facts[1][same], [fact[same] for fact in facts]
    configs = [fact["Config"] for fact in facts]
    for key in sorted(set(configs[0]) | set(configs[1])):
        if key not in OF_THE_BASE:
            assert configs[0].get(key) == configs[1].get(key), (key, [config.get(key) for config in configs])
    own = [[pair for pair in config["Env"] if pair.startswith("FANFARE_")] for config in configs]
    assert own[0] == own[1] and bool(own[0]) == (NAMES["fanfare"] == loaded.split(":")[0]), own
    labels = [config["Labels"] for config in configs]
    created = labels[1].pop("org.opencontainers.image.created")
    assert created == "2023-11-14T22:13:20Z" == facts[1]["Created"], (created, facts[1]["Created"])
    assert labels[0]["org.opencontainers.image.revision"] == revision
    version = "org.opencontainers.image.version"
    assert labels[1].pop(version) == VERSION and labels[0].pop(version) != VERSION
    assert labels[0] == labels[1], labels
    say(f"the archive of {loaded}: {facts[1]['Size'] / 1e6:.1f} MB when loaded; labels, user, how it starts, is checked "
        "and ends are those of the image that was built")


def holds_the_same(engine, name, built, loaded):
    """The program, and the folders that a volume takes its owner from, with their modes and owners."""
    programs = [content(engine, image, f"/usr/local/bin/{name}") for image in [built, loaded]]
    assert programs[0] == programs[1], name
    lists = [listed(engine, image, ["usr/local/bin/", "var/lib/fanfare"]) for image in [built, loaded]]
    assert lists[0] == lists[1] != [], lists


def content(engine, image, path):
    with open(taken_out(engine, image, path), "rb") as file:
        return file.read()


def listed(engine, image, begins):
    container = engine.docker("create", image)
    files = subprocess.Popen(["docker", "export", container], env=engine.environment, stdout=subprocess.PIPE)
    lines = output(["tar", "--list", "--verbose", "--numeric-owner", "--file", "-"], stdin=files.stdout).splitlines()
    assert files.wait() == 0
    engine.docker("rm", container)
    # Mode, owner, length, date, time, path.
    entries = [[line.split()[at] for at in [0, 1, 2, 5]] for line in lines]
    return sorted(entry for entry in entries if entry[3].startswith(tuple(begins)) and entry[3] not in begins)


def has_what_is_on_debian(engine, image):
    """The bundle of certificates, who is who, and which packages it was made of; and nothing that starts a shell."""
    def text(path):
        return content(engine, image, path).decode()

    assert text("/etc/ssl/certs/ca-certificates.crt").count("-----BEGIN CERTIFICATE-----") > 100
    assert "\nnonroot:x:65532:65532:" in text("/etc/passwd")
    assert text("/var/lib/dpkg/status.d/libc6").startswith("Package: libc6\n")
    assert "libc6 " in engine.docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    code = engine.exit_code("run", "--rm", "--entrypoint", "sh", image)
    assert code == 127, f"there is a shell: {code}"


def containerd_takes(engine, archives):
    """By the other half of an archive, which Docker before 25 does not read. The engine has a containerd of its own."""
    socket = f"{engine.folder}/run/containerd/containerd.sock"
    if not os.path.exists(socket):
        # It takes that of the machine, which is left alone.
        say("not tried: archives in containerd, because the engine has none of its own")
        return
    ctr = ["ctr", "--address", socket, "--namespace", NAME, "images"]
    for name, archive in archives.items():
        # Version 1 takes only what is not compressed.
        plain = subprocess.Popen(["gunzip", "--stdout", archive], stdout=subprocess.PIPE)
        output([*ctr, "import", "--no-unpack", "-"], stdin=plain.stdout)
        assert plain.wait() == 0
        listed = output([*ctr, "check", f"name==docker.io/library/{NAMES[name]}:{VERSION}"])
        assert "complete" in listed, listed
    say("containerd takes both archives, too")


def ends_well(engine):
    """It is healthy, an event comes through, a load is delivered to the end, and `docker stop` ends it in order."""
    eventually("it is healthy", lambda: engine.inspect(NAME)["State"]["Health"]["Status"] == "healthy")
    first = publish(URL, "first", "")
    assert read(URL, "earliest", 1)[0][1:] == (first, "first")
    load = delivered(engine)
    engine.docker("stop", "--time", "20", NAME)
    state = engine.inspect(NAME)["State"]
    assert state["ExitCode"] == 0 and not state["OOMKilled"], state
    engine.docker("rm", NAME)
    say(f"loaded from its archive it is healthy, an event comes through, and it ends with exit code 0; {load}")


def delivered(engine):
    """A second of load by the other image, from within the network of the first."""
    hub, name = "http://127.0.0.1:8080/events/load", f"{NAME}-load"
    engine.docker("run", "--detach", "--name", name, "--read-only", "--cap-drop", "ALL",
                  "--network", f"container:{NAME}", f"{NAMES['loadgen']}:{VERSION}",
                  "run", "--subscribe", hub, "--publish", hub, "--duration", "1s")
    eventually("the load ends", lambda: engine.inspect(name)["State"]["Status"] == "exited")
    load = delivered_all(engine, name)
    engine.docker("rm", name)
    return load
