"""The images and the compose file on a real Docker engine: `make docker-test`, as root, about five minutes.

It needs `dockerd` and `docker` (Debian: docker.io), `docker compose` or docker-compose, busybox, haproxy and
prometheus; nothing is fetched, and nothing is left behind. What was measured is printed.
"""

import os
import shutil
import sys

from clients import publish, read
from cluster import cluster
from engine import Engine
from images import make
from progress import say
from project import Project

ROOT = os.path.realpath(f"{os.path.dirname(__file__)}/../../..")
NEEDED = {"dockerd": "docker.io", "docker": "docker.io", "unshare": "util-linux", "busybox": "busybox-static",
          "haproxy": "haproxy", "prometheus": "prometheus", "ldd": "libc-bin"}
SINGLE = "http://127.0.0.1:8080"


def main():
    programs = sys.argv[1] if len(sys.argv) > 1 else f"{ROOT}/target/release"
    refuse_what_is_missing(programs)
    engine = Engine()
    try:
        say(f"the engine answers: {engine.docker('version', '--format', '{{.Server.Version}}')}")
        make(engine, ROOT, programs)
        say("base images are made")
        engine.enter_network()
        project = Project(engine, ROOT)
        single_server(project)
        cluster(project)
        nothing_is_left(project)
    finally:
        engine.end()
    say("all is well")


def refuse_what_is_missing(programs):
    missing = sorted({package for command, package in NEEDED.items() if not shutil.which(command)})
    if missing:
        raise SystemExit(f"make docker-test needs these packages: {' '.join(missing)}")
    if os.geteuid() != 0:
        raise SystemExit("make docker-test starts a Docker engine of its own, and so needs root")
    for program in ["fanfare", "loadgen"]:
        if not os.path.exists(f"{programs}/{program}"):
            raise SystemExit(f"{programs}/{program} is not there; `cargo build --release` makes it")


def single_server(project):
    """Events are in a volume that its user may write, and outlive a restart and a kill."""
    project("up", "--build", "--detach", "fanfare", "prometheus", "grafana")
    project.wait("fanfare")
    say("the single server is healthy")
    status = project.status("fanfare")
    assert status["Uid"].split() == ["65532"] * 4, status["Uid"]
    assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1", status
    topic, token = f"{SINGLE}/events/news/1", project.token()
    first = publish(topic, "first", token)
    for number, end in enumerate(["restart", "kill"]):
        publish(topic, f"before {end}", token)
        project(end, "fanfare")
        if end == "kill":
            project("up", "--detach", "fanfare")
        project.wait("fanfare")
        publish(topic, f"after {end}", token)
        events = read(topic, first, 2 + 2 * number)
        assert all(kind != "fanfare-gap" for kind, _, _ in events), events
        assert [data for _, _, data in events[-2:]] == [f"before {end}", f"after {end}"], events
    # Another container, the same volume.
    project("up", "--detach", "--force-recreate", "--no-deps", "fanfare")
    project.wait("fanfare")
    assert [data for _, _, data in read(topic, first, 4)][-1] == "after kill"
    say("its events outlive a restart, a kill and another container")


def nothing_is_left(project):
    project("down", "--volumes")
    for what in ["container", "volume", "network"]:
        left = project.engine.docker(what, "ls", "--quiet", *(["--all"] if what == "container" else []))
        if what == "network":
            left = project.engine.docker("network", "ls", "--quiet", "--filter", "type=custom")
        assert left == "", f"{what}: {left}"
    say("nothing is left after `down --volumes`")


main()
