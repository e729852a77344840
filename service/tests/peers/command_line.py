"""What the reading clients share: their arguments, how they come back, and the line that they print
for each event.

Each is called as `client URL COUNT [OPTION]…`, subscribes, prints COUNT events and goes. The tests
compare the lines, so an event is shown as the library gave it.
"""

import argparse
import json
import sys
import time

# Shorter than the wait of any library, so that only a `retry` of the server's makes it longer.
WAIT_SECONDS = 0.1


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    parser.add_argument("--last-event-id")
    parser.add_argument("--token")
    parser.add_argument("--come-back", action="store_true", help="whenever the stream has ended")
    parser.add_argument("--skip-empty", action="store_true", help="events without data")
    parser.add_argument("--http2", action="store_true")
    return parser.parse_args()


def headers(given, last_event_id):
    resume = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    return resume if given.token is None else resume | {"Authorization": f"Bearer {given.token}"}


def read(given, events_after, failures):
    """Shows COUNT events of `events_after(last_event_id)`.

    None of these libraries comes back by itself. With --come-back their users' loop does it: with the
    id of the last event that the library handed on, after the wait that it handed on.
    """
    last_event_id, left, wait = given.last_event_id, given.count, WAIT_SECONDS
    while True:
        try:
            for event in events_after(last_event_id):
                last_event_id = event.id or last_event_id
                wait = wait if event.retry is None else int(event.retry) / 1000
                if event.data or not given.skip_empty:
                    show(event)
                    left -= 1
                if left == 0:
                    return
        except failures as error:
            if not given.come_back:
                raise
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        if not given.come_back:
            return
        time.sleep(wait)


def show(event, **more):
    line = {"id": event.id, "event": event.event, "data": event.data, "retry": event.retry}
    print(json.dumps(line | more), flush=True)
