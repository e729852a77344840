"""Reads the first event of several streams, all open at once on one HTTP/2 connection: BASE PATH…"""

import asyncio
import contextlib
import sys

import httpx
from httpx_sse import aconnect_sse

from command_line import show


async def read_first(path, stream):
    stream.response.raise_for_status()
    async for event in stream.aiter_sse():
        # A block with an id alone is no event by the standard; httpx-sse makes one without data of it.
        if event.data:
            show(event, path=path)
            return


async def read_all(base, paths):
    patience = httpx.Timeout(10, read=None)
    client = httpx.AsyncClient(base_url=base, http1=False, http2=True, timeout=patience)
    # None is closed before all have their event.
    async with client, contextlib.AsyncExitStack() as open_streams:
        streams = [
            await open_streams.enter_async_context(aconnect_sse(client, "GET", path))
            for path in paths
        ]
        await asyncio.gather(*map(read_first, paths, streams))


asyncio.run(read_all(sys.argv[1], sys.argv[2:]))
