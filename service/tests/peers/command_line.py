"""What the reading clients share: their arguments, and the line that they print for each event.

Each is called as `client URL COUNT [--last-event-id ID] [--http2]`, subscribes, prints COUNT events
and goes. The tests compare the lines, so an event is shown as the library gave it.
"""

import argparse
import json


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    parser.add_argument("--last-event-id")
    parser.add_argument("--http2", action="store_true")
    return parser.parse_args()


def resume_headers(last_event_id):
    return {} if last_event_id is None else {"Last-Event-ID": last_event_id}


def show(event, **more):
    line = {"id": event.id, "event": event.event, "data": event.data, "retry": event.retry}
    print(json.dumps(line | more), flush=True)
