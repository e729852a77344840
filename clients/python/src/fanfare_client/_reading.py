"""What a subscription knows and decides, without any I/O: the same for both kinds of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Generic, Optional, TypeVar, Union

import httpx

from ._address import Texts, stream_address, topics_of
from ._error import FanfareError, object_from
from ._event import Event, Gap, Retry
from ._parser import EventStreamParser
from ._wait import USUAL_WAIT, wait_after

CONNECT_TIMEOUT = 10.0
#: Three of Fanfare's heartbeats, in seconds.
IDLE_TIMEOUT = 45.0
#: Characters.
EVENT_SIZE_MAX = 4 << 20

ClientType = TypeVar("ClientType", httpx.Client, httpx.AsyncClient)
#: What a function answers with that is asked for headers.
Given = TypeVar("Given")


@dataclass(frozen=True)
class End:
    topics: list[str]


class Reading(Generic[ClientType, Given]):
    def __init__(
        self,
        address: str,
        *,
        topics: Texts = (),
        patterns: Texts = (),
        templates: Texts = (),
        last_event_id: str = "",
        last: Optional[int] = None,
        since: Union[str, datetime, None] = None,
        headers: Union[Mapping[str, str], Callable[[Optional[FanfareError]], Given], None] = None,
        on_gap: Optional[Callable[[Gap], object]] = None,
        on_end: Optional[Callable[[list[str]], object]] = None,
        on_retry: Optional[Callable[[Retry], object]] = None,
        idle_timeout: Optional[float] = IDLE_TIMEOUT,
        max_event_size: int = EVENT_SIZE_MAX,
        client: Optional[ClientType] = None,
    ) -> None:
        self._url = stream_address(address, topics, patterns, templates, last, since)
        # What is asked for and has not ended; None where that cannot be known.
        self._topics = topics_of(self._url)
        # The server has said that nothing will come any more.
        self._is_over = False
        self._is_read = False
        self._closed = threading.Event()
        self._headers = headers
        self._on_gap = on_gap
        self._on_end = on_end
        self._on_retry = on_retry
        self._timeout = httpx.Timeout(CONNECT_TIMEOUT, read=idle_timeout)
        self._size_max = max_event_size
        self._given_client: Optional[ClientType] = client
        self._parser = EventStreamParser(last_event_id, max_event_size)
        self._retry = USUAL_WAIT
        self._failures = 0

    @property
    def last_event_id(self) -> str:
        """Of the newest event or place; empty if there was none."""
        return self._parser.last_event_id

    def _begin(self) -> None:
        if self._is_read:
            raise RuntimeError("a subscription is read once: make another one")
        self._is_read = True

    def _request_headers(self) -> httpx.Headers:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self.last_event_id:
            headers["Last-Event-ID"] = self.last_event_id
        # As an EventSource sends the id.
        return httpx.Headers(headers, encoding="utf-8")

    def _is_stream(self, response: httpx.Response) -> bool:
        """False where there is none any more."""
        if response.status_code == 204:
            self._is_over = True
            return False
        kind = response.headers.get("content-type", "no content type")
        if response.status_code != 200 or kind.partition(";")[0].strip() != "text/event-stream":
            raise FanfareError(
                f"{response.url} is no stream of events, but {kind}", status=response.status_code
            )
        self._failures = 0
        self._parser = EventStreamParser(self.last_event_id, self._size_max)
        return True

    def _feed(self, chunk: bytes) -> Iterator[Union[Event, Gap, End]]:
        for event in self._parser.feed(chunk):
            if event.type == "fanfare-gap":
                yield _gap(object_from(event.data) or {})
            elif event.type == "fanfare-end":
                ended = [str(topic) for topic in (object_from(event.data) or {}).get("topics", [])]
                if self._topics is not None:
                    self._topics.difference_update(ended)
                yield End(ended)
            else:
                yield event
        if self._parser.retry is not None:
            self._retry = self._parser.retry / 1000

    def _tell(self, told: Union[Gap, End]) -> object:
        if isinstance(told, Gap):
            return self._on_gap(told) if self._on_gap else None
        return self._on_end(told.topics) if self._on_end else None

    def _has_ended(self) -> bool:
        return self._is_over or (self._topics is not None and not self._topics)

    def _next_retry(self, error: Optional[FanfareError]) -> Retry:
        after = error.retry_after if error else None
        delay = wait_after(self._failures, self._retry, after)
        self._failures += 1
        retry = Retry(delay, error)
        if self._on_retry:
            self._on_retry(retry)
        return retry


def _gap(notice: dict[str, Any]) -> Gap:
    return Gap(notice.get("missed"), notice.get("after"), notice.get("before"))
