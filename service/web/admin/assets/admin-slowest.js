// The streams that are furthest behind, and the button that ends one.

import { bytes, count, time } from './numbers.js';
import { ask } from './admin-requests.js';

const SHOWN = 10;
/** So long a click on a button that asks "Sure?" counts. */
const SURE = 4000;

const element = (id) => document.getElementById(id);
const table = () => element('slowest');

/** The stream whose button asks whether that is meant. */
let asking = null;
let askAgain = () => {};

const problem = (text) => { element('slowest-problem').textContent = text; };

function cell(tag, lines, className) {
  const made = document.createElement(tag);
  made.className = className ?? '';
  const [first, ...rest] = lines;
  made.append(first);
  rest.filter((line) => line).forEach((line) => {
    const small = document.createElement('small');
    small.textContent = line;
    made.append(small);
  });
  return made;
}

function code(text) {
  const made = document.createElement('code');
  made.textContent = text;
  return made;
}

function stateOf({ state, slow, blocked }) {
  if (blocked) return 'blocked';
  return slow ? 'slow' : state;
}

function behind({ lag_events: events, lag_bytes: size }) {
  return events === null ? ['–'] : [count(events), events > 0 ? bytes(size) : ''];
}

function selectorsOf({ selectors, selectors_count: all }) {
  const more = all - selectors.length;
  return [code(selectors.join(' ')), more > 0 ? `and ${count(more)} more` : ''];
}

async function end(id) {
  try {
    await ask(`/streams/${id}`, { method: 'DELETE' });
    problem('');
  } catch (error) {
    problem(error.message);
  }
  askAgain();
}

function endButton(id) {
  const button = document.createElement('button');
  button.type = 'button';
  button.dataset.stream = id;
  const isAsked = () => asking?.id === id && asking.until > Date.now();
  const label = () => {
    button.dataset.sure = isAsked() ? 'yes' : 'no';
    button.textContent = isAsked() ? 'Really end?' : 'End';
    button.setAttribute('aria-label', `${button.textContent} stream ${id}`);
  };
  label();
  button.addEventListener('click', () => {
    if (isAsked()) {
      asking = null;
      button.disabled = true;
      end(id);
      return;
    }
    asking = { id, until: Date.now() + SURE };
    label();
    setTimeout(label, SURE + 50);
  });
  return button;
}

function row(stream) {
  const made = document.createElement('tr');
  made.dataset.slow = stream.slow ? 'yes' : 'no';
  const head = cell('th', [code(stream.id)]);
  head.scope = 'row';
  const transport = `${stream.protocol ?? ''}${stream.tls ? ' over TLS' : ''}`;
  made.append(
    head,
    cell('td', [stream.peer ?? '–', transport], 'client'),
    cell('td', selectorsOf(stream), 'selectors'),
    cell('td', behind(stream), 'number behind'),
    cell('td', [stateOf(stream), stream.policy], 'state'),
    cell('td', [time(stream.age_seconds)], 'number age'),
    cell('td', [endButton(stream.id)]),
  );
  return made;
}

/** Puts new rows in the place of the old ones; whoever is on a button stays on it. */
function replaceRows(streams) {
  const focused = document.activeElement?.dataset?.stream;
  table().tBodies[0].replaceChildren(...streams.map(row));
  if (focused) table().querySelector(`button[data-stream="${focused}"]`)?.focus();
}

/** Asks for the slowest streams, and shows them or why they are not shown. */
export async function refreshSlowest() {
  try {
    const { streams, open } = await ask(`/streams?sort=lag&limit=${SHOWN}`);
    replaceRows(streams);
    table().hidden = streams.length === 0;
    element('slowest-none').hidden = streams.length > 0;
    const shown = streams.length < open ? `${streams.length} of ${count(open)}` : '';
    element('slowest-note').textContent = shown;
    if (table().dataset.refused) {
      problem('');
      delete table().dataset.refused;
    }
  } catch (error) {
    if (error.status === undefined) throw error;
    table().hidden = true;
    element('slowest-none').hidden = true;
    table().dataset.refused = 'yes';
    problem(error.message);
  }
}

/**
 * Says what is called after a stream was ended.
 *
 * @param {() => void} refresh
 */
export function prepareSlowest(refresh) {
  askAgain = refresh;
}
