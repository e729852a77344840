"""One layer of an image: files and folders, written as a tar whose bytes depend on nothing but what is in it."""

import io
import posixpath
import tarfile


class Layer:
    def __init__(self, moment):
        """`moment` is the age of what is added piece by piece, in seconds since 1970."""
        self.moment = moment
        self.entries = {}

    def file(self, path, content, mode=0o644, owner=0):
        entry = self._entry(path, tarfile.REGTYPE, mode, owner)
        entry.size = len(content)
        self._add(entry, content)

    def folder(self, path, mode=0o755, owner=0):
        self._add(self._entry(path, tarfile.DIRTYPE, mode, owner), None)

    def unpack(self, archive, is_wanted):
        """What is wanted of the tar in these bytes, with its owners, modes and times."""
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                member.name = inside(member.name)
                if not member.name or not is_wanted(member):
                    continue
                content = None
                if member.isfile() or member.islnk():
                    # A hard link may come before what it leads to, once names are sorted.
                    content = tar.extractfile(member).read()
                    member.type, member.linkname, member.size = tarfile.REGTYPE, "", len(content)
                self._add(member, content)

    def content(self, name):
        """Of the file with this name in any folder; none when there is none."""
        places = [self._behind_links(path) for path in sorted(self.entries) if posixpath.basename(path) == name]
        contents = [self.entries.get(place, (None, None))[1] for place in places]
        return next((content for content in contents if content is not None), None)

    def has(self, path):
        return self._behind_links(path) in self.entries

    def _behind_links(self, path):
        """Where /usr is merged, /lib is a link; and the name that a program asks for may be one."""
        found = ""
        for part in inside(path).split("/"):
            found = posixpath.join(found, part)
            entry, _ = self.entries.get(found, (None, None))
            if entry is not None and entry.issym():
                found = inside(posixpath.join("/", posixpath.dirname(found), entry.linkname))
        return found

    def tar(self):
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for path in sorted(self.entries):
                entry, content = self.entries[path]
                # Numbers alone: names are those of whatever machine packed it.
                entry.uname = entry.gname = ""
                tar.addfile(entry, None if content is None else io.BytesIO(content))
        return written.getvalue()

    def _entry(self, path, kind, mode, owner):
        entry = tarfile.TarInfo(inside(path))
        entry.type, entry.mode, entry.mtime = kind, mode, self.moment
        entry.uid = entry.gid = owner
        return entry

    def _add(self, entry, content):
        parent = posixpath.dirname(entry.name)
        # An engine makes a folder that is missing with the rights of its own process.
        if parent and parent not in self.entries:
            self.folder(parent)
        self.entries[entry.name] = (entry, content)


def inside(path):
    """A path as an entry of a tar has it: from the root of the image, without a slash in front."""
    path = posixpath.normpath(f"/{path}").lstrip("/")
    return "" if path == "." else path
