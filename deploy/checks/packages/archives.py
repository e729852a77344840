"""What `make dist` writes, looked at as files: made twice, unpacked, and checked by Debian's own tool."""

import glob
import hashlib
import json
import os
import subprocess
import tempfile
import time
import urllib.request

from progress import say


def checksums_are_right(packages):
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=packages, check=True)
    listed = {line.split()[1] for line in open(f"{packages}/SHA256SUMS")}
    assert listed == set(os.listdir(packages)) - {"SHA256SUMS"}, listed
    say(f"{len(listed)} files, each with its checksum")


def made_twice(root, packages, compiles):
    """The same commit in another folder: the same bytes, at least of everything that is made after compiling."""
    given = os.environ.get("PROGRAMS")
    programs = os.path.join(root, given) if given else glob.glob(f"{root}/target/dist-source/target/*/release")[0]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        clone = f"{folder}/elsewhere"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", root, clone], check=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True)
        subprocess.run(["git", "checkout", "--quiet", "--detach", head.stdout.strip()], cwd=clone, check=True)
        # Tools, and the Debian packages of the images' base.
        for kept in [".tools", ".base"]:
            if os.path.exists(f"{root}/deploy/packages/{kept}"):
                os.symlink(f"{root}/deploy/packages/{kept}", f"{clone}/deploy/packages/{kept}")
        environment = dict(os.environ)
        environment.pop("OUTPUT", None)
        environment.pop("PROGRAMS", None) if compiles else environment.update(PROGRAMS=programs)
        begin = time.monotonic()
        subprocess.run(["deploy/packages/build"], cwd=clone, env=environment, check=True, stdout=subprocess.DEVNULL)
        took = time.monotonic() - begin
        first, second = (open(f"{place}/SHA256SUMS").read() for place in [packages, f"{clone}/target/dist"])
        if first != second:
            raise SystemExit(f"two builds differ:\n{first}\n{second}")
    what = "compiled and packed" if compiles else "packed, of the same programs"
    say(f"{what} in another folder: the same bytes, in {took:.0f} s")


def lintian_is_content(packages):
    debs = sorted(glob.glob(f"{packages}/*.deb"))
    ran = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", *debs],
                         capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"lintian finds:\n{ran.stdout}{ran.stderr}")
    say(f"lintian finds no error and no warning in {len(debs)} packages")


def materials_are_complete(packages):
    """Each crate with its licence, and nothing of this machine."""
    for file in glob.glob(f"{packages}/*.cdx.json"):
        text = open(file).read()
        components = json.loads(text)["components"]
        assert len(components) > 100, file
        nameless = [component["name"] for component in components if not component.get("licenses")]
        assert not nameless, f"{file}: no licence of {nameless}"
        assert os.getcwd() not in text and os.path.expanduser("~/.cargo") not in text, file
        say(f"{os.path.basename(file)}: {len(components)} crates")


def tarball(packages):
    """That of the programs: beside it are archives of debug information, and of images."""
    archive, = [name for name in glob.glob(f"{packages}/fanfare-*.tar.gz")
                if not name.endswith("-debug.tar.gz") and "-image-" not in name]
    return archive


def tarball_is_used(packages):
    """Unpacked and started, as docs/install.md says, on free ports."""
    archive = tarball(packages)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        subprocess.run(["tar", "-xzf", archive], cwd=folder, check=True)
        home = f"{folder}/{os.path.basename(archive).removesuffix('.tar.gz')}"
        owners = {os.stat(os.path.join(at, name)).st_uid for at, _, names in os.walk(home) for name in names}
        assert owners == {0}, owners
        server = subprocess.Popen([f"{home}/fanfare", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            address = next(line.split()[-1] for line in server.stdout if line.startswith("listening on "))
            url = f"{address.rstrip('/')}/events/hello"
            urllib.request.urlopen(urllib.request.Request(url, data=b"first", method="POST"), timeout=20).read()
            with urllib.request.urlopen(f"{url}?lastEventID=earliest", timeout=20) as stream:
                line = next(line for line in stream if line.startswith(b"data:"))
            assert line.strip() == b"data: first", line
            say(f"from `tar -xzf` to the first event that was read: {time.monotonic() - begin:.1f} s")
        finally:
            server.terminate()
            assert server.wait(30) == 0
        debugger_finds_lines(f"{home}/fanfare", archive.removesuffix(".tar.gz") + "-debug.tar.gz", folder)


def debugger_finds_lines(program, archive, folder):
    """The file beside a program is the one that the program names."""
    subprocess.run(["tar", "-xzf", archive, "--strip-components=1"], cwd=folder, check=True)
    command = ["readelf", "--string-dump=.gnu_debuglink", program]
    # Behind the name stands a checksum, which is no text.
    said = subprocess.run(command, check=True, capture_output=True, text=True, errors="replace")
    assert "fanfare.debug" in said.stdout, said.stdout
    notes = [subprocess.run(["readelf", "--notes", file], check=True, capture_output=True, text=True).stdout
             for file in [program, f"{folder}/fanfare.debug"]]
    builds = [next(line for line in note.splitlines() if "Build ID" in line) for note in notes]
    assert builds[0] == builds[1], builds


def sizes(packages):
    for name in sorted(os.listdir(packages)):
        digest = hashlib.sha256(open(f"{packages}/{name}", "rb").read()).hexdigest()
        say(f"{os.path.getsize(f'{packages}/{name}') / 1e6:7.2f} MB  {name}  {digest[:12]}")
