"""A Starlette server of events with sse-starlette: a generator for each subscriber, fed by a queue of
its own, under one uvicorn worker with uvloop and httptools.

More workers are no choice: subscribers live in the process that took their connection, so that a
publish reaches them only there. Pings come every 15 seconds, its default. The port is the only
argument.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import AsyncIterator

import uvicorn
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

subscribers: defaultdict[str, set[asyncio.Queue[str]]] = defaultdict(set)


async def events(topic: str) -> AsyncIterator[ServerSentEvent]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    subscribers[topic].add(queue)
    try:
        while True:
            yield ServerSentEvent(data=await queue.get())
    finally:
        subscribers[topic].discard(queue)


async def subscribe(request: Request) -> EventSourceResponse:
    return EventSourceResponse(events(request.path_params["topic"]))


async def publish(request: Request) -> Response:
    data = (await request.body()).decode()
    for queue in subscribers[request.path_params["topic"]]:
        queue.put_nowait(data)
    return Response(status_code=202)


app = Starlette(
    routes=[
        Route("/events/{topic}", subscribe, methods=["GET"]),
        Route("/events/{topic}", publish, methods=["POST"]),
    ]
)

if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), backlog=4096, log_level="warning", access_log=False)
