"""Reading and publishing events of Fanfare, or of any server of Server-Sent Events and Mercure."""

from ._async import AsyncSubscription, publish_async, publish_many_async
from ._error import FanfareError
from ._event import Event, Gap, Published, Retry
from ._sync import Subscription, publish, publish_many

__all__ = [
    "AsyncSubscription",
    "Event",
    "FanfareError",
    "Gap",
    "Published",
    "Retry",
    "Subscription",
    "publish",
    "publish_async",
    "publish_many",
    "publish_many_async",
]
