"""Publishes with http.client on one connection, a good event after each bad request: HOST:PORT.

Prints a line for each answer: what was sent, and the status. A connection that was closed without a
word shows as an exception, as it would to the program of a user.
"""

import http.client
import sys

BAD = [
    ("POST", "/nowhere", {}),
    ("PUT", "/events/t", {}),
    ("POST", "/events/t", {"Origin": "https://evil.example"}),
    ("POST", "/.well-known/mercure", {"Content-Type": "a/b"}),
    ("POST", "/events/t", {}),
]

host, port = sys.argv[1].rsplit(":", 1)
client = http.client.HTTPConnection(host, int(port), timeout=20)


def ask(method, path, body, headers):
    client.request(method, path, body=body, headers=headers)
    answer = client.getresponse()
    answer.read()
    return answer.status


for size in (10, 200_000, 5_000_000):
    for method, path, headers in BAD:
        print(size, method, path, ask(method, path, b"x" * size, headers))
        print("good", ask("POST", "/events/t", b"good", {}), flush=True)
