"""Two servers that share nothing, behind HAProxy with the file for them, are replaced one after the other: the procedure
of "Rolling restart" in docs/operations.md, in containers that are called by name and come back with other addresses.
"""

import http.client
import re
import time
import urllib.request

from clients import Publisher, Subscriber, check, publish
from ends import answer
from engine import eventually
from images import named
from progress import say
from single import page

PUBLIC, SERVERS, NETWORK, SUBSCRIBERS = 8010, {"fanfare-a": 8011, "fanfare-b": 8012}, "rolling", 30
TOPIC = "/events/numbers"
ADDRESSES = {"a": "127.0.0.1:8080 port 9090", "b": "127.0.0.1:8081 port 9091"}
CHECK = "default-server check inter 1s fall 1 rise 10"


class PublisherToAll(Publisher):
    """Sends each event to all servers that have had all before it, and is content when one has it."""

    def __init__(self, urls):
        super().__init__(urls, "")
        # How many events each has been fed without a break; none for one that is out.
        self.fed = dict.fromkeys(urls, 0)

    def _accepted(self, number):
        for url in [url for url, fed in self.fed.items() if fed is not None]:
            try:
                publish(url, str(number), "", identifier=f"number-{number}")
                self.fed[url] += 1
            except (OSError, http.client.HTTPException):
                self.fed[url] = None
        return any(fed is not None for fed in self.fed.values())

    def feed(self, url):
        self.fed[url] = 0


def restart(project, root, image):
    engine = project.engine
    engine.docker("network", "create", NETWORK)
    for name, port in SERVERS.items():
        run(project, name, image, port, "--env", "FANFARE_OPEN=true", "--env", "FANFARE_DEMOS=false",
            "--stop-timeout", "20", inside=8080)
    config = f"{engine.folder}/haproxy.cfg"
    open(config, "w").write(for_containers(open(f"{root}/deploy/haproxy/haproxy.cfg").read()))
    run(project, "proxy", named(root, "haproxy"), PUBLIC, "--volume", f"{config}:/etc/haproxy/haproxy.cfg:ro",
        inside=8000, command=["haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"])
    eventually("HAProxy sends clients to both", lambda: all(has_streams(engine, name) for name in SERVERS))
    publisher = PublisherToAll([f"http://127.0.0.1:{port}{TOPIC}" for port in SERVERS.values()])
    publisher.start()
    subscribers = [Subscriber(f"http://127.0.0.1:{PUBLIC}{TOPIC}") for _ in range(SUBSCRIBERS)]
    for subscriber in subscribers:
        subscriber.start()
    eventually("events flow", lambda: all(one.numbers for one in subscribers))
    for name, port in SERVERS.items():
        replace(engine, publisher, name, f"http://127.0.0.1:{port}{TOPIC}")
    publisher.is_over = True
    publisher.join()
    eventually("all have the last", lambda: all(one.numbers[-1] == publisher.accepted - 1 for one in subscribers))
    check(publisher, subscribers)
    returns = sum(one.returns for one in subscribers)
    assert returns >= SUBSCRIBERS, "all have moved"
    say(f"two servers replaced behind HAProxy: {publisher.accepted} events, each once and in order at {SUBSCRIBERS} "
        f"subscribers who came back {returns} times, no gap")
    engine.docker("rm", "--force", "proxy", *SERVERS, *(f"in-place-of-{name}" for name in SERVERS))
    engine.docker("network", "rm", NETWORK)


def run(project, name, image, port, *options, inside, command=()):
    files = project.most_files
    project.engine.docker("run", "--detach", "--name", name, "--network", NETWORK, "--publish", f"127.0.0.1:{port}:{inside}",
                  "--read-only", "--cap-drop", "ALL", "--ulimit", f"nofile={files}:{files}", *options, image, *command)


def for_containers(text):
    """As its comments say: names in the place of addresses, and the lines for them in force."""
    for letter, address in ADDRESSES.items():
        assert f"server {letter} {address}\n" in text
        text = text.replace(f"server {letter} {address}\n", f"server {letter} fanfare-{letter}:8080 port 9090\n")
    said = re.search(r"`(resolvers docker init-addr \S+)`", text)[1]
    assert f"{CHECK}\n" in text
    text = text.replace(f"{CHECK}\n", f"{CHECK} {said}\n")
    top, section = text.split("\n# resolvers docker\n")
    return top + "\nresolvers docker\n" + re.sub(r"^# {3}", "", section, flags=re.M)


def replace(engine, publisher, name, url):
    """Drains one, starts it again with another address and without an event, and feeds it until clients may go there."""
    before, begin = address(engine, name), time.monotonic()
    engine.docker("stop", name)
    took = time.monotonic() - begin
    assert engine.inspect(name)["State"]["ExitCode"] == 0, "it drains in order"
    eventually("the publisher has noticed", lambda: publisher.fed[url] is None)
    # Another container takes the address, and keeps it.
    engine.docker("run", "--detach", "--name", f"in-place-of-{name}", "--network", NETWORK, engine.inspect(name)["Image"],
                  "--open")
    engine.docker("start", name)
    assert address(engine, name) != before, before
    eventually("it listens", lambda: answer(address(engine, name), "/readyz") == 200)
    publisher.feed(url)
    eventually("HAProxy sends clients there again", lambda: has_streams(engine, name))
    say(f"{name} is replaced: it ended in {took:.1f} s, has another address, and clients again")


def address(engine, name):
    return engine.inspect(name)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]


def has_streams(engine, name):
    """With one that begins now, which comes to whoever has the fewest."""
    asked = urllib.request.Request(f"http://127.0.0.1:{PUBLIC}{TOPIC}", headers={"Accept": "text/event-stream"})
    try:
        with urllib.request.urlopen(asked, timeout=5):
            metrics = page(f"http://{address(engine, name)}:9090/metrics")
    except (OSError, http.client.HTTPException):
        return False
    return any(re.match(r"fanfare_subscribers [1-9]", line) for line in metrics.splitlines())
