"""What a stream tells, and what publishing answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ._error import FanfareError


@dataclass(frozen=True)
class Event:
    #: "message" where the publisher gave no type.
    type: str
    data: str
    #: The last id of the stream: with it a later subscription goes on behind this event.
    id: str


@dataclass(frozen=True)
class Gap:
    """Events that were missed for good."""

    #: How many, where that is known.
    missed: Optional[int]
    after: Optional[str]
    before: Optional[str]


@dataclass(frozen=True)
class Retry:
    """A wait before the next connection."""

    #: Seconds.
    delay: float
    #: Why; None when the stream has ended in order.
    error: Optional[FanfareError]


@dataclass(frozen=True)
class Published:
    """What became of one of many events: it has an id, or an error."""

    id: Optional[str]
    error: Optional[str] = None
    status: Optional[int] = None
