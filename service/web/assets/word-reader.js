// One reader of a run: its words, how many of them were replayed, and a button
// that cuts its connection for five seconds.

import { openFetchStream } from './fetch-stream.js';
import { readProblem } from './problem.js';

const CUT_SECONDS = 5;

/**
 * @param {HTMLElement} panel
 * @param {object} [options]
 * @param {(connection: import('./reconnect.js').ConnectionState) => void} [options.onState]
 * @param {() => void} [options.onEnded] The run has ended, and this reader has all of it.
 * @returns {{read: (topic: string) => void, clear: () => void}} Reads a run from its first word on; stops, and forgets
 *   the words.
 */
export function createWordReader(panel, { onState = () => {}, onEnded = () => {} } = {}) {
  const part = (name) => panel.querySelector(`.${name}`);
  const cut = part('cut');
  const label = cut.textContent;
  const idle = part('state').textContent;
  let topic = null;
  let stream = null;
  let countdown = 0;
  let last = 'earliest';
  let counts = { live: 0, again: 0 };

  function say(text) {
    part('state').textContent = text;
  }

  function close() {
    clearInterval(countdown);
    stream?.close();
    stream = null;
    cut.disabled = true;
    cut.textContent = label;
  }

  function add({ id, data }, isReplayed) {
    last = id;
    const word = document.createElement('span');
    word.className = isReplayed ? 'word replayed' : 'word';
    word.textContent = data;
    part('words').append(word, ' ');
    part('words').scrollTop = part('words').scrollHeight;
    counts[isReplayed ? 'again' : 'live'] += 1;
    for (const [name, count] of Object.entries(counts)) part(name).textContent = count;
  }

  function finish() {
    close();
    const all = counts.live + counts.again;
    say(`The run has ended: ${all} words, each once. The stream is closed and is not asked for again.`);
    onEnded();
  }

  function open() {
    const path = `/events/${topic}`;
    // What the server had when the connection was opened comes as a replay. Its ids sort as text.
    let newest = '';
    let turn = Promise.resolve();
    const mine = openFetchStream(path, {
      lastEventId: last,
      onEvent: (event) => inTurn(() => take(event, event.id <= newest)),
      onState(connection) {
        if (connection.state === 'live') inTurn(async () => { newest = await newestOf(path); });
        showState(connection);
      },
      onProblem: say,
      onEnded: () => inTurn(finish),
    });
    stream = mine;

    // One after the other, and nothing of a stream that has been closed.
    function inTurn(act) {
      turn = turn.then(() => (stream === mine ? act() : undefined));
    }
  }

  function take(event, isReplayed) {
    if (event.type === 'message') add(event, isReplayed);
    else if (event.type === 'fanfare-end') finish();
    else if (event.type === 'fanfare-gap') say('The server no longer has all of this run.');
  }

  function showState(connection) {
    cut.disabled = connection.state !== 'live';
    if (connection.state === 'live') say('Connected.');
    if (connection.state === 'reconnecting') say('The connection was lost; this reader comes back by itself.');
    onState(connection);
  }

  function cutOff() {
    close();
    let left = CUT_SECONDS;
    say(`Cut off. Back in ${CUT_SECONDS} seconds, with the id of the last word.`);
    const show = () => { cut.textContent = `Cut off: back in ${left} s`; };
    show();
    countdown = setInterval(() => {
      left -= 1;
      if (left > 0) return show();
      clearInterval(countdown);
      cut.textContent = label;
      return open();
    }, 1000);
  }

  function clear() {
    close();
    last = 'earliest';
    counts = { live: 0, again: 0 };
    part('words').replaceChildren();
    for (const name of Object.keys(counts)) part(name).textContent = '0';
    say(idle);
  }

  cut.addEventListener('click', cutOff);
  return {
    read(next) {
      clear();
      topic = next;
      say('Connecting…');
      open();
    },
    clear,
  };
}

/** The newest id that the server has of a topic; empty if it has nothing of it. */
async function newestOf(path) {
  try {
    const response = await fetch(path, { method: 'HEAD', cache: 'no-store' });
    return response.headers.get('Fanfare-Newest-Id') ?? '';
  } catch {
    return '';
  }
}
