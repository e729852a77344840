"""An image as one file, in both forms at once, as `docker save` of Docker 25 and later writes it.

`manifest.json` is for `docker load` of any version; `oci-layout` and `index.json` are for whatever reads the layout
of the Open Container Initiative, such as containerd, Podman and skopeo. Both name the same blobs. Layers are not
compressed in it, because the file as a whole is.
"""

import hashlib
import json
from dataclasses import dataclass

from layer import Layer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass
class Image:
    name: str
    version: str
    architecture: str
    # As RFC 3339 has it.
    created: str
    config: dict
    # Pairs of a `Layer` and what `docker history` says of it, from below.
    layers: list


class Blobs:
    """What the files of an archive refer to by its digest."""

    def __init__(self):
        self.contents = {}

    def add(self, content, media_type):
        """Its descriptor."""
        digest = hashlib.sha256(content).hexdigest()
        self.contents[f"blobs/sha256/{digest}"] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def write(image, path, moment):
    blobs = Blobs()
    layers = [blobs.add(layer.tar(), "application/vnd.oci.image.layer.v1.tar") for layer, _ in image.layers]
    config = blobs.add(text(configuration(image, layers)), "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
    manifest = blobs.add(text(manifest), MANIFEST)
    files = {
        **blobs.contents,
        "oci-layout": text({"imageLayoutVersion": "1.0.0"}),
        "index.json": text({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                            "manifests": [{**manifest, **named(image)}]}),
        "manifest.json": text([{"Config": place(config), "RepoTags": [f"{image.name}:{image.version}"],
                                "Layers": [place(layer) for layer in layers]}]),
    }
    archive = Layer(moment)
    for name, content in files.items():
        archive.file(name, content)
    with open(path, "wb") as file:
        file.write(archive.tar())


def configuration(image, layers):
    """Layers are not compressed, so the digests of their blobs are those of their contents."""
    return {
        "architecture": image.architecture, "os": "linux", "created": image.created, "config": image.config,
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        "history": [{"created": image.created, "created_by": said} for _, said in image.layers],
    }


def named(image):
    """The platform of an image, and the names that containerd and Podman give it."""
    return {"platform": {"architecture": image.architecture, "os": "linux"},
            "annotations": {"io.containerd.image.name": f"docker.io/library/{image.name}:{image.version}",
                            "org.opencontainers.image.ref.name": image.version}}


def place(descriptor):
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def text(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
