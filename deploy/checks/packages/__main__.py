"""The packages of `make dist` as their users meet them: `make dist-test`, as root, a minute or two.

They are made a second time elsewhere and compared, looked at by lintian, unpacked and used; archives of images are
looked at as files, because engines load them in `deploy/checks/docker`; the Debian package
is installed on a Debian of its own, where systemd runs the service. It needs mmdebstrap, lintian and
systemd-nspawn (Debian: systemd-container), and Debian's packages for that root. `--compile` compiles for the
comparison as well; `--needed` only looks whether that is there, before a quarter of an hour is spent on compiling.
"""

import os
import shutil
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path += [f"{HERE}/../docker", f"{HERE}/../../packages/images"]

from archives import (checksums_are_right, lintian_is_content, made_twice, materials_are_complete, sizes,
                      tarball_is_used)
from image_archives import image_archives_are_whole
from machine import Machine
from progress import say
from service import use

ROOT = os.path.realpath(f"{HERE}/../../..")
PACKAGES = f"{ROOT}/target/dist"
NEEDED = {"mmdebstrap": "mmdebstrap", "lintian": "lintian", "systemd-nspawn": "systemd-container",
          "nsenter": "util-linux", "dpkg-deb": "dpkg", "readelf": "binutils", "git": "git"}


def main():
    refuse_what_is_missing()
    if "--needed" in sys.argv:
        return
    checksums_are_right(PACKAGES)
    materials_are_complete(PACKAGES)
    lintian_is_content(PACKAGES)
    tarball_is_used(PACKAGES)
    image_archives_are_whole(ROOT, PACKAGES)
    made_twice(ROOT, PACKAGES, "--compile" in sys.argv)
    machine = Machine()
    try:
        say("a Debian is there")
        machine.boot()
        say("its systemd is running")
        use(machine, PACKAGES)
    finally:
        machine.end()
    sizes(PACKAGES)
    say("all is well")


def refuse_what_is_missing():
    missing = sorted({package for command, package in NEEDED.items() if not shutil.which(command)})
    if missing:
        raise SystemExit(f"make dist-test needs these packages: {' '.join(missing)}")
    if os.geteuid() != 0:
        raise SystemExit("make dist-test starts a Debian with a systemd of its own, and so needs root")


main()
