"""How long to wait, and addresses."""

import unittest
from datetime import datetime, timezone
from typing import Any

import httpx

from fanfare_client._address import stream_address, topic_address, topics_of
from fanfare_client._wait import LONGEST_WAIT, wait_after


class Wait(unittest.TestCase):
    def test_it_is_what_the_server_said_doubled_by_failures_and_up_to_half_as_much_again(self) -> None:
        cases: list[tuple[int, float, float]] = [
            # failures, retry, least
            (0, 1.0, 1.0),
            (1, 1.0, 2.0),
            (3, 1.0, 8.0),
            (9, 1.0, 30.0),
            (5000, 1.0, 30.0),
            (0, 0.0, 0.1),
            (2, 0.0, 0.4),
            (3, 60.0, 60.0),
            (0, 2147483.647, LONGEST_WAIT),
        ]
        for failures, retry, least in cases:
            waits = [wait_after(failures, retry) for _ in range(200)]
            most = min(least * 1.5, LONGEST_WAIT)
            self.assertTrue(all(least <= wait <= most for wait in waits), (failures, retry, waits))
            self.assertTrue(least == most or len(set(waits)) > 10, "they differ")
        self.assertEqual(wait_after(0, 1.0, 90.0), 90.0)
        self.assertEqual(wait_after(0, 1.0, 1e12), LONGEST_WAIT)


class Address(unittest.TestCase):
    def test_that_of_a_stream_is_that_of_the_server_with_what_is_asked_for_or_its_own(self) -> None:
        zero = datetime.fromtimestamp(0, timezone.utc)
        cases: list[tuple[str, dict[str, Any], str]] = [
            ("http://h/stream-time", {}, "http://h/stream-time"),
            ("http://h/events/a?x=1", {"last": 3}, "http://h/events/a?x=1&last=3"),
            ("http://h", {"topics": "ab&c"}, "http://h/.well-known/mercure?match=ab%26c"),
            ("http://h/", {"topics": ["a", "b"]}, "http://h/.well-known/mercure?match=a&match=b"),
            ("http://h/.well-known/mercure", {"topics": "a"}, "http://h/.well-known/mercure?match=a"),
            ("http://h/p?q#r", {"patterns": "/:id"}, "http://h/p/.well-known/mercure?match_urlpattern=%2F%3Aid"),
            ("http://h/p/", {"templates": "a/{b}"}, "http://h/p/.well-known/mercure?topic=a%2F%7Bb%7D"),
            ("http://h", {"topics": "a", "since": "10m"}, "http://h/.well-known/mercure?match=a&since=10m"),
        ]
        nothing: dict[str, Any] = {"topics": (), "patterns": (), "templates": (), "last": None, "since": None}
        for address, asked, expected in cases:
            self.assertEqual(str(stream_address(address, **{**nothing, **asked})), expected)
        since = stream_address("http://h", **{**nothing, "topics": "a", "since": zero}).params["since"]
        self.assertEqual(datetime.fromisoformat(since), zero)
        for wrong in ("/events/a", "ftp://h/"):
            with self.assertRaisesRegex(ValueError, "no address of http or https"):
                stream_address(wrong, **nothing)
        self.assertEqual(str(topic_address("http://h/.well-known/mercure?a", "b/ü?")), "http://h/events/b%2F%C3%BC%3F")
        for wrong in ("", ".", ".."):
            with self.assertRaisesRegex(ValueError, "use publish_many"):
                topic_address("http://h", wrong)

    def test_topics_of_a_stream_are_known_where_it_asks_for_exact_ones_alone(self) -> None:
        cases: list[tuple[str, Any]] = [
            ("http://h/events/a%2Fb/c", {"a/b/c"}),
            ("http://h/events/prefix/.well-known/mercure?match=a", {"a"}),
            ("http://h/.well-known/mercure?match=a&match_exact=b&topic=c", {"a", "b", "c"}),
            ("http://h/.well-known/mercure?match=a&match_urlpattern=b", None),
            ("http://h/.well-known/mercure?topic=a/%7Bid%7D&topic=b", None),
            ("http://h/.well-known/mercure?match=a&match=*", None),
            ("http://h/stream-time", None),
        ]
        for address, topics in cases:
            self.assertEqual(topics_of(httpx.URL(address)), topics, address)


if __name__ == "__main__":
    unittest.main()
