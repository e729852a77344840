"""Publishes on one connection behind requests that are refused: LIBRARY BASE CASES.

Each case is a method, a path, headers and the length of a body. Behind each comes a good publish, on
the same connection unless the server has said that it ends. Prints both statuses of each case.
"""

import http.client
import json
import sys
from urllib.parse import urlsplit

import httpx
import requests


class Httplib:
    """`http.client` opens a new connection only where the answer says that the old one ends."""

    def __init__(self, base):
        self.connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=10)

    def status(self, method, path, headers, body):
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


class Session:
    """`requests` and `httpx` keep connections in a pool."""

    def __init__(self, base, client):
        self.base, self.client = base, client

    def status(self, method, path, headers, body):
        data = {"content": body} if isinstance(self.client, httpx.Client) else {"data": body}
        answer = self.client.request(method, self.base + path, headers=headers, timeout=10, **data)
        return answer.status_code


LIBRARIES = {
    "http.client": Httplib,
    "requests": lambda base: Session(base, requests.Session()),
    "httpx": lambda base: Session(base, httpx.Client()),
}
library, base, cases = LIBRARIES[sys.argv[1]], sys.argv[2], json.loads(sys.argv[3])
client = library(base)
for case in cases:
    bad = client.status(case["method"], case["path"], case["headers"], b"x" * case["length"])
    good = client.status("POST", "/events/good", {}, b"good")
    print(json.dumps([bad, good]), flush=True)
