// What is of the packed client for JavaScript alone: closing, states, handlers, and what they throw.
import { subscribe } from "@fanfare/client";
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";

async function serving(t, answer) {
  const [requests, responses] = [[], []];
  const server = createServer((request, response) => {
    requests.push(request);
    responses.push(once(response, "close"));
    answer(response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => (server.closeAllConnections(), server.close()));
  return { address: `http://127.0.0.1:${server.address().port}/events/a`, requests, responses };
}

const stream = (body) => (response) => {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write(body);
};

test("a subscription that is closed calls nothing any more and leaves the server", async (t) => {
  const { address, responses } = await serving(t, stream("data: 1\n\ndata: 2\n\n"));
  const seen = [];
  const subscription = subscribe(address, {
    onEvent: ({ data }) => (seen.push(data), subscription.close()),
    // It has what it belongs to from the first call on.
    onState: () => seen.push(subscription.state),
  });
  while (subscription.state !== "closed") await new Promise(setImmediate);
  assert.deepEqual(seen, ["connecting", "open", "1", "closed"]);
  await responses[0];
});

test("one that is closed at once sends nothing", async (t) => {
  const { address, requests } = await serving(t, stream(""));
  subscribe(address, { onEvent: assert.fail }).close();
  const aborted = subscribe(address, { signal: AbortSignal.abort() });
  for await (const event of aborted) assert.fail(event);
  const loop = subscribe(address);
  loop.close();
  for await (const event of loop) assert.fail(event);
  assert.deepEqual([aborted.state, loop.state, requests.length], ["closed", "closed", 0]);
});

test("a signal ends one that waits for an event, and one that waits to come back", async (t) => {
  const silent = await serving(t, stream(":\n"));
  const gone = await serving(t, (response) => response.writeHead(503, { "Retry-After": "600" }).end());
  for (const { address } of [silent, gone]) {
    const controller = new AbortController();
    const onState = (state) => ["open", "waiting"].includes(state) && controller.abort();
    const subscription = subscribe(address, { signal: controller.signal, onState, idleTimeout: 0 });
    for await (const event of subscription) assert.fail(event);
    assert.equal(subscription.state, "closed");
  }
});

test("handlers are called in order, each after the one before it, and only for their own type", async (t) => {
  const body = "event: toString\ndata: 1\n\nevent: paid\ndata: 2\n\ndata: 3\n\n";
  const { address } = await serving(t, stream(body));
  const seen = [];
  await new Promise((resolve) => {
    const slowly = (name) => async ({ data }) => {
      await new Promise(setImmediate);
      seen.push(`${name} ${data}`);
      if (data === "3") resolve(subscription.close());
    };
    const subscription = subscribe(address, { on: { paid: slowly("paid") }, onEvent: slowly("any") });
  });
  assert.deepEqual(seen, ["any 1", "paid 2", "any 2", "any 3"]);
});

test("what a handler throws ends the subscription and is told, and so is an error for good", async (t) => {
  const { address, requests } = await serving(t, stream("data: 1\n\n"));
  const told = await new Promise((onError) => {
    const onEvent = () => {
      throw new RangeError("mine");
    };
    subscribe(address, { onEvent, onError });
  });
  assert.equal(told.message, "mine");
  const refusing = await serving(t, (response) => response.writeHead(403).end());
  const subscription = subscribe(refusing.address, {});
  await assert.rejects(async () => {
    for await (const event of subscription) assert.fail(event);
  }, { name: "FanfareError", status: 403 });
  assert.deepEqual([subscription.state, requests.length], ["failed", 1]);
  assert.throws(() => subscription[Symbol.asyncIterator](), /read once/);
});

test("a function for headers that fails is asked again", async (t) => {
  const { address, requests } = await serving(t, stream("data: 1\n\n"));
  let asked = 0;
  const headers = () => {
    if ((asked += 1) === 1) throw new Error("no network");
    return { "X-Asked": String(asked) };
  };
  const errors = [];
  for await (const { data } of subscribe(address, { headers, onRetry: ({ error }) => errors.push(error.message) })) {
    assert.equal(data, "1");
    break;
  }
  assert.deepEqual(errors, ["there are no headers: no network"]);
  assert.equal(requests[0].headers["x-asked"], "2");
});

test("an endless body of an error is not read to its end", async (t) => {
  const { address, responses } = await serving(t, (response) => {
    response.writeHead(400);
    const more = () => {
      while (response.write("x".repeat(1 << 16)));
      response.once("drain", more);
    };
    more();
  });
  await assert.rejects(async () => {
    for await (const event of subscribe(address)) assert.fail(event);
  }, { status: 400 });
  await responses[0];
});
