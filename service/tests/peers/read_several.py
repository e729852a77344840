"""Reads the first event of several streams at once, all on one HTTP/2 connection: BASE PATH…"""

import asyncio
import sys

import httpx
from httpx_sse import aconnect_sse

from command_line import show


async def read(client, path):
    async with aconnect_sse(client, "GET", path) as stream:
        stream.response.raise_for_status()
        async for event in stream.aiter_sse():
            show(event, path=path)
            return


async def read_all(base, paths):
    patience = httpx.Timeout(10, read=None)
    async with httpx.AsyncClient(
        base_url=base, http1=False, http2=True, timeout=patience
    ) as client:
        await asyncio.gather(*(read(client, path) for path in paths))


asyncio.run(read_all(sys.argv[1], sys.argv[2:]))
