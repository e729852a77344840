"""The image of the compiler, made here of this machine's: Rust as it is installed, and Debian's packages for C.

So a build begins with nothing, as for somebody who has just cloned the repository, and every line of the Dockerfile is
carried out as it stands. Crates come from cargo's own store of what it has fetched before, because the engine's network
leads nowhere.
"""

import os
import re
import subprocess

from engine import output
from progress import say
from single import page

# What the image of Rust has beyond Rust, and what every Debian has.
PACKAGES = ["gcc", "libc6-dev", "ca-certificates", "dash", "coreutils", "sed", "grep", "findutils", "base-files", "tar", "gzip"]
# Linked, not installed: the roots of a merged /usr, and names that are a matter of choice.
LINKS = ["bin", "sbin", "lib", "lib64", "tmp", "root", "etc/alternatives/cc", "usr/bin/cc"]


def compiler(engine, name, _programs):
    sysroot = output(["rustc", "--print", "sysroot"])
    home = os.environ.get("CARGO_HOME") or os.path.expanduser("~/.cargo")
    refuse_what_was_not_fetched(home)
    listed = f"{engine.folder}/compiler"
    open(listed, "w").write("\n".join([*LINKS, *sorted(files_of(packages_for(PACKAGES)) - set(LINKS))]))
    whole = [f"{sysroot}/bin", f"{sysroot}/lib", f"{home}/registry/index", f"{home}/registry/cache"]
    settings = [f"{home}/{file}" for file in ["config.toml"] if os.path.exists(f"{home}/{file}")]
    tar = subprocess.Popen(["tar", "-C", "/", "-cf", "-", "--no-recursion", "-T", listed, "--recursion",
                            *(path.lstrip("/") for path in whole + settings)], stdout=subprocess.PIPE)
    changes = [f"ENV PATH={sysroot}/bin:{home}/bin:/usr/local/bin:/usr/bin:/bin", f"ENV CARGO_HOME={home}",
               "ENV CARGO_NET_OFFLINE=true"]
    # Whoever is in a hurry turns the optimiser of the whole program off, by cargo's own variables.
    changes += [f"ENV {name}={value}" for name, value in os.environ.items() if name.startswith("CARGO_PROFILE_")]
    engine.docker("import", *(word for change in changes for word in ("--change", change)), "-", name, stdin=tar.stdout)
    if tar.wait() != 0:
        raise SystemExit(f"tar ended with {tar.returncode}")
    os.remove(listed)
    say("the compiler's image is made; the build begins with nothing")


def refuse_what_was_not_fetched(home):
    version = re.search(r"cargo-chef --locked --version (\S+)", open(f"{ROOT}/deploy/Dockerfile").read())[1]
    stores = os.listdir(f"{home}/registry/cache")
    if not any(os.path.exists(f"{home}/registry/cache/{store}/cargo-chef-{version}.crate") for store in stores):
        raise SystemExit(f"cargo-chef {version} is not in cargo's store: "
                         "rm deploy/checks/.tools/.installed, then run make docker-test again")


def packages_for(names):
    """With what they need, of what is installed."""
    said = output(["apt-cache", "depends", "--recurse", "--installed", "--no-recommends", "--no-suggests",
                   "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", *names])
    return sorted({line for line in said.splitlines() if re.match("[a-z0-9]", line)})


def files_of(packages):
    """Without the root, by the paths that they really have: `/bin/sh` is `/usr/bin/sh` here."""
    files = set()
    for line in output(["dpkg-query", "--listfiles", *packages]).splitlines():
        if not line.startswith("/") or line.startswith("/usr/share/"):
            continue
        folder, name = os.path.split(line)
        path = os.path.join(os.path.realpath(folder), name)
        if os.path.lexists(path) and path != "/":
            files.add(path.lstrip("/"))
    return files


def is_compiled_from_this(project):
    """The commit is in the program, and what is compiled in the image's way is small."""
    metrics = page(f"http://{project.address('fanfare')}:9090/metrics")
    build = next(line for line in metrics.splitlines() if line.startswith("fanfare_build_info{"))
    assert project.environment["REVISION"] in build, build
    say(f"compiled from nothing by the Dockerfile: {build}")


ROOT = os.path.realpath(f"{os.path.dirname(__file__)}/../../..")
