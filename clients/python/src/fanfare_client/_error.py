"""What went wrong, with what the server said of it."""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from typing import Any, Optional

import httpx

#: Statuses that the same request may get better of; every other error is for good.
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
BODY_BYTES_MAX = 64 << 10


class FanfareError(Exception):
    """The answer to a request, or the lack of one."""

    def __init__(
        self,
        message: str,
        *,
        status: Optional[int] = None,
        problem: Optional[dict[str, Any]] = None,
        retry_after: Optional[float] = None,
        temporary: bool = False,
    ) -> None:
        super().__init__(message)
        #: Of HTTP; None when there was no answer.
        self.status = status
        #: What the server says of it, if it says so as RFC 9457 has it.
        self.problem = problem
        #: Seconds.
        self.retry_after = retry_after
        #: The same request may succeed later.
        self.temporary = temporary


def refusal(response: httpx.Response, body: bytes) -> FanfareError:
    """The error that a response with an error status is."""
    status = response.status_code
    is_problem = response.headers.get("content-type", "").startswith("application/problem+json")
    problem = object_from(body) if is_problem else None
    said = (problem or {}).get("detail") or (problem or {}).get("title") or response.reason_phrase
    return FanfareError(
        f"{status}: {said}" if said else f"status {status}",
        status=status,
        problem=problem,
        retry_after=_retry_after(response.headers.get("retry-after")),
        temporary=status in TEMPORARY,
    )


def failed(cause: Exception) -> FanfareError:
    """A connection that failed; asking an address that is none does not get better."""
    hopeless = isinstance(cause, (httpx.UnsupportedProtocol, httpx.TooManyRedirects))
    told = str(cause) or type(cause).__name__
    return FanfareError(f"the connection failed: {told}", temporary=not hopeless)


def object_from(text: str | bytes) -> Optional[dict[str, Any]]:
    """The object that a text in JSON is; None if it is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _retry_after(value: Optional[str]) -> Optional[float]:
    """Seconds; the header has seconds or a date."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None
