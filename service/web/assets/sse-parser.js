// Reads the bytes of an event stream into events, as the HTML standard
// prescribes. Lines may end in CR, LF or CRLF, and a chunk may end anywhere: in
// the middle of a line, of a CRLF, of a character.

/**
 * @typedef {{id: string, type: string, data: string}} SseEvent
 */

/**
 * Makes a parser for one response.
 *
 * @param {object} handlers
 * @param {(event: SseEvent) => void} handlers.onEvent
 * @param {(milliseconds: number) => void} [handlers.onRetry]
 * @param {string} [handlers.lastEventId] What `id` is until the stream says otherwise.
 * @returns {{feed: (bytes: Uint8Array) => void, readonly lastEventId: string}}
 */
export function createSseParser({ onEvent, onRetry = () => {}, lastEventId = '' }) {
  // Takes away a byte order mark, and keeps half a character for the next chunk.
  const decoder = new TextDecoder('utf-8');
  let line = '';
  let endedInCr = false;
  let id = lastEventId;
  let current = id;
  let type = '';
  let data = [];

  function dispatch() {
    current = id;
    if (data.length > 0) onEvent({ id: current, type: type || 'message', data: data.join('\n') });
    type = '';
    data = [];
  }

  function field(name, value) {
    if (name === 'data') data.push(value);
    else if (name === 'event') type = value;
    else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'retry' && /^[0-9]+$/.test(value)) onRetry(Number(value));
  }

  function take(text) {
    if (text === '') return dispatch();
    const colon = text.indexOf(':');
    if (colon === 0) return undefined; // a comment
    if (colon < 0) return field(text, '');
    const from = text[colon + 1] === ' ' ? colon + 2 : colon + 1;
    return field(text.slice(0, colon), text.slice(from));
  }

  function feed(bytes) {
    let text = decoder.decode(bytes, { stream: true });
    if (text === '') return;
    // The CR has ended its line already, so that it need not wait for this LF.
    if (endedInCr && text[0] === '\n') text = text.slice(1);
    const ends = /\r\n|\n|\r/g;
    let start = 0;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      take(line + text.slice(start, end.index));
      line = '';
      start = ends.lastIndex;
    }
    line += text.slice(start);
    endedInCr = text.endsWith('\r');
  }

  return { feed, get lastEventId() { return current; } };
}
