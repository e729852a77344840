"""Uploads NDJSON with httpx while reading what it publishes: BASE TOPIC COUNT [--http2].

Each line is sent only when the event of the line before it has come back, so this ends only with a
server that publishes lines while the upload goes on. Over HTTP/2 the upload and the stream share
one connection. Prints the events that were read, then the answers.
"""

import argparse
import asyncio
import json

import httpx
from httpx_sse import aconnect_sse

from command_line import show


async def lines(topic, count, came_back):
    for number in range(count):
        yield json.dumps({"topic": topic, "data": f"line {number} 😀"}).encode() + b"\n"
        await came_back.get()


async def read(stream, count, came_back):
    async for event in stream.aiter_sse():
        # A block with an id alone is no event by the standard; httpx-sse makes one without data of it.
        if not event.data:
            continue
        show(event)
        came_back.put_nowait(event)
        count -= 1
        if count == 0:
            return


async def upload_and_read(base, topic, count, http2):
    came_back = asyncio.Queue()
    patience = httpx.Timeout(10, read=None)
    ndjson = {"Content-Type": "application/x-ndjson"}
    async with (
        httpx.AsyncClient(
            base_url=base, http1=not http2, http2=http2, timeout=patience
        ) as client,
        aconnect_sse(client, "GET", f"/events/{topic}") as stream,
    ):
        answer, _ = await asyncio.gather(
            client.post("/events", content=lines(topic, count, came_back), headers=ndjson),
            read(stream, count, came_back),
        )
        answer.raise_for_status()
        print(answer.text, end="")


parser = argparse.ArgumentParser()
parser.add_argument("base")
parser.add_argument("topic")
parser.add_argument("count", type=int)
parser.add_argument("--http2", action="store_true")
given = parser.parse_args()
asyncio.run(upload_and_read(given.base, given.topic, given.count, given.http2))
