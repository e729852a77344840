"""Whoever publishes and subscribes while containers come and go, and what may be said of it at the end."""

import http.client
import threading
import time
import urllib.request

# What the environment says of proxies is for the world outside.
urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))


def publish(url, data, token, identifier=None, patience=20):
    """One event; its id."""
    query = f"?id={identifier}" if identifier else ""
    request = urllib.request.Request(url + query, data=data.encode(), method="POST",
                                     headers={"Authorization": f"Bearer {token}", "Content-Type": "text/plain"})
    with urllib.request.urlopen(request, timeout=patience) as response:
        return response.read().decode().strip()


def read(url, after, count, patience=20):
    """So many events behind an id: (kind, id, data) of each."""
    events = []
    for event in stream(url, after, patience):
        events.append(event)
        if len(events) == count:
            return events
    raise SystemExit(f"{url} ended after {events}")


def stream(url, after, patience=30):
    """The events of one stream, until it ends."""
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=patience) as response:
        kind, identifier, data = "", None, []
        for line in response:
            name, colon, value = line.decode().rstrip("\n").partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                kind = value
            elif name == "id":
                identifier = value
            elif name == "data":
                data.append(value)
            elif not name and not colon:
                if data:
                    yield kind, identifier, "\n".join(data)
                kind, data = "", []


class Publisher(threading.Thread):
    """Publishes number after number, each until it is accepted, under an id of its own."""

    def __init__(self, url, token):
        super().__init__(daemon=True)
        self.url, self.token = url, token
        self.accepted, self.refused, self.longest, self.is_over = 0, 0, 0.0, False

    def run(self):
        while not self.is_over:
            begin = time.monotonic()
            while not self._accepted(self.accepted):
                self.refused += 1
                time.sleep(0.1)
            self.longest = max(self.longest, time.monotonic() - begin)
            self.accepted += 1
            time.sleep(0.02)

    def _accepted(self, number):
        try:
            publish(self.url, str(number), self.token, identifier=f"number-{number}")
            return True
        except (OSError, http.client.HTTPException):
            return False

    def mark(self):
        """The longest that an event has waited since the last mark, and how many tries were refused."""
        marked, self.longest, self.refused = (self.longest, self.refused), 0.0, 0
        return marked


class Subscriber(threading.Thread):
    """Reads, and comes back with its last id whenever its stream has ended, as a browser does."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.numbers, self.gaps, self.returns = url, [], 0, 0
        self.last = None

    def run(self):
        while True:
            try:
                for kind, identifier, data in stream(self.url, self.last):
                    self.last = identifier or self.last
                    if kind == "fanfare-gap":
                        self.gaps += 1
                    else:
                        self.numbers.append(int(data))
            except (OSError, http.client.HTTPException):
                pass
            self.returns += 1
            time.sleep(0.3)


def check(publisher, subscribers):
    """Each number came once to each subscriber, in order, and nobody was told a gap."""
    for subscriber in subscribers:
        expected = list(range(subscriber.numbers[0], publisher.accepted))
        if subscriber.gaps or subscriber.numbers != expected:
            wrong = next((pair for pair in zip(subscriber.numbers, expected) if pair[0] != pair[1]), None)
            raise SystemExit(f"{subscriber.url}: {subscriber.gaps} gaps, {len(subscriber.numbers)} of "
                             f"{len(expected)} events, first wrong: {wrong}")
