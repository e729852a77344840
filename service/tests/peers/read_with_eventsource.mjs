// Reads a stream with an EventSource of npm: URL COUNT [--library NAME] [--last-event-id ID]
// [--event NAME]… [--token TOKEN]
//
// It reconnects by itself until COUNT events were printed. As in a browser, named events reach only
// those who listen for their names, and an id to begin after is a parameter. Unlike a browser's, each
// has its own way to set a header, which is where a token belongs.

import { parseArgs } from 'node:util';

const LIBRARIES = {
  eventsource: async () => (await import('eventsource')).EventSource,
  'eventsource-5': async () => (await import('eventsource-5')).EventSource,
  'event-source-polyfill': async () => (await import('event-source-polyfill')).default.EventSourcePolyfill,
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    library: { type: 'string', default: 'eventsource' },
    'last-event-id': { type: 'string' },
    event: { type: 'string', multiple: true, default: [] },
    token: { type: 'string' },
  },
});
const url = new URL(positionals[0]);
let left = Number(positionals[1]);
if (values['last-event-id'] !== undefined) {
  url.searchParams.set('lastEventID', values['last-event-id']);
}

// The versions of eventsource take a function in place of `fetch`, the polyfill the headers themselves.
function withToken(token) {
  const headers = { Authorization: `Bearer ${token}` };
  return {
    headers,
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }),
  };
}

const EventSource = await LIBRARIES[values.library]();
const stream = new EventSource(url, values.token === undefined ? {} : withToken(values.token));
// Version 5 of eventsource lets Node end while it waits to come back, if there is nothing else to do.
const alive = setInterval(() => {}, 60_000);

function show({ lastEventId, type, data }) {
  // What came in one piece is still dispatched after the stream is closed.
  if (left === 0) return;
  left -= 1;
  process.stdout.write(`${JSON.stringify({ id: lastEventId, event: type, data })}\n`);
  if (left === 0) {
    clearInterval(alive);
    stream.close();
  }
}

for (const name of ['message', ...values.event]) stream.addEventListener(name, show);
stream.addEventListener('error', ({ code, message }) => {
  console.error(code ?? '', message ?? 'cut');
  // It has given up, and so there is nothing to do.
  if (stream.readyState === 2) clearInterval(alive);
});
