// A Bun server: a direct stream for each subscriber, and one loop that writes the encoded frame to
// all of them. As lean as it can be written with Bun.serve; one process, because the loop is one.
//
// There are no ids and no heartbeats. The port is the only argument.

const encoder = new TextEncoder();
const topics = new Map();

function subscribersOf(topic) {
  let subscribers = topics.get(topic);
  if (!subscribers) {
    subscribers = new Set();
    topics.set(topic, subscribers);
  }
  return subscribers;
}

function subscribe(request, topic) {
  const subscribers = subscribersOf(topic);
  const stream = new ReadableStream({
    type: "direct",
    pull(controller) {
      subscribers.add(controller);
      // A first comment, because the head is sent with the first bytes.
      controller.write(":\n\n");
      controller.flush();
      return new Promise((resolve) => {
        request.signal.addEventListener("abort", () => {
          subscribers.delete(controller);
          resolve();
        });
      });
    },
  });
  return new Response(stream, { headers: { "content-type": "text/event-stream" } });
}

function broadcast(topic, data) {
  const frame = encoder.encode(`data: ${data}\n\n`);
  for (const controller of subscribersOf(topic)) {
    controller.write(frame);
    controller.flush();
  }
}

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  // A stream may be silent for as long as it likes.
  idleTimeout: 0,
  async fetch(request) {
    const topic = new URL(request.url).pathname;
    if (request.method !== "POST") return subscribe(request, topic);
    const data = await request.text();
    // The response goes out before the fan-out holds the only thread.
    setImmediate(broadcast, topic, data);
    return new Response(null, { status: 202 });
  },
});
