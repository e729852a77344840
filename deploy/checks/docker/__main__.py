"""The images and the compose file on a real Docker engine: `make docker-test`, as root, a quarter of an hour or
more. With `--quick` the part that is among the tests (`deploying/engine.rs`).

It needs `dockerd` and `docker` (Debian: docker.io), `docker compose` or docker-compose, busybox, prometheus and haproxy.
Nothing is fetched but Debian packages for archives of images, if they are not there (WITHOUT_IMAGES=1 leaves those
archives out), and nothing is left behind. What was measured is printed.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys

import archived
import cold
import ends
import images
import outlives
import plain
import rolling
import single
from cluster import cluster
from engine import Engine
from progress import say
from project import Project

ROOT = os.path.realpath(f"{os.path.dirname(__file__)}/../../..")
NEEDED = {"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables", "unshare": "util-linux",
          "nsenter": "util-linux", "setpriv": "util-linux", "ip": "iproute2", "busybox": "busybox-static",
          "haproxy": "haproxy", "prometheus": "prometheus", "ldd": "libc-bin", "objcopy": "binutils"}
# For archives of images.
NEEDED_BY_ARCHIVES = {"ctr": "containerd"}
VERSION = "0.0.0-tried"


def main():
    arguments = argparse.ArgumentParser(prog="deploy/checks/docker")
    arguments.add_argument("--quick", action="store_true", help="what is among the tests")
    arguments.add_argument("--stand-in", action="store_true", help="programs that are there, not a build from nothing")
    arguments.add_argument("--programs", default=f"{ROOT}/target/debug", help="where fanfare and loadgen are")
    arguments = arguments.parse_args()
    refuse_what_is_missing(arguments.programs)
    # So that what was begun is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    engine = Engine()
    try:
        say(f"the engine answers: {engine.docker('version', '--format', '{{.Server.Version}}')}")
        compiler = images.stand_in if arguments.quick or arguments.stand_in else cold.compiler
        runtime = images.make(engine, ROOT, arguments.programs, compiler)
        say("base images are made")
        engine.enter_network()
        project = Project(engine, ROOT, VERSION, revision)
        quick(project, runtime, revision)
        if not arguments.quick:
            project("up", "--detach", "fanfare")
            project.wait("fanfare")
            if not arguments.stand_in:
                cold.is_compiled_from_this(project)
            the_rest(project)
        nothing_is_left(project)
    finally:
        engine.end()
    say("all is well")


def refuse_what_is_missing(programs):
    if os.geteuid() != 0:
        raise SystemExit("this starts a Docker engine of its own, and so needs root; "
                         "WITHOUT_DOCKER=1 leaves it out of `make test`")
    needed = NEEDED if archived.is_left_out() else {**NEEDED, **NEEDED_BY_ARCHIVES}
    missing = sorted({package for command, package in needed.items() if not shutil.which(command)})
    if missing:
        raise SystemExit(f"this needs these packages: {' '.join(missing)}; deploy/install-test-packages installs them")
    for program in images.PROGRAMS:
        if not os.path.exists(f"{programs}/{program}"):
            raise SystemExit(f"{programs}/{program} is not there; `cargo build` makes it")


def quick(project, runtime, revision):
    engine, built = project.engine, {"fanfare": f"fanfare:{VERSION}", "loadgen": f"fanfare-loadgen:{VERSION}"}
    single.start(project)
    single.load(project)
    another = plain.start(engine, built["fanfare"])
    if archived.is_left_out():
        say("left out because of WITHOUT_IMAGES: archives of images")
    else:
        archived.start(engine, ROOT, built, revision)
    single.is_shut_in(project)
    single.serves(project, project.token())
    plain.refuses_to_be_open(engine, built["fanfare"])
    plain.has_what_it_says(engine, built, runtime, VERSION, revision)
    plain.has_its_lines_beside_it(engine, ROOT, runtime, VERSION, revision)
    plain.stays_below_its_limit(engine)
    single.loaded(project)
    single.rules_are_evaluated()
    plain.is_healthy(engine)
    if not archived.is_left_out():
        archived.ends_well(engine)
    ends.drain(project, another)
    single.logs_are_json(project)
    engine.docker("rm", another)


def the_rest(project):
    outlives.what_is_published_outlives(project)
    ends.a_killed_one_comes_back(project)
    ends.a_frozen_one_is_unhealthy(project)
    images.make_for_cluster(project.engine, ROOT)
    cluster(project)
    project(*project.everything, "down")
    rolling.restart(project, ROOT, f"fanfare:{VERSION}")


def nothing_is_left(project):
    project(*project.everything, "down", "--volumes")
    for what, words in {"container": ["--all"], "volume": [], "network": ["--filter", "type=custom"]}.items():
        left = project.engine.docker(what, "ls", "--quiet", *words)
        assert left == "", f"{what}: {left}"
    say("nothing is left after `down --volumes`")


main()
