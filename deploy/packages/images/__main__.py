"""Writes an archive of each image, without a Docker engine and without a registry; `deploy/packages/build` calls it.

`docker load`, `podman load` and `ctr image import` take them. An image has two layers: a base of Debian packages,
which `base` unpacks, and what the Dockerfile copies on top. All else that an image says of itself (labels,
variables, user, how it is started, stopped and checked) is read from the Dockerfile, by `dockerfile`. The same
programs, commit and versions of Debian's packages make the same bytes.
"""

import argparse
import datetime
import os
import platform
import shutil

import base
from archive import Image, write
from dockerfile import Dockerfile
from layer import Layer
from needs import refuse_what_lacks

# The first word of a compiler's target, and how Debian and the OCI call that architecture: all three say the same
# for these. A new one needs its line and a trial.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# A stage of the Dockerfile, and the name of its image in the documents.
IMAGES = {"server": "fanfare", "loadgen": "fanfare-loadgen"}
NEEDED = {"apt-get": "apt", "dpkg-deb": "dpkg", "readelf": "binutils"}


def main():
    given = arguments()
    refuse_what_is_missing()
    architecture = architecture_of(given.target)
    packages = base.fetch(given.packages, architecture)
    if given.fetch:
        return
    below, history = base.layer(packages), base.history(packages)
    dockerfile = Dockerfile(given.dockerfile, {"VERSION": given.version, "REVISION": given.revision})
    for stage, name in IMAGES.items():
        description = dockerfile.stage(stage)
        above = layer_of(description, given.programs, given.created)
        refuse_what_lacks(above, below)
        created = datetime.datetime.fromtimestamp(given.created, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        description.config["Labels"]["org.opencontainers.image.created"] = created
        config = {**description.config, "WorkingDir": base.FOLDER, "Env": variables(description)}
        layers = [(below, history), (above, f"deploy/Dockerfile: COPY to {', '.join(description.destinations)}")]
        image = Image(name, given.version, architecture, created, config, layers)
        write(image, f"{given.output}/{name}-{given.version}-image-linux-{architecture}.tar", given.created)


def arguments():
    parser = argparse.ArgumentParser(prog="deploy/packages/images")
    parser.add_argument("--packages", required=True, help="the folder that keeps the Debian packages of the base")
    parser.add_argument("--target", default=platform.machine(), help="of the compiler that made the programs")
    parser.add_argument("--fetch", action="store_true", help="fetches the Debian packages and does nothing else")
    parser.add_argument("--dockerfile", default="deploy/Dockerfile")
    parser.add_argument("--programs", help="the folder with `fanfare` and `loadgen`")
    parser.add_argument("--version", help="of the programs")
    parser.add_argument("--revision", help="the commit")
    parser.add_argument("--output", help="where archives are written, not compressed")
    given = parser.parse_args()
    # As everything that `make dist` makes, an image is as old as its commit.
    given.created = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    missing = [name for name in ["programs", "version", "revision", "output"] if getattr(given, name) is None]
    if missing and not given.fetch:
        parser.error(f"needed unless --fetch is given: {', '.join(f'--{name}' for name in missing)}")
    return given


def refuse_what_is_missing():
    missing = {command: package for command, package in NEEDED.items() if not shutil.which(command)}
    if missing:
        raise SystemExit(f"image archives are made of Debian packages, which needs {', '.join(missing)}; install "
                         f"Debian's {', '.join(sorted(missing.values()))}, or leave them out with WITHOUT_IMAGES=1")


def architecture_of(target):
    word = target.split("-")[0]
    if word not in ARCHITECTURES:
        raise SystemExit(f"how an image for {target} calls its architecture is not known: add {word} to ARCHITECTURES "
                         "in deploy/packages/images/__main__.py, or leave image archives out with WITHOUT_IMAGES=1")
    return ARCHITECTURES[word]


def variables(description):
    """Of the base and of the Dockerfile; each name once, as an engine has them."""
    last = dict(pair.split("=", 1) for pair in [*base.ENVIRONMENT, *description.environment])
    return [f"{name}={value}" for name, value in last.items()]


def layer_of(description, programs, moment):
    """What the Dockerfile copies: a program, or folders with nothing in them."""
    layer = Layer(moment)
    for copy in description.copies:
        if copy.folders is None:
            with open(f"{programs}/{os.path.basename(copy.source)}", "rb") as file:
                layer.file(copy.destination, file.read(), mode=0o755, owner=copy.owner)
        else:
            for folder in ["", *copy.folders]:
                layer.folder(f"{copy.destination}/{folder}", owner=copy.owner)
    return layer


main()
