"""The profile `cluster`: what is true of it when it has started, and that it stays true while containers of all
kinds come and go.
"""

import json
import urllib.request

from clients import Publisher, Subscriber, check, publish, read
from engine import eventually
from progress import say
from single import refusal, reached, rules_are_evaluated

PROXY = "http://127.0.0.1:8000"
BROKERS, NODES = ["nats-1", "nats-2", "nats-3"], ["node-1", "node-2", "node-3"]


def cluster(project):
    project = project.with_profile("cluster")
    project("up", "--build", "--detach")
    project.wait(*BROKERS, *NODES, "haproxy")
    say("brokers, nodes and HAProxy are healthy")
    assert project.status("nats-1")["CapEff"] == project.status("haproxy")["CapEff"] == "0" * 16
    token = project.token()
    identifier = publish("http://127.0.0.1:8081/events/news/1", "at the first", token)
    publish(f"{PROXY}/events/news/1", "through HAProxy", token)
    for port in [8081, 8082, 8083, 8000]:
        events = read(f"http://127.0.0.1:{port}/events/news/1", "earliest", 2)
        assert [data for _, _, data in events] == ["at the first", "through HAProxy"], events
        assert events[0][1] == identifier, "the same ids everywhere"
    say("what is published at one node or through HAProxy comes from all of them")
    eventually("Prometheus reaches all of them", lambda: servers() == {
        ("fanfare", "fanfare:9090"), *(("fanfare-cluster", f"{node}:9090") for node in NODES)})
    say("Prometheus reaches the server and the three nodes")
    assert refusal(urllib.request.Request(f"{PROXY}/events/news/1", data=b"x", method="POST")) == 401
    tickets(token)
    changes(project, token)
    move(project, token)
    rules_are_evaluated()
    brokers_keep_what_is_retained(project)


def tickets(token):
    """One of a node opens a stream at another."""
    request = urllib.request.Request("http://127.0.0.1:8081/tickets", data=b"", method="POST",
                                     headers={"Authorization": f"Bearer {token}"})
    ticket = urllib.request.urlopen(request, timeout=10).read().decode().strip()
    events = read(f"http://127.0.0.1:8082/events/news/1?ticket={ticket}", "earliest", 1)
    assert events[0][2] == "at the first", events
    say("a ticket of one node opens a stream at another")


def move(project, token):
    """What docs/cluster.md says of moving from one server with a disk."""
    project("stop", "fanfare")
    lines = project("run", "--rm", "-T", "--no-deps", "fanfare", "data", "export", "/var/lib/fanfare/data")
    events = map(json.loads, lines.splitlines())
    # The rest is of the load.
    kept = [event["data"] for event in events if event["topic"] == ["news/1"]]
    assert kept == ["first", "before restart", "after restart", "before kill", "after kill"], lines
    request = urllib.request.Request(f"{PROXY}/events", data=(lines + "\n").encode(), method="POST", headers={
        "Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"})
    answer = urllib.request.urlopen(request, timeout=20).read().decode()
    assert "error" not in answer and len(answer.splitlines()) == len(lines.splitlines()), answer
    events = read("http://127.0.0.1:8083/events/news/1", "earliest", 2 + len(kept))
    assert [data for _, _, data in events[2:]] == kept, events
    say("the single server's events are published in the cluster, in their order")


def brokers_keep_what_is_retained(project):
    """All containers go, and others come, on the same volumes."""
    topic = "http://127.0.0.1:8082/events/news/1"
    before = read(topic, "earliest", 7)
    project("down")
    project("up", "--detach")
    project.wait(*NODES, "haproxy")
    assert read(topic, "earliest", 7) == before
    assert read(topic, before[3][1], 3) == before[4:], "no gap is told"
    say("after `down` and `up` nodes have what was retained, and ids lead on")


def changes(project, token):
    """Containers of all kinds come and go, and nobody misses, repeats or misorders an event."""
    topic = f"{PROXY}/events/numbers"
    subscribers = [Subscriber(topic) for _ in range(12)]
    for subscriber in subscribers:
        subscriber.start()
    publisher = Publisher(topic, token)
    publisher.start()
    eventually("events flow", lambda: publisher.accepted > 20 and all(one.numbers for one in subscribers))

    def through(what):
        """Everybody is level again."""
        level = publisher.accepted
        eventually(f"all go on after: {what}", lambda: publisher.accepted > level + 20 and all(
            one.numbers[-1] > level for one in subscribers), 60)
        longest, refused = publisher.mark()
        say(f"{what}: an event waited {longest:.1f} s at the longest, {refused} tries were refused")

    publisher.mark()
    project("kill", "node-2")
    through("node-2 killed")
    project("up", "--detach", "--no-deps", "node-2")
    project.wait("node-2")
    through("node-2 back")
    leading = leader(project)
    project("kill", leading)
    through(f"{leading} killed, which led the stream")
    project("up", "--detach", "--no-deps", leading)
    project.wait(*BROKERS)
    through(f"{leading} back")
    for service in [*NODES, *BROKERS]:
        project("up", "--detach", "--no-deps", "--force-recreate", service)
        project.wait(service)
        through(f"{service} replaced")
    project("rm", "--stop", "--force", "nats-1")
    project.engine.docker("volume", "rm", "fanfare_nats-1")
    through("nats-1 and its disk gone")
    project("up", "--detach", "--no-deps", "nats-1")
    project.wait(*BROKERS)
    # So that each event needs the one that had to copy the others.
    project("kill", "nats-2")
    through("nats-1 back on an empty disk, and nats-2 killed")
    project("up", "--detach", "--no-deps", "nats-2")
    project.wait(*BROKERS)
    before = [project.address(node) for node in NODES[:2]]
    project("rm", "--stop", "--force", *NODES[:2])
    through("node-1 and node-2 away")
    # Whoever comes first gets the lower one.
    for node in sorted(NODES[:2], key=lambda node: before[NODES.index(node)], reverse=True):
        project("up", "--detach", "--no-deps", node)
        project.wait(node)
    assert [project.address(node) for node in NODES[:2]] != before, before
    through("both back, with other addresses")
    project("kill", "node-3")
    through("node-3 killed")
    project("up", "--detach", "--no-deps", "node-3")
    project.wait("node-3")
    returns = sum(one.returns for one in subscribers)
    project("kill", "-s", "USR2", "haproxy")
    through("HAProxy has read its file again")
    assert sum(one.returns for one in subscribers) == returns, "open streams go on"
    publisher.is_over = True
    publisher.join()
    eventually("all have the last", lambda: all(one.numbers[-1] == publisher.accepted - 1 for one in subscribers))
    check(publisher, subscribers)
    returns = sum(one.returns for one in subscribers)
    say(f"{publisher.accepted} events, each once and in order at {len(subscribers)} subscribers who came back "
        f"{returns} times, no gap")


def leader(project):
    """The broker that leads the stream, which two others copy."""
    said = project("exec", "-T", "nats-1", "wget", "-q", "-O", "-", "http://127.0.0.1:8222/jsz?streams=true")
    stream = json.loads(said)["account_details"][0]["stream_detail"][0]["cluster"]
    assert len(stream["replicas"]) == 2, stream
    return stream["leader"]


def servers():
    """Those that Prometheus reaches."""
    return {one for one in reached() if one[0].startswith("fanfare")}
