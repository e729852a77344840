"""Reading and publishing with threads."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any, Callable, Optional, Union

import httpx

from ._error import BODY_BYTES_MAX, FanfareError, failed, refusal
from ._event import Event, Published
from ._publishing import ATTEMPTS, FIRST_WAIT, TIMEOUT, PublishRequest, Result, many, one
from ._reading import Reading
from ._wait import wait_after

#: Headers, or a function that is asked before each connection, and once more after a 401.
HeadersSource = Union[Mapping[str, str], Callable[[Optional[FanfareError]], Mapping[str, str]], None]


class Subscription(Reading[httpx.Client, Mapping[str, str]]):
    """A stream that comes back by itself until it has ended, has failed for good, or is closed."""

    _events: Optional[Generator[Event, None, None]] = None

    def close(self) -> None:
        """May be called by any thread. A read notices it at the next byte, or after `idle_timeout`."""
        self._closed.set()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()
        if self._events is not None:
            self._events.close()

    def __iter__(self) -> Iterator[Event]:
        """Ends when all topics have ended or it is closed; raises when it has failed for good."""
        self._begin()
        self._events = self._read()
        return self._events

    def _read(self) -> Generator[Event, None, None]:
        with _client(self._given_client) as client:
            while not self._closed.is_set():
                error = None
                try:
                    yield from self._stream(client)
                except FanfareError as caught:
                    if not caught.temporary:
                        raise
                    error = caught
                if self._has_ended() or self._closed.is_set():
                    return
                self._closed.wait(self._next_retry(error).delay)

    def _stream(self, client: httpx.Client) -> Iterator[Event]:
        """What comes over one connection."""
        asked = client.build_request(
            "GET", self._url, headers=self._request_headers(), timeout=self._timeout
        )
        with _response(client, asked, self._headers) as response:
            if not self._is_stream(response):
                return
            for chunk in _chunks(response):
                for told in self._feed(chunk):
                    if isinstance(told, Event):
                        yield told
                    else:
                        self._tell(told)
                    if self._closed.is_set():
                        return


def publish(
    server: str,
    topic: str,
    data: object,
    *,
    type: Optional[str] = None,
    id: Optional[str] = None,
    retry: Optional[int] = None,
    private: bool = False,
    end: bool = False,
    headers: HeadersSource = None,
    attempts: int = ATTEMPTS,
    timeout: float = TIMEOUT,
    client: Optional[httpx.Client] = None,
) -> str:
    """Publishes one event and returns its id. What is no string is sent as JSON."""
    request = one(server, topic, data, attempts, type, id, retry, private, end)
    return _send(request, headers, attempts, timeout, client)


def publish_many(
    server: str,
    events: Iterable[Mapping[str, Any]],
    *,
    headers: HeadersSource = None,
    attempts: int = ATTEMPTS,
    timeout: float = TIMEOUT,
    client: Optional[httpx.Client] = None,
) -> list[Published]:
    """Publishes many events in one request; the results are in their order."""
    return _send(many(server, events, attempts), headers, attempts, timeout, client)


def _send(
    request: PublishRequest[Result],
    headers: HeadersSource,
    attempts: int,
    timeout: float,
    given_client: Optional[httpx.Client],
) -> Result:
    with _client(given_client) as client:
        for failures in range(attempts):
            asked = client.build_request(
                "POST", request.url, headers=request.headers, content=request.content, timeout=timeout
            )
            try:
                with _response(client, asked, headers) as response:
                    return request.result_of(b"".join(_chunks(response)).decode())
            except FanfareError as error:
                if not error.temporary or failures + 1 >= attempts:
                    raise
                time.sleep(wait_after(failures, FIRST_WAIT, error.retry_after))
    raise ValueError("attempts must be 1 or more")


def _client(given: Optional[httpx.Client]) -> AbstractContextManager[httpx.Client]:
    """One of our own is closed afterwards; that of the user stays open."""
    return httpx.Client() if given is None else nullcontext(given)


@contextmanager
def _response(
    client: httpx.Client, request: httpx.Request, source: HeadersSource
) -> Iterator[httpx.Response]:
    """A response that is no error. Headers by a function are asked for once more after a 401."""
    refused: Optional[FanfareError] = None
    while True:
        request.headers.update(_given(source, refused))
        try:
            response = client.send(request, stream=True, follow_redirects=True)
        except httpx.RequestError as cause:
            raise failed(cause) from cause
        try:
            if response.is_success:
                yield response
                return
            error = refusal(response, _beginning(response))
        finally:
            response.close()
        if error.status != 401 or refused is not None or not callable(source):
            raise error
        refused = error


def _given(source: HeadersSource, refused: Optional[FanfareError]) -> Mapping[str, str]:
    """A function that fails may succeed the next time: often it asks for a token over the network."""
    if not callable(source):
        return source or {}
    try:
        return source(refused)
    except Exception as cause:
        raise FanfareError(f"there are no headers: {cause}", temporary=True) from cause


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    except httpx.RequestError as cause:
        raise failed(cause) from cause


def _beginning(response: httpx.Response) -> bytes:
    """No server can make us hold more of an error than is worth showing."""
    body = b""
    for chunk in _chunks(response):
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            break
    return body
