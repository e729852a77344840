"""The images that the files name, made here of this machine's programs and the libraries that they need.

So nothing is fetched, and everything that a Dockerfile or compose says of an image is carried out by the engine.
Two things are not as elsewhere: the compiler may be a stand-in that copies the programs which cargo has built
before (that they compile in the image's way is tried by `deploying/image.rs`, and by `cold` here), and Grafana is one
that serves an empty page.
"""

import io
import re
import shutil
import subprocess
import tarfile

COMMANDS = ["sh", "wget", "mkdir", "cp", "test", "cat", "httpd", "id"]
PROGRAMS = ["fanfare", "loadgen"]
CARGO = """#!/bin/sh
set -eu
case "$1 ${2:-}" in
"install "*) ;;
"chef prepare") test -f Cargo.lock && : >recipe.json ;;
"chef cook") test -f recipe.json ;;
"build "*) mkdir -p target/release && cp /programs/* target/release/ ;;
*) echo "cargo $*: not understood" >&2; exit 1 ;;
esac
"""
PEOPLE = "root:x:0:0::/:/bin/sh\nhaproxy:x:99:99::/:/bin/sh\nnonroot:x:65532:65532::/:/bin/sh\n"


class Layer:
    """A root file system, as a tar."""

    def __init__(self):
        self.bytes = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.bytes, mode="w")
        self.libraries = set()
        self.text("/etc/passwd", PEOPLE)
        for folder in ["/tmp", "/proc", "/dev", "/sys"]:
            self.folder(folder)

    def text(self, path, text, mode=0o644):
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size, entry.mode = len(text.encode()), mode
        self.tar.addfile(entry, io.BytesIO(text.encode()))

    def folder(self, path, owner=0):
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o755, owner, owner
        self.tar.addfile(entry)

    def program(self, source, path):
        self._file(source, path)
        self.needs_of(source)
        return self

    def needs_of(self, source):
        """The libraries and the loader of a program, where it has any."""
        listed = subprocess.run(["ldd", source], capture_output=True, text=True).stdout
        for library in set(re.findall(r"(/\S+) \(0x", listed)) - self.libraries:
            self.libraries.add(library)
            self._file(library, library)
        return self

    def _file(self, source, path):
        entry = tarfile.TarInfo(path.lstrip("/"))
        with open(source, "rb") as file:
            content = file.read()
        entry.size, entry.mode = len(content), 0o755
        self.tar.addfile(entry, io.BytesIO(content))

    def shell(self):
        busybox = shutil.which("busybox")
        self.program(busybox, "/bin/busybox")
        for command in COMMANDS:
            entry = tarfile.TarInfo(f"bin/{command}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            self.tar.addfile(entry)
        return self

    def load(self, engine, name, *changes):
        self.tar.close()
        words = [word for change in ["ENV PATH=/usr/local/bin:/usr/bin:/bin", *changes] for word in ("--change", change)]
        done = subprocess.run(["docker", "import", *words, "-", name], input=self.bytes.getvalue(),
                              env=engine.environment, capture_output=True)
        if done.returncode != 0:
            raise SystemExit(f"docker import {name}: {done.stderr.decode()}")


def make(engine, root, programs, builder):
    """Those that every check starts from, under the names that the Dockerfile and compose give; the runtime's name.

    `builder` makes the one that compiles: `stand_in`, or `cold.compiler`.
    """
    dockerfile = open(f"{root}/deploy/Dockerfile").read()
    builder(engine, re.search(r"^FROM (rust\S+)", dockerfile, re.M)[1], programs)
    runtime = re.findall(r"^FROM (\S+/\S+)", dockerfile, re.M)[0]
    layer = Layer()
    for program in PROGRAMS:
        layer.needs_of(f"{programs}/{program}")
    layer.load(engine, runtime)

    watcher = Layer().shell().program(shutil.which("prometheus"), "/bin/prometheus")
    watcher.folder("/prometheus", owner=65534)
    watcher.load(engine, named(root, "prometheus"), "USER 65534:65534", 'ENTRYPOINT ["/bin/prometheus"]')
    pages = Layer().shell()
    pages.text("/www/index.html", "stand-in")
    pages.folder("/var/lib/grafana", owner=472)
    pages.load(engine, named(root, "grafana"), "USER 472:472", 'ENTRYPOINT ["httpd", "-f", "-p", "3000", "-h", "/www"]')
    return runtime


def stand_in(engine, name, programs):
    """In the place of the compiler: it copies what cargo has built before. The rest of the build is real."""
    layer = Layer().shell().program(shutil.which("objcopy"), "/usr/bin/objcopy")
    layer.text("/usr/local/bin/cargo", CARGO, 0o755)
    for program in PROGRAMS:
        layer.program(f"{programs}/{program}", f"/programs/{program}")
    layer.load(engine, name)


def make_for_cluster(engine, root):
    """NATS and HAProxy."""
    broker = f"{root}/service/tests/peers/nats/.built/nats-server"
    Layer().shell().program(broker, "/usr/local/bin/nats-server").load(engine, named(root, "nats"))
    proxy = Layer().shell().program(shutil.which("haproxy"), "/usr/local/bin/haproxy")
    proxy.load(engine, named(root, "haproxy"), "USER haproxy")


def named(root, word):
    """The image of compose with a word in its name."""
    compose = open(f"{root}/deploy/docker-compose.yml").read()
    return re.search(rf"image: (\S*{word}:\S+)", compose)[1]
