"""Reads a stream with sseclient-py over requests, which speaks HTTP/1.1 only."""

import requests
from sseclient import SSEClient

from command_line import arguments, headers, read

given = arguments()


def events_after(last_event_id):
    asked = {"Accept": "text/event-stream"} | headers(given, last_event_id)
    # Silence is no failure of a stream: only connecting has a limit.
    with requests.get(given.url, headers=asked, stream=True, timeout=(10, None)) as response:
        response.raise_for_status()
        for event in SSEClient(response).events():
            # This library leaves the number as text.
            event.retry = event.retry and int(event.retry)
            yield event


read(given, events_after, requests.RequestException)
