// The parser reads a stream alike however it is cut. The table is that of the client for Python, too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { EventStreamParser } from "../src/parser.js";

const CASES = JSON.parse(readFileSync(new URL("../../event-streams.json", import.meta.url), "utf8"));

function read({ begin = "" }, chunks) {
  const [parser, decoder] = [new EventStreamParser(begin, 1000), new TextDecoder()];
  const events = [];
  for (const chunk of chunks) {
    for (const event of parser.feed(decoder.decode(chunk, { stream: true }))) {
      assert.equal(parser.lastEventId, event.id);
      events.push([event.type, event.data, event.id]);
    }
  }
  return { events, id: parser.lastEventId, retry: parser.retry };
}

function* everyCut(bytes) {
  yield [bytes];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (let first = 0; first <= bytes.length; first += 1) {
    for (let second = first; second <= bytes.length; second += 1) {
      yield [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
    }
  }
}

for (const one of CASES) {
  test(`${one.what} is read alike however the stream is cut`, () => {
    const bytes = one.hex ? Buffer.from(one.hex, "hex") : new TextEncoder().encode(one.stream);
    const { events, id = one.begin ?? "", retry } = one;
    for (const chunks of everyCut(bytes)) {
      assert.deepEqual(read(one, chunks), { events, id, retry }, String(chunks.map(String)));
    }
  });
}

test("an event of the greatest size is read, and one that is larger is an error before it ends", () => {
  const decoded = (data) => [...new EventStreamParser("", 10).feed(`data: ${data}`)];
  assert.deepEqual(decoded("aaaa\n\n"), [{ type: "message", data: "aaaa", id: "" }]);
  assert.deepEqual(decoded("\n:\n:\n:\n:\n:\n:\n\n"), [{ type: "message", data: "", id: "" }]);
  for (const large of ["aaaaa", "aa\ndata: bb", "\ndata:".repeat(7)]) {
    assert.throws(() => decoded(large), /more than 10 characters: raise maxEventSize/);
  }
});

test("whoever stops between two events of a chunk goes on behind the first", () => {
  const parser = new EventStreamParser("", 100);
  const events = parser.feed("id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n");
  events.next();
  assert.equal(parser.lastEventId, "1");
  events.next();
  assert.equal(parser.lastEventId, "2");
  assert.equal(events.next().done, true);
  assert.equal(parser.lastEventId, "3");
});
