// One stream of events, over the browser's own EventSource, that recovers by
// itself and continues after the last event seen. Every page but the console
// uses it; the console must see all event names and uses fetch-stream.js.

import { keepConnected } from './reconnect.js';

/**
 * @typedef {{missed: number|null, after: string|null, before: string|null}} Gap
 */

/**
 * Opens a stream and keeps it open.
 *
 * @param {string} url
 * @param {object} options
 * @param {Record<string, (event: MessageEvent) => void>} options.on A handler for each event
 *   name; `message` is the name of events without one.
 * @param {(state: import('./reconnect.js').ConnectionState) => void} options.onState
 * @param {(gap: Gap) => void} [options.onGap] Events were lost for good.
 * @param {boolean} [options.reconnect] false: never open a second connection.
 * @param {number} [options.quietLimit] Silence (ms) after which the connection is taken for dead.
 * @returns {{close: () => void}}
 */
export function openStream(url, { on, onState, onGap, reconnect = true, quietLimit = 0 }) {
  let lastEventId = '';

  return keepConnected((attempt) => {
    const source = new EventSource(resumed(url, lastEventId));
    const listen = (name, handle) => source.addEventListener(name, (event) => {
      attempt.heard();
      // A new EventSource knows no id until its first event that carries one.
      if (event.lastEventId) lastEventId = event.lastEventId;
      handle(event);
    });
    for (const [name, handle] of Object.entries(on)) listen(name, handle);
    listen('fanfare-gap', (event) => onGap?.(readGap(event.data)));
    source.onopen = () => attempt.opened();
    source.onerror = () => {
      source.close();
      attempt.lost();
    };
    return () => source.close();
  }, onState, { reconnect, quietLimit });
}

/**
 * The address of a stream, continued after an event.
 *
 * @param {string} url
 * @param {string} lastEventId Empty: from now on.
 * @returns {string}
 */
export function resumed(url, lastEventId) {
  const address = new URL(url, location.origin);
  if (lastEventId) address.searchParams.set('lastEventID', lastEventId);
  return address.href;
}

/**
 * Reads the data of a `fanfare-gap` event.
 *
 * @param {string} data
 * @returns {Gap}
 */
export function readGap(data) {
  const unknown = { missed: null, after: null, before: null };
  try {
    return { ...unknown, ...JSON.parse(data) };
  } catch {
    return unknown;
  }
}
