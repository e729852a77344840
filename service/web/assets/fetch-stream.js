// A stream of events over fetch, for the console: EventSource hands over only
// the event names one has asked for, and hides why a server said no.

import { keepConnected } from './reconnect.js';
import { createSseParser } from './sse-parser.js';
import { resumed } from './stream.js';
import { readProblem } from './problem.js';

// A publisher may put any `retry` into an event; nobody shall wait that long.
const LONGEST_WAIT = 30000;

/**
 * Opens a stream and keeps it open, except when the server refuses it for a
 * reason that will not pass by itself.
 *
 * @param {string} url
 * @param {object} options
 * @param {string} [options.lastEventId] Where to begin; empty: from now on.
 * @param {Record<string, string>} [options.headers] Sent with each request, beside `Accept`.
 * @param {(event: import('./sse-parser.js').SseEvent) => void} options.onEvent
 * @param {(state: import('./reconnect.js').ConnectionState) => void} options.onState
 * @param {(problem: string) => void} options.onProblem The server's own words.
 * @param {() => void} [options.onEnded] All topics have ended, and there is nothing more of them.
 * @returns {{close: () => void}}
 */
export function openFetchStream(url, { lastEventId = '', headers = {}, onEvent, onState, onProblem, onEnded }) {
  let lastSeen = lastEventId;
  let retry = 0;

  async function read(attempt, signal) {
    const response = await fetch(resumed(url, lastSeen), {
      headers: { Accept: 'text/event-stream', ...headers },
      cache: 'no-store',
      signal,
    });
    if (response.status === 204) {
      onEnded?.();
      return attempt.refused();
    }
    const type = response.headers.get('Content-Type') ?? '';
    if (!response.ok || !type.startsWith('text/event-stream')) {
      const problem = await readProblem(response);
      signal.throwIfAborted();
      onProblem(problem);
      const passing = response.status === 429 || response.status === 408 || response.status >= 500;
      return passing ? attempt.lost(retryAfter(response)) : attempt.refused();
    }

    attempt.opened();
    const parser = createSseParser({
      lastEventId: lastSeen,
      onEvent,
      onRetry: (milliseconds) => { retry = milliseconds; },
    });
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      attempt.heard();
      parser.feed(part.value);
      lastSeen = parser.lastEventId;
    }
    return attempt.lost(Math.min(retry, LONGEST_WAIT));
  }

  return keepConnected((attempt) => {
    const abort = new AbortController();
    read(attempt, abort.signal).catch(() => attempt.lost());
    return () => abort.abort();
  }, onState);
}

function retryAfter(response) {
  const seconds = Number(response.headers.get('Retry-After'));
  return seconds > 0 ? Math.min(seconds * 1000, LONGEST_WAIT) : 0;
}
