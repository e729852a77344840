"""The parser reads a stream alike however it is cut. The table is that of the client for JavaScript, too."""

import json
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fanfare_client import Event, FanfareError
from fanfare_client._parser import EventStreamParser

TABLE = Path(__file__).parents[2] / "event-streams.json"


def read(begin: str, chunks: list[bytes]) -> Any:
    parser = EventStreamParser(begin, 1000)
    events = []
    for chunk in chunks:
        for event in parser.feed(chunk):
            assert parser.last_event_id == event.id
            events.append([event.type, event.data, event.id])
    return events, parser.last_event_id, parser.retry


def every_cut(stream: bytes) -> Iterator[list[bytes]]:
    yield [stream]
    yield [stream[at : at + 1] for at in range(len(stream))]
    for first in range(len(stream) + 1):
        for second in range(first, len(stream) + 1):
            yield [stream[:first], stream[first:second], stream[second:]]


class Parser(unittest.TestCase):
    def test_a_stream_is_read_alike_however_it_is_cut(self) -> None:
        cases = json.loads(TABLE.read_text("utf-8"))
        self.assertGreater(len(cases), 20)
        for case in cases:
            stream = bytes.fromhex(case["hex"]) if "hex" in case else case["stream"].encode()
            begin = case.get("begin", "")
            expected = (case["events"], case.get("id", begin), case.get("retry"))
            for chunks in every_cut(stream):
                with self.subTest(case["what"], chunks=chunks):
                    self.assertEqual(read(begin, chunks), expected)

    def test_an_event_of_the_greatest_size_is_read_and_one_that_is_larger_is_an_error_before_it_ends(
        self,
    ) -> None:
        def decoded(data: str) -> list[Event]:
            return list(EventStreamParser("", 10).feed(f"data: {data}".encode()))

        self.assertEqual(decoded("aaaa\n\n"), [Event("message", "aaaa", "")])
        self.assertEqual(decoded("\n:\n:\n:\n:\n:\n:\n\n"), [Event("message", "", "")])
        for large in ("aaaaa", "aa\ndata: bb", "\ndata:" * 7):
            with self.assertRaisesRegex(FanfareError, "more than 10 characters: raise max_event_size"):
                decoded(large)

    def test_whoever_stops_between_two_events_of_a_chunk_goes_on_behind_the_first(self) -> None:
        parser = EventStreamParser("", 100)
        events = parser.feed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n")
        next(events)
        self.assertEqual(parser.last_event_id, "1")
        next(events)
        self.assertEqual(parser.last_event_id, "2")
        self.assertEqual(list(events), [])
        self.assertEqual(parser.last_event_id, "3")


if __name__ == "__main__":
    unittest.main()
