// A Node server with better-sse: a session for each subscriber and a channel for each topic, as its
// guides show, over node:http. One process, because a channel lives in one.
//
// Serialising and ids are its defaults: the text becomes JSON, and each event has an id and a kind.
// Pings come every 15 seconds, as Fanfare's heartbeats do. The port is the only argument.

import { createServer } from "node:http";
import { createChannel, createSession } from "better-sse";

const channels = new Map();

function channelOf(topic) {
  let channel = channels.get(topic);
  if (!channel) {
    channel = createChannel();
    channels.set(topic, channel);
  }
  return channel;
}

async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const server = createServer(async (request, response) => {
  const channel = channelOf(request.url);
  if (request.method === "POST") {
    const data = await bodyOf(request);
    // The response goes out before the fan-out holds the only thread.
    response.writeHead(202).end();
    channel.broadcast(data, "message");
    return;
  }
  channel.register(await createSession(request, response, { keepAlive: 15_000 }));
});

server.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4_096 });
