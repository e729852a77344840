"""Requests that publish, each event with an id, so that one whose response was lost may be sent again."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Callable, Generic, Optional, TypeVar

import httpx

from ._address import topic_address, within
from ._error import FanfareError, object_from
from ._event import Published

ATTEMPTS = 5
#: Of one attempt, in seconds.
TIMEOUT = 30.0
#: The first wait between two attempts, in seconds.
FIRST_WAIT = 0.25

Result = TypeVar("Result")


@dataclass(frozen=True)
class PublishRequest(Generic[Result]):
    url: httpx.URL
    headers: dict[str, str]
    content: bytes
    result_of: Callable[[str], Result]


def one(
    server: str,
    topic: str,
    data: object,
    attempts: int,
    type: Optional[str],
    id: Optional[str],
    retry: Optional[int],
    private: bool,
    end: bool,
) -> PublishRequest[str]:
    fields = {"type": type, "id": id if id is not None else _new_id(attempts), "retry": retry}
    params = {name: str(value) for name, value in fields.items() if value is not None}
    params.update({name: "on" for name, given in (("private", private), ("end", end)) if given})
    content = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    url = topic_address(server, topic)
    url = url.copy_with(params=params) if params else url
    return PublishRequest(url, headers, content.encode(), lambda text: text)


def many(
    server: str, events: Iterable[Mapping[str, Any]], attempts: int
) -> PublishRequest[list[Published]]:
    lines = [json.dumps(_with_id(event, attempts), ensure_ascii=False) + "\n" for event in events]

    def results(text: str) -> list[Published]:
        found = [object_from(line) for line in text.splitlines() if line.strip()]
        answers = [answer for answer in found if answer is not None]
        if len(answers) != len(lines):
            message = f"{len(answers)} of {len(lines)} lines were answered"
            raise FanfareError(message, temporary=True)
        names = ("id", "error", "status")
        return [Published(**{name: answer.get(name) for name in names}) for answer in answers]

    headers = {"Content-Type": "application/x-ndjson"}
    return PublishRequest(within(server, "events"), headers, "".join(lines).encode(), results)


def _with_id(event: Mapping[str, Any], attempts: int) -> dict[str, Any]:
    new_id = _new_id(attempts)
    return {**event} if new_id is None else {"id": new_id, **event}


def _new_id(attempts: int) -> Optional[str]:
    """What is sent once needs none: the server gives it one."""
    return secrets.token_hex(16) if attempts > 1 else None
