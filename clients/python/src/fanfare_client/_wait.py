"""How long to wait before the next attempt, in seconds."""

from __future__ import annotations

import random
from typing import Optional

#: Where the server says nothing, and the least that failures grow from.
USUAL_WAIT = 1.0
LEAST_WAIT = 0.1
#: Failures do not make a wait longer than this; a server may ask for longer ones.
GROWN_WAIT_MAX = 30.0
#: A timer takes no more everywhere.
LONGEST_WAIT = 2_147_483.0


def wait_after(failures: int, retry: float, retry_after: Optional[float] = None) -> float:
    """What the server asked for, doubled with each failure in a row, and up to half as much again, so
    that clients that were cut off together do not come back together."""
    grown = min(max(retry, LEAST_WAIT) * 2.0 ** min(failures, 20), GROWN_WAIT_MAX)
    spread = max(grown, retry) * random.uniform(1, 1.5)
    return min(max(spread, retry_after or 0.0), LONGEST_WAIT)
