"""Every function and field of the packed client, for the type checker alone."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Optional

import httpx

from fanfare_client import (
    AsyncSubscription,
    Event,
    FanfareError,
    Gap,
    Published,
    Retry,
    Subscription,
    publish,
    publish_async,
    publish_many,
    publish_many_async,
)

HUB = "http://127.0.0.1:8080"


def on_gap(gap: Gap) -> None:
    missed: Optional[int] = gap.missed
    print(missed, gap.after, gap.before)


def on_retry(retry: Retry) -> None:
    delay: float = retry.delay
    error: Optional[FanfareError] = retry.error
    print(delay, error and (error.status, error.problem, error.retry_after, error.temporary))


def headers(refused: Optional[FanfareError]) -> dict[str, str]:
    return {} if refused is None else {"Authorization": "new"}


async def headers_async(refused: Optional[FanfareError]) -> dict[str, str]:
    return headers(refused)


def read() -> list[Event]:
    with Subscription(
        HUB,
        topics=["a", "b"],
        patterns="https://example.com/:id",
        templates=("a/{b}",),
        last_event_id="earliest",
        last=10,
        since=datetime.now(timezone.utc),
        headers=headers,
        on_gap=on_gap,
        on_end=lambda topics: print(topics[0].upper()),
        on_retry=on_retry,
        idle_timeout=None,
        max_event_size=1 << 20,
        client=httpx.Client(),
    ) as events:
        for event in events:
            print(event.type, event.data, event.id, events.last_event_id)
            events.close()
        return list(events)


async def read_async() -> list[Event]:
    async with AsyncSubscription(HUB, topics="a", headers=headers_async) as events:
        return [event async for event in events]


async def send() -> list[Published]:
    one: str = publish(
        HUB, "a", {"number": 42}, type="paid", id="1", retry=100, private=True, end=True, attempts=1
    )
    other: str = await publish_async(HUB, "a", one, headers={"Authorization": "x"}, timeout=1)
    results = publish_many(HUB, [{"topic": ["a", "b"], "data": other}])
    return [*results, *await publish_many_async(HUB, [{"topic": "a"}], headers=headers_async)]


def wrong() -> None:
    Subscription(HUB, topic="a")  # type: ignore[call-arg]
    Subscription(HUB, client=httpx.AsyncClient())  # type: ignore[arg-type]
    Subscription(HUB, headers=headers_async)  # type: ignore[arg-type]
    publish(HUB, 1, "a")  # type: ignore[arg-type]
