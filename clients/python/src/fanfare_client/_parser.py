"""The event stream format of the HTML standard (section 9.2.6), chunk by chunk.

What it departs from: a stream begins with the last id of the one before it, as browsers do it, and an
event has a greatest size.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Optional

from ._error import FanfareError
from ._event import Event

#: Not those of `str.splitlines`, which breaks lines in more places.
LINE_BREAK = re.compile("[\r\n]")


class EventStreamParser:
    def __init__(self, last_event_id: str, size_max: int) -> None:
        #: With this a client resumes. It changes with blocks that have an id and nothing else, too.
        self.last_event_id = last_event_id
        #: Milliseconds, once the server has said so.
        self.retry: Optional[int] = None
        self._size_max = size_max
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        # Of the line that has not ended yet.
        self._line: list[str] = []
        self._line_size = 0
        # The last chunk ended with a carriage return, so that a line feed belongs to it.
        self._after_return = False
        # Of the block that has not ended yet.
        self._id = last_event_id
        self._type = ""
        self._data: list[str] = []
        self._data_size = 0

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that end within a chunk; whoever stops between two has the id of the first."""
        text = self._decoder.decode(chunk)
        start = 1 if self._after_return and text.startswith("\n") else 0
        if text:
            self._after_return = False
        while found := LINE_BREAK.search(text, start):
            self._extend(text[start : found.start()])
            start = found.end()
            if found.group() == "\r":
                self._after_return = start == len(text)
                start += text.startswith("\n", start)
            event = self._take_line()
            if event is not None:
                yield event
        self._extend(text[start:])

    def _extend(self, text: str) -> None:
        self._line.append(text)
        self._line_size += len(text)
        if self._line_size + self._data_size > self._size_max:
            advice = "raise max_event_size, or publish less at once"
            raise FanfareError(f"an event has more than {self._size_max} characters: {advice}")

    def _take_line(self) -> Optional[Event]:
        line = "".join(self._line)
        self._line, self._line_size = [], 0
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        self._take_field(name, value[1:] if value.startswith(" ") else value)
        return None

    def _take_field(self, name: str, value: str) -> None:
        if name == "data":
            self._data.append(value)
            self._data_size += len(value) + 1
        elif name == "event":
            self._type = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            # Longer digits than that are no wait, and some versions of Python refuse them.
            self.retry = min(int(value[-20:]), 2**31 - 1) if len(value) <= 20 else 2**31 - 1

    def _dispatch(self) -> Optional[Event]:
        kind, data = self._type or "message", self._data
        self._type, self._data, self._data_size = "", [], 0
        self.last_event_id = self._id
        return Event(kind, "\n".join(data), self.last_event_id) if data else None
