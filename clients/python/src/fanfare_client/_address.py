"""Addresses: of a hub, of a stream with what it asks for, and what a stream's address asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Optional, Union
from urllib.parse import quote, unquote, urlencode

import httpx

HUB = ".well-known/mercure"

#: One text, or several.
Texts = Union[str, Iterable[str]]


def absolute(address: str) -> httpx.URL:
    url = httpx.URL(address)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{address} is no address of http or https")
    return url


def within(server: str, path: str) -> httpx.URL:
    """A path of a server whose address is given with or without that of its hub."""
    url = absolute(server)
    own = url.raw_path.decode().partition("?")[0]
    base = re.sub(r"/?(\.well-known/mercure)?/?$", "/", own, count=1)
    return url.copy_with(raw_path=(base + path).encode(), fragment=None)


def topic_address(server: str, topic: str) -> httpx.URL:
    if topic in ("", ".", ".."):
        raise ValueError(f'"{topic}" cannot stand in a URL: use publish_many')
    return within(server, "events/" + quote(topic, safe=""))


def stream_address(
    address: str,
    topics: Texts,
    patterns: Texts,
    templates: Texts,
    last: Optional[int],
    since: Union[str, datetime, None],
) -> httpx.URL:
    """Where selectors are given, the address is that of the server; otherwise that of the stream."""
    selectors = [("match", topic) for topic in _several(topics)]
    selectors += [("match_urlpattern", pattern) for pattern in _several(patterns)]
    selectors += [("topic", template) for template in _several(templates)]
    url = within(address, HUB) if selectors else absolute(address)
    if last is not None:
        selectors.append(("last", str(last)))
    if isinstance(since, datetime):
        # A time without a zone is that of this machine, as everywhere in datetime.
        since = since.astimezone().isoformat()
    if since is not None:
        selectors.append(("since", since))
    asked = [*url.params.multi_items(), *selectors]
    return url.copy_with(params=httpx.QueryParams(urlencode(asked))) if selectors else url


def topics_of(url: httpx.URL) -> Optional[set[str]]:
    """The topics that a stream is about; None where it may be about others, too."""
    path = re.search(r"/events/(.+)$", url.raw_path.decode().partition("?")[0])
    if path and not path[1].endswith(f"/{HUB}"):
        return {unquote(path[1])}
    topics = set()
    for name, value in url.params.multi_items():
        if name == "match_urlpattern" or (name == "topic" and "{" in value):
            return None
        if name in ("match", "match_exact", "topic"):
            topics.add(value)
    return None if not topics or "*" in topics else topics


def _several(texts: Texts) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)
