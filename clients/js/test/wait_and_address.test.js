// How long to wait, and addresses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { streamAddress, topicsOf, within } from "../src/address.js";
import { waitAfter } from "../src/wait.js";

test("a wait is what the server said, doubled by failures, and up to half as much again", () => {
  const cases = [
    // failures, retry, Retry-After, least
    [0, 1000, undefined, 1000],
    [1, 1000, undefined, 2000],
    [3, 1000, undefined, 8000],
    [9, 1000, undefined, 30_000],
    [5000, 1000, undefined, 30_000],
    [0, 0, undefined, 100],
    [2, 0, undefined, 400],
    [3, 60_000, undefined, 60_000],
    [0, 2 ** 31 - 1, undefined, 2 ** 31 - 1],
  ];
  for (const [failures, retry, retryAfter, least] of cases) {
    const waits = Array.from({ length: 200 }, () => waitAfter(failures, retry, retryAfter));
    const most = Math.min(least * 1.5, 2 ** 31 - 1);
    assert.ok(waits.every((wait) => wait >= least && wait <= most), `${failures} ${retry}: ${waits}`);
    assert.ok(least === most || new Set(waits).size > 10, "they differ");
  }
  assert.equal(waitAfter(0, 1000, 90_000), 90_000);
  assert.equal(waitAfter(0, 1000, 1e12), 2 ** 31 - 1);
});

test("the address of a stream is that of the server with what is asked for, or its own", () => {
  const cases = [
    [["http://h/stream-time", {}], "http://h/stream-time"],
    [["http://h/events/a?x=1", { last: 3 }], "http://h/events/a?x=1&last=3"],
    [["http://h", { topics: "a b&c" }], "http://h/.well-known/mercure?match=a+b%26c"],
    [["http://h/", { topics: ["a", "b"] }], "http://h/.well-known/mercure?match=a&match=b"],
    [["http://h/.well-known/mercure", { topics: "a" }], "http://h/.well-known/mercure?match=a"],
    [["http://h/p?q#r", { patterns: "/:id" }], "http://h/p/.well-known/mercure?match_urlpattern=%2F%3Aid"],
    [["http://h/p/", { templates: "a/{b}" }], "http://h/p/.well-known/mercure?topic=a%2F%7Bb%7D"],
    [["http://h", { topics: "a", since: "10m" }], "http://h/.well-known/mercure?match=a&since=10m"],
    [
      ["http://h", { topics: "a", since: new Date(0) }],
      "http://h/.well-known/mercure?match=a&since=1970-01-01T00%3A00%3A00.000Z",
    ],
  ];
  for (const [given, expected] of cases) assert.equal(streamAddress(...given).href, expected);
  assert.throws(() => streamAddress("/events/a", {}), TypeError);
  assert.throws(() => streamAddress("ftp://h/", {}), /not http or https/);
  assert.equal(within("http://h/.well-known/mercure?a", "events").href, "http://h/events");
});

test("the topics of a stream are known where it asks for exact ones alone", () => {
  const cases = [
    ["http://h/events/a%2Fb/c", ["a/b/c"]],
    ["http://h/events/%", ["%"]],
    ["http://h/events/prefix/.well-known/mercure?match=a", ["a"]],
    ["http://h/.well-known/mercure?match=a&match_exact=b&topic=c", ["a", "b", "c"]],
    ["http://h/.well-known/mercure?match=a&match_urlpattern=b", undefined],
    ["http://h/.well-known/mercure?topic=a/%7Bid%7D&topic=b", undefined],
    ["http://h/.well-known/mercure?match=a&match=*", undefined],
    ["http://h/stream-time", undefined],
  ];
  for (const [address, topics] of cases) assert.deepEqual(topicsOf(new URL(address)), topics, address);
});
