"""The image by `docker run`, as docs/operations.md has it, and what is in it."""

import os

from clients import publish
from engine import eventually, output
from progress import say

# Enough for the program and what it is told to hold; far less than is published.
MEMORY, HELD, PUBLISHED = 96 << 20, 16 << 20, 300
NAME, PORT = "plain", 8090


def refuses_to_be_open(engine, image):
    """Without a key, unless it is told so."""
    code = engine.exit_code("run", "--rm", "--network", "none", image)
    assert code == 64, code
    say("without a key it refuses to start: exit code 64")


def start(engine, image):
    """With a limit of memory, on the network of the host, as another user."""
    settings = {"OPEN": "true", "LISTEN": f"127.0.0.1:{PORT}", "ADMIN_LISTEN": "127.0.0.1:9099", "DEMOS": "false",
                "RETAIN_BYTES": HELD, "BODIES_MAX": "8MiB", "OUTPUT_BUFFERS_MAX": "8MiB", "LOG_FORMAT": "json"}
    engine.docker("run", "--detach", "--name", NAME, "--restart", "unless-stopped", "--network", "host",
                  "--memory", str(MEMORY), "--memory-swap", str(MEMORY), "--user", "1000:1000", "--read-only",
                  "--cap-drop", "ALL", "--stop-timeout", "20",
                  *(word for name, value in settings.items() for word in ("--env", f"FANFARE_{name}={value}")), image)
    return NAME


def stays_below_its_limit(engine):
    """More is published than the container may hold."""
    eventually("it serves", lambda: engine.inspect(NAME)["State"]["Running"] and serves())
    data = "x" * 400_000
    assert len(data) * PUBLISHED > MEMORY
    for _ in range(PUBLISHED):
        publish(f"http://127.0.0.1:{PORT}/events/large", data, "")
    facts = engine.inspect(NAME)
    assert facts["HostConfig"]["Memory"] == MEMORY
    assert facts["State"]["Running"] and facts["RestartCount"] == 0, facts["State"]
    used = engine.docker("stats", "--no-stream", "--format", "{{.MemUsage}}", NAME)
    say(f"{PUBLISHED} events of {len(data):,} bytes fit into {used}, and nobody is killed")


def serves():
    try:
        return publish(f"http://127.0.0.1:{PORT}/events/large", "first", "")
    except OSError:
        return False


def is_healthy(engine):
    eventually("its own check finds it healthy", lambda: engine.inspect(NAME)["State"]["Health"]["Status"] == "healthy")
    say("by the check of the image it is healthy, too")


def taken_out(engine, image, path):
    """A file of an image, beside the engine's."""
    container, file = engine.docker("create", image), f"{engine.folder}/taken-out"
    engine.docker("cp", f"{container}:{path}", file)
    engine.docker("rm", container)
    return file


def has_what_it_says(engine, images, runtime, version, revision):
    """The labels, the user, how it ends, and nothing in it but the base and one program."""
    for name, image in images.items():
        facts = engine.inspect(image)
        config, labels = facts["Config"], facts["Config"]["Labels"]
        said = {word: labels.get(f"org.opencontainers.image.{word}") for word in
                ["title", "version", "revision", "licenses"]}
        assert said == {"title": name, "version": version, "revision": revision, "licenses": "MIT OR Apache-2.0"}, labels
        assert labels["org.opencontainers.image.description"]
        assert config["User"] == "65532:65532" and config["Entrypoint"] == [f"/usr/local/bin/{name}"], config
        assert config["StopSignal"] == {"fanfare": "SIGTERM", "loadgen": "SIGINT"}[name]
        check = config["Healthcheck"]["Test"]
        assert check[0] == {"fanfare": "CMD", "loadgen": "NONE"}[name], check
        program, base = taken_out(engine, image, f"/usr/local/bin/{name}"), engine.inspect(runtime)["Size"]
        added = facts["Size"] - base
        assert 0 <= added - os.path.getsize(program) < 100_000, (added, os.path.getsize(program))
        sections = output(["objdump", "--section-headers", program])
        assert ".text" in sections and ".debug_line" not in sections, "lines of source code are in the image"
        say(f"the image {name}: {added / 1e6:.1f} MB beyond its base, which is the program and nothing else")
    code = engine.exit_code("run", "--rm", "--entrypoint", "sh", images["fanfare"])
    assert code == 127, f"there is a shell: {code}"


def has_its_lines_beside_it(engine, root, runtime, version, revision):
    """The stage `debug`: the same program, with what names the lines of its source code."""
    # With the arguments of the other images nothing is compiled again.
    engine.docker("build", "--quiet", "--file", f"{root}/deploy/Dockerfile", "--target", "debug", "--tag", "debug",
                  "--build-arg", f"VERSION={version}", "--build-arg", f"REVISION={revision}", root)
    program = taken_out(engine, "debug", "/usr/local/bin/fanfare")
    link = output(["readelf", "--string-dump=.gnu_debuglink", program])
    assert "fanfare.debug" in link, link
    lines = taken_out(engine, "debug", "/usr/local/bin/fanfare.debug")
    assert ".debug_line" in output(["objdump", "--section-headers", lines])
    added = engine.inspect("debug")["Size"] - engine.inspect(runtime)["Size"]
    say(f"the image of the stage debug: {added / 1e6:.1f} MB beyond its base, with the lines of the source code")
