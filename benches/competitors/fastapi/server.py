"""A FastAPI server of events as most are built: a StreamingResponse over a generator that is fed by a
queue, one for each subscriber, under one uvicorn worker with uvloop and httptools.

FastAPI's own `fastapi.sse.EventSourceResponse` would send comments as well; it costs several times
as much for an event, so this is the kinder choice. More workers are no choice: subscribers live in
the process that took their connection, and a publish reaches them only there. The port is the only
argument.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

app = FastAPI()
subscribers: defaultdict[str, set[asyncio.Queue[str]]] = defaultdict(set)


async def events(topic: str) -> AsyncIterator[str]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    subscribers[topic].add(queue)
    try:
        while True:
            yield f"data: {await queue.get()}\n\n"
    finally:
        subscribers[topic].discard(queue)


@app.get("/events/{topic}")
async def subscribe(topic: str) -> StreamingResponse:
    return StreamingResponse(events(topic), media_type="text/event-stream")


@app.post("/events/{topic}")
async def publish(topic: str, request: Request) -> Response:
    data = (await request.body()).decode()
    for queue in subscribers[topic]:
        queue.put_nowait(data)
    return Response(status_code=202)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), backlog=4096, log_level="warning", access_log=False)
