// Keeps one connection open for as long as the page wants it.
// The browser's own EventSource gives up for ever on an HTTP error and does not
// say how long it will wait, so the waiting is done here, where it can be shown.
// Used by stream.js (EventSource) and fetch-stream.js (fetch).

const FIRST_DELAY = 1000;
const LONGEST_DELAY = 10000;
// A server that accepts and hangs up at once must not be asked every second for
// ever: only a connection that lasted this long starts the delays anew.
const LASTED = 5000;

/**
 * @typedef {object} Attempt What a connection tells about itself.
 * @property {() => void} opened The stream is open.
 * @property {() => void} heard Something arrived.
 * @property {(leastDelay?: number) => void} lost It ended; try again, not sooner than this (ms).
 * @property {() => void} refused It ended for a reason that trying again would not change.
 *
 * @typedef {{state: 'connecting'|'live'|'reconnecting'|'closed'|'lost', seconds?: number}} ConnectionState
 */

/**
 * Connects, and connects again after a growing, jittered delay whenever the connection is lost.
 *
 * @param {(attempt: Attempt) => (() => void)} connect Starts one connection, returns how to drop it.
 * @param {(state: ConnectionState) => void} onState
 * @param {object} [options]
 * @param {boolean} [options.reconnect] false: the first loss is final (state `lost`).
 * @param {number} [options.quietLimit] A connection silent for this long (ms) is taken for dead; 0 = never.
 * @returns {{close: () => void}}
 */
export function keepConnected(connect, onState, { reconnect = true, quietLimit = 0 } = {}) {
  const listening = new AbortController();
  let current = null;
  let state = 'connecting';
  let openedAt = 0;
  let failures = 0;
  let countdown = 0;
  let quiet = 0;
  let suspended = false;

  function report(next, seconds) {
    state = next;
    onState(seconds === undefined ? { state } : { state, seconds });
  }

  function expectSound() {
    clearTimeout(quiet);
    if (quietLimit > 0) quiet = setTimeout(recover, quietLimit);
  }

  function abandon() {
    clearInterval(countdown);
    clearTimeout(quiet);
    const dropped = current;
    current = null;
    dropped?.drop();
  }

  function begin() {
    abandon();
    openedAt = 0;
    report('connecting');
    const mine = { drop: () => {} };
    current = mine;
    // A dropped connection may still have something to say; nobody listens then.
    const whileCurrent = (act) => (value) => { if (current === mine) act(value); };
    mine.drop = connect({
      opened: whileCurrent(() => { openedAt = Date.now(); expectSound(); report('live'); }),
      heard: whileCurrent(expectSound),
      lost: whileCurrent(recover),
      refused: whileCurrent(() => finish('closed')),
    });
    expectSound();
  }

  function recover(leastDelay = 0) {
    abandon();
    if (!reconnect) return finish('lost');
    if (openedAt && Date.now() - openedAt > LASTED) failures = 0;
    const grown = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** failures);
    failures += 1;
    // Jitter, so that the clients of a restarted server do not all return at once.
    const delay = Math.max(leastDelay, grown * (0.75 + Math.random() * 0.4));
    waitUntil(Date.now() + delay);
  }

  function waitUntil(deadline) {
    let shown = 0;
    const tick = () => {
      const left = deadline - Date.now();
      if (left <= 0) return begin();
      const seconds = Math.ceil(left / 1000);
      if (seconds !== shown) report('reconnecting', (shown = seconds));
    };
    countdown = setInterval(tick, 200);
    tick();
  }

  function finish(last) {
    abandon();
    listening.abort();
    report(last);
  }

  function hurry() {
    if (state === 'reconnecting' && !suspended) begin();
  }

  const { signal } = listening;
  addEventListener('online', hurry, { signal });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) hurry(); }, { signal });
  // A page with an open connection cannot enter the back/forward cache, and one
  // that comes out of it has lost its connection without being told.
  addEventListener('pagehide', () => {
    suspended = true;
    if (reconnect) abandon();
    else finish('lost');
  }, { signal });
  addEventListener('pageshow', (event) => {
    if (event.persisted && suspended) {
      suspended = false;
      begin();
    }
  }, { signal });

  begin();
  return { close: () => { if (!signal.aborted) finish('closed'); } };
}
