"""Reads a stream without a parser: whatever follows `data:` on a line is an event, and whatever follows
`id:` is where to go on."""

import http.client
import types
import urllib.request

from command_line import arguments, headers, read


def events_after(last_event_id):
    request = urllib.request.Request(given.url, headers=headers(given, last_event_id))
    with urllib.request.urlopen(request) as response:
        for line in response:
            name, _, value = line.decode().strip().partition(":")
            if name == "id":
                last_event_id = value.strip()
            # An id is handed on at once, as this client keeps it at once.
            if name in ("id", "data"):
                data = value.strip() if name == "data" else ""
                fields = {"id": last_event_id, "event": "message", "data": data, "retry": None}
                yield types.SimpleNamespace(**fields)


given = arguments()
read(given, events_after, (OSError, http.client.HTTPException))
