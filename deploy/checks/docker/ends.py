"""How a server ends in a container: in order, within the time that it is given, and it stays ended."""

import http.client
import os
import signal
import socket
import time

from engine import eventually
from progress import say

STREAMS = 40


class OpenStreams:
    """Streams of clients that wait."""

    def __init__(self, host, port, path):
        self.sockets = []
        for _ in range(STREAMS):
            stream = socket.create_connection((host, port), timeout=60)
            stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode())
            assert stream.recv(4096).startswith(b"HTTP/1.1 200"), "a stream"
            self.sockets.append(stream)

    def ended_in_order(self):
        """Each was told when to come back, and its answer is whole."""
        for stream in self.sockets:
            rest = b""
            while piece := stream.recv(65536):
                rest += piece
            assert b"retry: " in rest and rest.endswith(b"\r\n0\r\n\r\n"), rest[-200:]


def drain(project, plain):
    """`compose stop` of one server with streams, and a TERM to another: side by side, because both wait."""
    streams = OpenStreams("127.0.0.1", 8088, "/events/news/1")
    address = project.address("fanfare")
    project.engine.docker("kill", "--signal", "TERM", plain)
    begin, stop = time.monotonic(), project.begin("stop", "fanfare")
    eventually("it is draining", lambda: answer(address, "/readyz") == 503)
    health = set()
    while stop.poll() is None:
        state = project.state("fanfare")["State"]
        # Docker calls every container that has ended unhealthy.
        if state["Running"]:
            health.add(state["Health"]["Status"])
        alive = answer(address, "/healthz")
        assert alive in [200, None], alive
        time.sleep(0.2)
    assert health == {"healthy"}, health
    state = project.state("fanfare")["State"]
    assert stop.returncode == 0 and state["ExitCode"] == 0 and not state["OOMKilled"], state
    streams.ended_in_order()
    say(f"`stop` ends {STREAMS} streams in order, and it stays healthy: {time.monotonic() - begin:.1f} s, exit code 0")
    stays_ended(project.engine, plain)


def stays_ended(engine, plain):
    eventually("it has ended", lambda: not engine.inspect(plain)["State"]["Running"])
    facts = engine.inspect(plain)
    assert facts["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    state = facts["State"]
    assert (state["Status"], state["ExitCode"], facts["RestartCount"]) == ("exited", 0, 0), (state, facts["RestartCount"])
    say("a TERM from `docker kill` is not answered with a restart")


def answer(host, path):
    """The status of its admin listener; none when nobody is there."""
    connection = http.client.HTTPConnection(host, 9090, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def a_killed_one_comes_back(project):
    """Not by an operator, as when the kernel takes it for memory."""
    before = project.state("fanfare")["RestartCount"]
    os.kill(project.pid("fanfare"), signal.SIGKILL)
    eventually("it was restarted", lambda: project.state("fanfare")["RestartCount"] == before + 1)
    project.wait("fanfare")
    say("killed by somebody else, it is restarted")


def a_frozen_one_is_unhealthy(project):
    """And Docker says why in words."""
    container = project.id("fanfare")
    project.engine.docker("kill", "--signal", "STOP", container)
    health = lambda: project.state("fanfare")["State"]["Health"]
    eventually("it is unhealthy", lambda: health()["Status"] == "unhealthy")
    words = "within 2s: timed out; "
    # Where the machine has a lot else to do, Docker ends some of the checks itself.
    eventually("its check says so", lambda: any(words in check["Output"] for check in health()["Log"]))
    project.engine.docker("kill", "--signal", "CONT", container)
    project.wait("fanfare")
    say(f"frozen, it is unhealthy: {words}")
