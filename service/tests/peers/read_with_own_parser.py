"""Reads a stream with a parser as people write it, and hands on every block that an empty line ends.

It knows nothing of the rule that a block without data is no event: a comment or an id that stands
alone is an event without data to whoever uses it.
"""

import http.client
import types
import urllib.request

from command_line import arguments, headers, read


def blocks(lines):
    block = {}
    for line in lines:
        line = line.decode().rstrip("\r\n")
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            block[name] = f"{block[name]}\n{value}" if name == "data" and name in block else value
        elif block:
            yield block
            block = {}


def event_of(block):
    fields = {"id": block.get("id"), "event": block.get("event", "message")}
    return types.SimpleNamespace(**fields, data=block.get("data", ""), retry=block.get("retry"))


def events_after(last_event_id):
    request = urllib.request.Request(given.url, headers=headers(given, last_event_id))
    with urllib.request.urlopen(request) as response:
        yield from map(event_of, blocks(response))


given = arguments()
read(given, events_after, (OSError, http.client.HTTPException))
