"""What programs need of a base: the loader, libraries, and the versions of what is in them."""

import os
import re
import subprocess
import tempfile


def refuse_what_lacks(layer, base):
    for path, (_, content) in sorted(layer.entries.items()):
        if content is None:
            continue
        lacking = lacks(content, base)
        if lacking:
            raise SystemExit(f"/{path} needs what the base of Debian packages does not have: {', '.join(lacking)}. Compile "
                             "it on the Debian that apt is set up for here, or add a package to PACKAGES in "
                             "deploy/packages/images/base.py")


def lacks(program, base):
    said = described(program)
    loaders = re.findall(r"program interpreter: (\S+)\]", said)
    libraries = re.findall(r"\(NEEDED\).*\[(\S+)\]", said)
    found = [loader for loader in loaders if not base.has(loader)]
    found += [library for library in libraries if base.content(library) is None]
    for library, version in versions(said):
        # A library has the names of its versions as text, each with a zero behind it.
        if version.encode() + b"\0" not in (base.content(library) or b""):
            found.append(f"{version} of {library}")
    return found


def described(program):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/program", "wb") as file:
            file.write(program)
        command = ["readelf", "--wide", "--program-headers", "--dynamic", "--version-info", f"{folder}/program"]
        environment = {**os.environ, "LC_ALL": "C"}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def versions(said):
    """The pairs of a library and a version of it that a program asks for, as GLIBC_2.34 of libc.so.6."""
    pairs, library = [], None
    for line in said.split("Version needs section", 1)[-1].splitlines():
        if file := re.search(r"File: (\S+)", line):
            library = file[1]
        if library and (name := re.search(r"Name: (\S+) ", line)):
            pairs.append((library, name[1]))
    return pairs
