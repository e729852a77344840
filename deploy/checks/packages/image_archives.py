"""The archives of images that `make dist` writes, looked at as files. That engines take them, and what their images do
there, is tried by `deploy/checks/docker`.
"""

import glob
import hashlib
import io
import json
import os
import subprocess
import tarfile

from archive import place
from archives import tarball
from progress import say


def image_archives_are_whole(root, packages):
    archives = sorted(glob.glob(f"{packages}/*-image-linux-*.tar.gz"))
    if os.environ.get("WITHOUT_IMAGES") and not archives:
        say("left out because of WITHOUT_IMAGES: archives of images")
        return
    assert len(archives) == 2, archives
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True)
    programs = {path.split("/")[1]: content for path, content in contents(tarball(packages)).items()}
    bases = []
    for archive in archives:
        files = contents(archive)
        config, layers = described(files)
        assert config["config"]["Labels"]["org.opencontainers.image.revision"] == head.stdout.strip(), config
        base, above = (files[layer] for layer in layers)
        name = os.path.basename(config["config"]["Entrypoint"][0])
        packed = contents(io.BytesIO(above))
        assert list(packed) == [f"usr/local/bin/{name}"] and packed[f"usr/local/bin/{name}"] == programs[name], name
        nothing_is_of_this_machine(root, archive, files)
        bases.append(base)
        say(f"{os.path.basename(archive)}: {(len(base) + len(above)) / 1e6:.1f} MB of layers, {len(base) / 1e6:.1f} of "
            "them the base; digests are right, and the program is that of the tarball")
    assert bases[0] == bases[1], "an engine keeps one base for both"


def described(files):
    """The config of the image in an archive, and its layers. Both forms say the same, and every digest is right."""
    for path, content in files.items():
        assert not path.startswith("blobs/") or path == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}", path
    saved, = json.loads(files["manifest.json"])
    laid_out, = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(files[place(laid_out)])
    layers = [place(layer) for layer in manifest["layers"]]
    assert (place(manifest["config"]), layers) == (saved["Config"], saved["Layers"]), (manifest, saved)
    config = json.loads(files[saved["Config"]])
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]], config
    return config, saved["Layers"]


def contents(archive):
    """The files of an archive by their paths. None belongs to whoever packed it."""
    opened = {"name": archive} if isinstance(archive, str) else {"fileobj": archive}
    with tarfile.open(**opened) as tar:
        members = [member for member in tar if member.isfile()]
        assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "")}, archive
        return {member.name: tar.extractfile(member).read() for member in members}


def nothing_is_of_this_machine(root, archive, files):
    # Programs that were compiled elsewhere may name whatever they like.
    if os.environ.get("PROGRAMS"):
        return
    for path in [f"{root}/", os.path.expanduser("~/.cargo/")]:
        found = [name for name, content in files.items() if path.encode() in content]
        assert not found, f"{archive}: {path} is in {found}"
