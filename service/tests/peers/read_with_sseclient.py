"""Reads a stream with sseclient-py over requests, which speaks HTTP/1.1 only."""

import itertools

import requests
from sseclient import SSEClient

from command_line import arguments, resume_headers, show

given = arguments()
headers = {"Accept": "text/event-stream"} | resume_headers(given.last_event_id)
# Silence is no failure of a stream: only connecting has a limit.
with requests.get(given.url, headers=headers, stream=True, timeout=(10, None)) as response:
    response.raise_for_status()
    for event in itertools.islice(SSEClient(response).events(), given.count):
        # This library leaves the number as text.
        event.retry = event.retry and int(event.retry)
        show(event)
