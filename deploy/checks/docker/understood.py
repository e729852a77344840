"""What archives of images take from a Dockerfile, by examples: an instruction is understood as an engine understands
it, or refused with a message that has its line. In between, an archive would differ silently from its image.
"""

import os
import re
import sys
import tempfile

sys.path.append(os.path.realpath(f"{os.path.dirname(__file__)}/../../packages/images"))

from dockerfile import Dockerfile
from progress import say

BEFORE = """FROM rust AS builder
RUN mkdir -p programs empty/keys empty/data && true
FROM distroless AS runtime
USER 1
FROM distroless AS server
ARG VERSION=dev
"""
# A way to a value in what `docker inspect` calls Config, the value, and the instructions that give it.
UNDERSTOOD = [
    ("Labels/version", "1.2.3", "LABEL version=$VERSION"),
    ("Labels/version", "1.2.3-a", 'LABEL version="${VERSION}-a"'),
    ("Labels/text", "a  b", 'LABEL text="a \\\n b"'),
    ("ExposedPorts", {"8080/tcp": {}, "9090/tcp": {}}, "EXPOSE 8080\nEXPOSE 9090"),
    ("ExposedPorts", {"8080/udp": {}}, "EXPOSE 8080/udp"),
    ("Healthcheck", {"Test": ["CMD", "/a"]}, 'HEALTHCHECK CMD ["/a"]'),
    ("Healthcheck/Interval", 90_000_000_000, 'HEALTHCHECK --interval=1m30s CMD ["/a"]'),
    ("User", "2", "USER 1\nUSER 2"),
]
# What comes last is refused, by this word of the reason.
REFUSED = [
    ("$", "LABEL version=${VERSION:-dev}"),
    ("$", "LABEL version=$ANOTHER"),
    ("$", "LABEL version='$VERSION'"),
    ("$", "LABEL version=\\$VERSION"),
    ("$", 'ENTRYPOINT ["/$VERSION"]'),
    ("KEY=VALUE", "ENV KEY value"),
    ("name of ARG", "ENV VERSION=1"),
    ("quotation", 'LABEL version="1'),
    ("--chmod", "COPY --from=builder --chmod=0555 /a/programs/b /b"),
    ("--link", "COPY --link --from=builder /a/programs/b /b"),
    ("another stage", "COPY /a/programs/b /b"),
    ("another stage", "COPY --from=busybox /a/programs/b /b"),
    ("one path", "COPY --from=builder /a/programs/b /bin/"),
    ("one path", 'COPY --from=builder ["/a/programs/b", "/b"]'),
    ("another name", "COPY --from=builder /a/programs/b /bin"),
    ("same number", "COPY --from=builder --chown=65532 /a/programs/b /b"),
    ("mkdir", "COPY --from=builder /a/full /b"),
    ("a port", "EXPOSE 8080/sctp"),
    ("a port", "EXPOSE 8080-8090"),
    ("one word", 'USER "1"'),
    ("a list", "ENTRYPOINT /a"),
    ("a list", "HEALTHCHECK CMD /a"),
    ("CMD", "HEALTHCHECK"),
    ("1m30s", 'HEALTHCHECK --interval=1.5s CMD ["/a"]'),
    ("--start-interval", 'HEALTHCHECK --start-interval=1s CMD ["/a"]'),
    ("not known", "VOLUME /data"),
    ("not known", "CMD"),
    ("already", "FROM distroless AS runtime"),
]
# Another beginning of the file, with what is refused then.
BEGINNINGS = [
    ("another stage", "FROM Runtime", "FROM distroless AS runtime\nFROM Runtime AS server"),
    ("flags", "FROM --platform=linux/arm64 a", "FROM --platform=linux/arm64 a AS server"),
    ("first stage", "ARG BASE=a", "ARG BASE=a\nFROM a AS server"),
    ("no stage server", "", "FROM a"),
]


def dockerfiles_are_understood_or_refused():
    for way, expected, lines in UNDERSTOOD:
        found = described(BEFORE + lines).config
        for key in way.split("/"):
            found = found[key]
        assert found == expected, (lines, found)
    for reason, lines in REFUSED:
        refuses(BEFORE + lines, reason, lines)
    for reason, line, lines in BEGINNINGS:
        refuses(lines, reason, line)
    # A stage without a name has its number.
    copy, = described("FROM a\nFROM b AS server\nCOPY --from=0 /a/programs/b /b").copies
    assert (copy.source, copy.destination, copy.owner) == ("/a/programs/b", "/b", 0), copy
    say(f"{len(UNDERSTOOD)} instructions are understood for archives, and {len(REFUSED) + len(BEGINNINGS)} refused")


def described(text):
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        return Dockerfile(file.name, {"VERSION": "1.2.3"}).stage("server")


def refuses(text, reason, line):
    try:
        taken = described(text)
    except SystemExit as refused:
        # Behind the path, whose name is made up, and before what to do.
        said = re.sub(r"^\S+ ", "", str(refused)).split(". Archives", 1)[0]
        assert said.startswith(line) and reason in said.removeprefix(line), (line, said)
    else:
        raise AssertionError(f"taken: {line}: {taken}")
