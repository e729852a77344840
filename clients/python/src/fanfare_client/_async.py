"""Reading and publishing with asyncio or trio."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import asynccontextmanager
from inspect import isawaitable
from types import TracebackType
from typing import Any, Callable, Optional, Union

import anyio
import httpx

from ._error import BODY_BYTES_MAX, FanfareError, failed, refusal
from ._event import Event, Published
from ._publishing import ATTEMPTS, FIRST_WAIT, TIMEOUT, PublishRequest, Result, many, one
from ._reading import Reading
from ._wait import wait_after

#: At once, or after something else.
GivenHeaders = Union[Mapping[str, str], Awaitable[Mapping[str, str]]]
#: Headers, or a function that is asked before each connection, and once more after a 401.
HeadersSource = Union[Mapping[str, str], Callable[[Optional[FanfareError]], GivenHeaders], None]


class AsyncSubscription(Reading[httpx.AsyncClient, GivenHeaders]):
    """A stream that comes back by itself until it has ended, has failed for good, or is closed."""

    _events: Optional[AsyncGenerator[Event, None]] = None
    _waiting: Optional[anyio.CancelScope] = None

    def close(self) -> None:
        """May be called by any task: whoever waits for an event is told that there are no more."""
        self._closed.set()
        if self._waiting is not None:
            self._waiting.cancel()

    async def __aenter__(self) -> AsyncSubscription:
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()
        if self._events is not None:
            await self._events.aclose()

    def __aiter__(self) -> AsyncSubscription:
        """Ends when all topics have ended or it is closed; raises when it has failed for good."""
        self._begin()
        self._events = self._read()
        return self

    async def __anext__(self) -> Event:
        if self._events is None:
            raise RuntimeError("a subscription is read by `async for`")
        with anyio.CancelScope() as self._waiting:
            return await self._events.__anext__()
        raise StopAsyncIteration

    async def _read(self) -> AsyncGenerator[Event, None]:
        async with _client(self._given_client) as client:
            while not self._closed.is_set():
                error = None
                stream = self._stream(client)
                try:
                    async for event in stream:
                        yield event
                except FanfareError as caught:
                    if not caught.temporary:
                        raise
                    error = caught
                finally:
                    await stream.aclose()
                if self._has_ended() or self._closed.is_set():
                    return
                await anyio.sleep(self._next_retry(error).delay)

    async def _stream(self, client: httpx.AsyncClient) -> AsyncGenerator[Event, None]:
        """What comes over one connection."""
        asked = client.build_request(
            "GET", self._url, headers=self._request_headers(), timeout=self._timeout
        )
        async with _response(client, asked, self._headers) as response:
            if not self._is_stream(response):
                return
            async for chunk in _chunks(response):
                for told in self._feed(chunk):
                    if isinstance(told, Event):
                        yield told
                    else:
                        await _finished(self._tell(told))
                    if self._closed.is_set():
                        return


async def publish_async(
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
    client: Optional[httpx.AsyncClient] = None,
) -> str:
    """Publishes one event and returns its id. What is no string is sent as JSON."""
    request = one(server, topic, data, attempts, type, id, retry, private, end)
    return await _send(request, headers, attempts, timeout, client)


async def publish_many_async(
    server: str,
    events: Iterable[Mapping[str, Any]],
    *,
    headers: HeadersSource = None,
    attempts: int = ATTEMPTS,
    timeout: float = TIMEOUT,
    client: Optional[httpx.AsyncClient] = None,
) -> list[Published]:
    """Publishes many events in one request; the results are in their order."""
    return await _send(many(server, events, attempts), headers, attempts, timeout, client)


async def _send(
    request: PublishRequest[Result],
    headers: HeadersSource,
    attempts: int,
    timeout: float,
    given_client: Optional[httpx.AsyncClient],
) -> Result:
    async with _client(given_client) as client:
        for failures in range(attempts):
            asked = client.build_request(
                "POST", request.url, headers=request.headers, content=request.content, timeout=timeout
            )
            try:
                async with _response(client, asked, headers) as response:
                    body = b"".join([chunk async for chunk in _chunks(response)])
                    return request.result_of(body.decode())
            except FanfareError as error:
                if not error.temporary or failures + 1 >= attempts:
                    raise
                await anyio.sleep(wait_after(failures, FIRST_WAIT, error.retry_after))
    raise ValueError("attempts must be 1 or more")


@asynccontextmanager
async def _client(given: Optional[httpx.AsyncClient]) -> AsyncIterator[httpx.AsyncClient]:
    """One of our own is closed afterwards; that of the user stays open."""
    if given is not None:
        yield given
        return
    async with httpx.AsyncClient() as client:
        yield client


@asynccontextmanager
async def _response(
    client: httpx.AsyncClient, request: httpx.Request, source: HeadersSource
) -> AsyncIterator[httpx.Response]:
    """A response that is no error. Headers by a function are asked for once more after a 401."""
    refused: Optional[FanfareError] = None
    while True:
        request.headers.update(await _given(source, refused))
        try:
            response = await client.send(request, stream=True, follow_redirects=True)
        except httpx.RequestError as cause:
            raise failed(cause) from cause
        try:
            if response.is_success:
                yield response
                return
            error = refusal(response, await _beginning(response))
        finally:
            await response.aclose()
        if error.status != 401 or refused is not None or not callable(source):
            raise error
        refused = error


async def _given(source: HeadersSource, refused: Optional[FanfareError]) -> Mapping[str, str]:
    """A function that fails may succeed the next time: often it asks for a token over the network."""
    if not callable(source):
        return source or {}
    try:
        given: Mapping[str, str] = await _finished(source(refused))
        return given
    except Exception as cause:
        raise FanfareError(f"there are no headers: {cause}", temporary=True) from cause


async def _finished(told: object) -> Any:
    """What a function of the user answers, which may be one that has to be waited for."""
    return await told if isawaitable(told) else told


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_bytes():
            yield chunk
    except httpx.RequestError as cause:
        raise failed(cause) from cause


async def _beginning(response: httpx.Response) -> bytes:
    """No server can make us hold more of an error than is worth showing."""
    body = b""
    async for chunk in _chunks(response):
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            break
    return body
