"""What is of the packed client for Python alone: closing, by another thread and another task."""

from __future__ import annotations

import asyncio
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from fanfare_client import AsyncSubscription, FanfareError, Retry, Subscription


@contextmanager
def serving(status: int, body: bytes) -> Iterator[str]:
    """Answers each request so, and then falls silent."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/event-stream")
            if status != 200:
                self.send_header("Retry-After", "600")
            self.end_headers()
            self.wfile.write(body)
            if status == 200:
                over.wait()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/events/a"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


class Closing(unittest.TestCase):
    def test_one_that_waits_to_come_back_is_closed_at_once_by_another_thread(self) -> None:
        with serving(503, b"") as address:
            def close(retry: Retry) -> None:
                threading.Thread(target=events.close).start()

            events = Subscription(address, on_retry=close)
            self.assertEqual(list(events), [])
            with self.assertRaisesRegex(RuntimeError, "read once"):
                iter(events)

    def test_one_that_is_closed_between_two_events_hands_on_none_of_the_rest(self) -> None:
        with serving(200, b"data: 1\n\ndata: 2\n\n") as address:
            events = Subscription(address)
            seen = []
            for event in events:
                seen.append(event.data)
                events.close()
            self.assertEqual(seen, ["1"])

    def test_leaving_the_block_lets_a_client_of_the_user_go_on(self) -> None:
        with serving(200, b"data: 1\n\n") as address, httpx.Client() as client:
            for _ in range(3):
                with Subscription(address, client=client) as events:
                    for event in events:
                        break
                self.assertEqual(event.data, "1")
            self.assertFalse(client.is_closed)

    def test_an_async_one_that_waits_for_an_event_is_closed_at_once_by_another_task(self) -> None:
        async def read(address: str) -> list[str]:
            seen = []
            async with AsyncSubscription(address, idle_timeout=None) as events:
                async for event in events:
                    seen.append(event.data)
                    asyncio.get_running_loop().call_later(0.05, events.close)
            return seen

        with serving(200, b"data: 1\n\n") as address:
            self.assertEqual(asyncio.run(asyncio.wait_for(read(address), 20)), ["1"])

    def test_a_task_that_is_cancelled_ends_its_subscription(self) -> None:
        async def read(address: str) -> None:
            async with AsyncSubscription(address) as events:
                async for _ in events:
                    asyncio.current_task().cancel()  # type: ignore[union-attr]

        with serving(200, b"data: 1\n\n") as address:
            with self.assertRaises(asyncio.CancelledError):
                asyncio.run(read(address))

    def test_what_a_handler_raises_is_raised(self) -> None:
        def on_gap(_: object) -> None:
            raise KeyError("mine")

        with serving(200, b"event: fanfare-gap\ndata: {}\n\n") as address:
            with self.assertRaises(KeyError):
                list(Subscription(address, on_gap=on_gap))

    def test_a_function_for_headers_that_fails_is_asked_again(self) -> None:
        asked = []

        def headers(refused: object) -> dict[str, str]:
            asked.append(refused)
            if len(asked) == 1:
                raise OSError("no network")
            return {}

        told: list[str] = []
        with serving(200, b"data: 1\n\n") as address:
            with Subscription(address, headers=headers, on_retry=lambda r: told.append(str(r.error))) as events:
                for event in events:
                    break
        self.assertEqual((event.data, told), ("1", ["there are no headers: no network"]))

    def test_an_address_of_another_scheme_is_an_error_for_good(self) -> None:
        with self.assertRaisesRegex(ValueError, "no address of http"):
            Subscription("ftp://127.0.0.1/")
        with self.assertRaises(FanfareError) as caught, serving(404, b"") as address:
            list(Subscription(address))
        self.assertEqual(caught.exception.status, 404)


if __name__ == "__main__":
    unittest.main()
