"""Reads a stream with httpx-sse, over HTTP/1.1 or, with prior knowledge, HTTP/2."""

import itertools

import httpx
from httpx_sse import connect_sse

from command_line import arguments, resume_headers, show

given = arguments()
# Silence is no failure of a stream: only the other waits have a limit.
patience = httpx.Timeout(10, read=None)
with (
    httpx.Client(http1=not given.http2, http2=given.http2, timeout=patience) as client,
    connect_sse(client, "GET", given.url, headers=resume_headers(given.last_event_id)) as stream,
):
    stream.response.raise_for_status()
    for event in itertools.islice(stream.iter_sse(), given.count):
        show(event)
