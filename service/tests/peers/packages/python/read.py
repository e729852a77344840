"""Reads streams with the packed client, one after the other until each is over, and prints what it is told
as lines of JSON. Its arguments are `threads`, `asyncio` or `trio`, and an array of
{ address, count, tokens, ...options }, with the names and units of the client for JavaScript."""

from __future__ import annotations

import json
import sys
from typing import Any, Optional

import anyio

from fanfare_client import AsyncSubscription, Event, FanfareError, Gap, Retry, Subscription

NAMES = {
    "lastEventId": "last_event_id",
    "maxEventSize": "max_event_size",
    "idleTimeout": "idle_timeout",
}


def say(**line: object) -> None:
    print(json.dumps(line), flush=True)


def said_of(event: Event) -> None:
    say(event=[event.type, event.data, event.id])


def failed(error: FanfareError) -> None:
    parts = {"status": error.status, "problem": error.problem, "temporary": error.temporary}
    say(failed={"message": str(error), **parts})


def on_gap(gap: Gap) -> None:
    say(gap={"missed": gap.missed, "after": gap.after, "before": gap.before})


def on_retry(retry: Retry) -> None:
    error = None if retry.error is None else str(retry.error)
    say(retry={"delay": round(retry.delay * 1000), "error": error})


def options(asked: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {NAMES.get(name, name): value for name, value in asked.items()}
    if "idle_timeout" in given:
        given["idle_timeout"] /= 1000
    tokens = given.pop("tokens", None)
    if tokens:
        given["headers"] = next_token(tokens)
    return given


def next_token(tokens: list[str]) -> Any:
    left = list(tokens)

    def headers(refused: Optional[FanfareError]) -> dict[str, str]:
        say(asked=None if refused is None else refused.status)
        return {"Authorization": f"Bearer {left.pop(0) if len(left) > 1 else left[0]}"}

    return headers


def read(asked: dict[str, Any], count: Optional[int]) -> None:
    on_end = lambda topics: say(end=topics)  # noqa: E731
    handlers: dict[str, Any] = {"on_gap": on_gap, "on_end": on_end, "on_retry": on_retry}
    with Subscription(**options(asked), **handlers) as events:
        for number, event in enumerate(events, 1):
            said_of(event)
            if number == count:
                break


async def read_async(asked: dict[str, Any], count: Optional[int]) -> None:
    async def on_end(topics: list[str]) -> None:
        say(end=topics)

    handlers: dict[str, Any] = {"on_gap": on_gap, "on_end": on_end, "on_retry": on_retry}
    number = 0
    async with AsyncSubscription(**options(asked), **handlers) as events:
        async for event in events:
            said_of(event)
            number += 1
            if number == count:
                break


for job in json.loads(sys.argv[2]):
    count = job.pop("count", None)
    try:
        if sys.argv[1] == "threads":
            read(job, count)
        else:
            anyio.run(read_async, job, count, backend=sys.argv[1])
        say(over=True)
    except FanfareError as error:
        failed(error)
