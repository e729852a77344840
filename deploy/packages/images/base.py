"""The base of the images: what gcr.io/distroless/cc is made of, from the Debian that this machine is set up for.

apt fetches the packages and checks them against its signed lists. Nothing is installed and no script of a package is
run, so nothing here needs root; what the scripts would have made (users, the bundle of certificates, /tmp) is made
here. No shell and no package manager are in these packages, and what programs do not read in a container is left out.
The suite is usually the one that the programs were compiled on, so its glibc is not older than they ask for; `needs`
checks it.
"""

import functools
import hashlib
import os
import posixpath
import re
import shlex
import subprocess
import tempfile

from layer import Layer

# `netbase` has the names of protocols and services, and the copyright files are where the licences ask for them.
PACKAGES = ["base-files", "ca-certificates", "libc6", "libgcc-s1", "netbase", "tzdata"]
LEFT_OUT = re.compile(
    r"usr/share/(bug|info|lintian|locale|man)/"
    # Conversions between character sets; the programs know UTF-8 alone.
    r"|usr/lib/[^/]+/gconv/"
    # Time zones with other leap seconds, or the same ones again.
    r"|usr/share/zoneinfo/(posix|right)/"
    # What makes the bundle of certificates, which is made here.
    r"|usr/share/ca-certificates/|etc/ca-certificates/|usr/sbin/update-ca-certificates$"
    # Greetings of shells.
    r"|etc/(profile\.d|skel|update-motd\.d)/|usr/share/base-files/")
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# As in distroless: what engines take for the path where nothing is said, and where OpenSSL and rustls look.
ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", f"SSL_CERT_FILE={BUNDLE}"]
NONROOT, FOLDER = 65532, "/home/nonroot"
PEOPLE = f"""root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:{NONROOT}:{NONROOT}:nonroot:{FOLDER}:/sbin/nologin
"""
GROUPS = f"root:x:0:\nstaff:x:50:\nnonroot:x:{NONROOT}:\nnogroup:x:65534:\n"
NAMES = "passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\nservices: files\n"


def fetch(folder, architecture):
    """The files of the packages. Those that are there already are not fetched again."""
    os.makedirs(folder, exist_ok=True)
    files = downloaded(PACKAGES, folder, architecture)
    # The copyright of libgcc-s1 is in the package of the compiler's version, to which its folder is a link.
    elsewhere = {name for file in files for name in owners_of_documents(file)} - set(PACKAGES)
    return sorted(files + downloaded(sorted(elsewhere), folder, architecture))


def downloaded(names, folder, architecture):
    if not names:
        return []
    # apt lists what it would fetch, which is everything in a folder where nothing is.
    with tempfile.TemporaryDirectory() as empty:
        listed = apt(empty, architecture, "--print-uris", *names).splitlines()
    files = dict(file_and_digest(line, folder) for line in listed)
    for file, digest in files.items():
        if os.path.exists(file) and not is_whole(file, digest):
            os.remove(file)
    if not all(map(os.path.exists, files)):
        apt(folder, architecture, *names)
    return sorted(files)


def file_and_digest(line, folder):
    """The file that a line of `apt-get --print-uris` speaks of, and its digest."""
    fields = shlex.split(line)
    if len(fields) != 4 or fields[3].split(":")[0].lower() not in hashlib.algorithms_available:
        raise SystemExit(f"apt says no SHA256 of a package for the base of image archives, so it cannot be checked:\n{line}\n"
                         "Let apt take it from a repository whose lists have that, as Debian's have. "
                         "WITHOUT_IMAGES=1 leaves image archives out.")
    _, name, _, digest = fields
    return f"{folder}/{name}", digest


def apt(folder, architecture, *words):
    command = ["apt-get", "--quiet", "--option", f"APT::Architecture={architecture}",
               # Otherwise apt as root warns that its own user may not write here.
               "--option", "APT::Sandbox::User=root", "download", *words]
    ran = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"{ran.stderr.strip()}\n{' '.join(command)} failed. It fetches the base of image archives from "
                         f"the Debian mirror of this machine. {remedy(architecture)} "
                         "WITHOUT_IMAGES=1 leaves image archives out.")
    return ran.stdout


def remedy(architecture):
    known = [subprocess.run(["dpkg", option], check=True, capture_output=True, text=True).stdout.split()
             for option in ["--print-architecture", "--print-foreign-architectures"]]
    if architecture not in sum(known, []):
        return (f"Of packages for {architecture} apt knows nothing until `dpkg --add-architecture {architecture} && "
                "apt-get update`, as root.")
    # Without lists nothing says which of the packages that are kept are the newest, and whole.
    return ("`apt-get update`, as root, renews what apt knows of that mirror, or fetches it where lists were deleted, as "
            "in many images; packages that are kept already are used only beside such lists.")


def is_whole(file, digest):
    """Whether it has the digest that apt expects, such as `SHA256:…`."""
    kind, expected = digest.split(":")
    with open(file, "rb") as content:
        return hashlib.new(kind.lower(), content.read()).hexdigest() == expected


@functools.cache
def deb(*words):
    return subprocess.run(["dpkg-deb", *words], check=True, capture_output=True).stdout


def field(file, name):
    return deb("--field", file, name).decode().strip()


def owners_of_documents(file):
    """The packages that hold the documents of this one."""
    packed = Layer(0)
    packed.unpack(deb("--fsys-tarfile", file), lambda entry: entry.issym())
    return {posixpath.basename(entry.linkname) for path, (entry, _) in packed.entries.items()
            if re.fullmatch(r"usr/share/doc/[^/]+", path) and entry.issym()}


def is_wanted(entry):
    if entry.name.startswith("usr/share/doc/"):
        # Of documents, and of what stands in for a folder of them. Other folders come with what is in them.
        is_link = entry.issym() and entry.name.count("/") == 3
        return is_link or re.fullmatch(r"usr/share/doc/[^/]+/copyright", entry.name)
    return not LEFT_OUT.match(entry.name) and not LEFT_OUT.match(f"{entry.name}/")


def layer(files):
    # The age of what no package has. A constant, so that releases whose packages are the same share this layer.
    base = Layer(0)
    for file in files:
        base.unpack(deb("--fsys-tarfile", file), is_wanted)
    for file in files:
        # Where distroless has them, too: what looks for known faults in images reads them there.
        base.file(f"/var/lib/dpkg/status.d/{field(file, 'Package')}", deb("--field", file))
        refuse_without_copyright(base, field(file, "Package"))
    base.file(BUNDLE, bundle(files))
    base.file("/etc/passwd", PEOPLE.encode())
    base.file("/etc/group", GROUPS.encode())
    base.file("/etc/nsswitch.conf", NAMES.encode())
    base.folder("/tmp", mode=0o1777)
    base.folder("/root", mode=0o700)
    base.folder(FOLDER, mode=0o700, owner=NONROOT)
    return base


def refuse_without_copyright(base, package):
    if not base.has(f"usr/share/doc/{package}/copyright"):
        raise SystemExit(f"the base has no copyright file of {package}, without which it may not be passed on")


def bundle(files):
    """All certificates in one file, in the order of their names: what the package's own script makes of them."""
    certificates = Layer(0)
    file, = [file for file in files if field(file, "Package") == "ca-certificates"]
    certificates.unpack(deb("--fsys-tarfile", file), lambda entry: entry.name.endswith(".crt"))
    contents = [certificates.entries[path][1] for path in sorted(certificates.entries)]
    contents = [content for content in contents if content is not None]
    if not contents:
        raise SystemExit(f"{file} has no certificates where they were: look at what is in it, and at `bundle`")
    return b"".join(content.rstrip(b"\n") + b"\n" for content in contents)


def history(files):
    versions = [f"{field(file, 'Package')} {field(file, 'Version')}" for file in files]
    return f"Debian packages, unpacked: {', '.join(sorted(versions))}"
