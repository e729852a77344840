"""Reads a stream with httpx-sse, over HTTP/1.1 or, with prior knowledge, HTTP/2."""

import httpx
from httpx_sse import connect_sse

from command_line import arguments, headers, read

given = arguments()
# Silence is no failure of a stream: only the other waits have a limit.
patience = httpx.Timeout(10, read=None)


def events_after(last_event_id):
    with (
        httpx.Client(http1=not given.http2, http2=given.http2, timeout=patience) as client,
        connect_sse(client, "GET", given.url, headers=headers(given, last_event_id)) as stream,
    ):
        stream.response.raise_for_status()
        events = stream.iter_sse()
        yield from events if given.come_back else without_place(events)


def without_place(events):
    """A stream begins with a block that has an id alone: no event by the standard, and one without data
    to this library. Only the loop that comes back has a use for it."""
    begins = True
    for event in events:
        is_place = begins and event.event == "message" and not event.data and event.retry is None
        begins = begins and event.event == "fanfare-gap"
        if not is_place:
            yield event


read(given, events_after, httpx.HTTPError)
