// The topics, a page at a time, with a field for what they begin with. The page
// of the admin listener and the console have one each; its parts have the same
// ids on both.

import { count, time } from './numbers.js';

/** So many topics are a page. */
const SHOWN = 15;
/** So long typing has to rest before the filter is asked for (ms). */
const REST = 300;

const element = (id) => document.getElementById(id);

/**
 * @typedef {object} Column
 * @property {string} name Its class.
 * @property {(topic: any, now: string) => string|Node} show
 */

/** How long ago something was, by the clock of the server. */
export function ago(moment, now) {
  const made = document.createElement('time');
  made.textContent = time(Math.max(0, (Date.parse(now) - Date.parse(moment)) / 1000));
  made.dateTime = moment;
  made.title = moment;
  return made;
}

/**
 * Wires the list.
 *
 * @param {object} options
 * @param {(path: string) => Promise<any>} options.ask Asks the admin listener.
 * @param {Column[]} options.columns What is shown of a topic beside its name.
 * @param {(topic: string) => void} options.onOpen A topic was clicked.
 * @returns {{refresh: () => Promise<void>, focus: (topic: string) => void, tell: (problem: string) => void}} Asks for
 *   the page that is shown; brings the keyboard back to a topic; says what is wrong.
 */
export function createTopicList({ ask, columns, onOpen }) {
  const table = element('topics');
  const prefix = element('topics-prefix');
  /** Where the pages before this one began, and this one; the first begins at ''. */
  let places = [''];
  let next = null;
  let typing;

  function makeRow(topic) {
    const row = document.createElement('tr');
    const head = document.createElement('th');
    head.className = 'name';
    head.scope = 'row';
    const open = document.createElement('button');
    open.className = 'link';
    open.type = 'button';
    open.textContent = topic;
    open.dataset.topic = topic;
    open.addEventListener('click', () => onOpen(topic));
    head.append(open, document.createElement('small'));
    row.append(head, ...columns.map(({ name }) => {
      const cell = document.createElement('td');
      cell.className = `number ${name}`;
      return cell;
    }));
    return row;
  }

  function fill(row, topic, now) {
    const marks = [topic.ended ? 'ended' : '', topic.private > 0 ? `${count(topic.private)} private` : ''];
    row.querySelector('small').textContent = marks.filter((mark) => mark !== '').join(', ');
    columns.forEach(({ show }, at) => row.cells[at + 1].replaceChildren(show(topic, now)));
    return row;
  }

  /** Said again, the same would be read out again. */
  function tell(problem) {
    const told = element('topics-problem');
    if (told.textContent !== problem) told.textContent = problem;
  }

  const buttonOf = (topic) => [...table.querySelectorAll('button')].find((button) => button.dataset.topic === topic);

  /** A row stays while its topic does, so that a click is not lost when it is filled anew. */
  function showRows(topics, now) {
    const body = table.tBodies[0];
    const before = new Map([...body.rows].map((row) => [row.querySelector('button').dataset.topic, row]));
    const rows = topics.map((topic) => fill(before.get(topic.topic) ?? makeRow(topic.topic), topic, now));
    if (rows.length === body.rows.length && rows.every((row, at) => row === body.rows[at])) return;
    const focused = document.activeElement?.dataset?.topic;
    body.replaceChildren(...rows);
    if (focused !== undefined) buttonOf(focused)?.focus();
  }

  function nothing() {
    if (places.length > 1) return 'There is no topic on this page any more.';
    const filter = prefix.value;
    return filter === '' ? 'No topic has an event in memory.' : `No topic that begins with “${filter}” has an event in memory.`;
  }

  function show(answer) {
    next = answer.next;
    showRows(answer.topics, answer.time);
    table.hidden = answer.topics.length === 0;
    element('topics-none').hidden = answer.topics.length > 0;
    element('topics-none').textContent = nothing();
    element('topics-note').textContent = answer.in_memory_only ? 'Older events are on disk, and not counted here.' : '';
    element('topics-pages').hidden = next === null && places.length === 1;
    element('topics-next').disabled = next === null;
    element('topics-previous').disabled = places.length === 1;
    tell('');
  }

  async function refresh() {
    const asked = { prefix: prefix.value, place: places.at(-1) };
    const query = new URLSearchParams({ limit: SHOWN });
    if (asked.prefix !== '') query.set('prefix', asked.prefix);
    if (asked.place !== '') query.set('after', asked.place);
    try {
      const answer = await ask(`/topics?${query}`);
      // What was asked for before the filter or the page changed is of no use now.
      if (asked.prefix === prefix.value && asked.place === places.at(-1)) show(answer);
    } catch (error) {
      if (error.status === undefined) throw error;
      table.hidden = true;
      element('topics-none').hidden = true;
      tell(error.message);
    }
  }

  /** A server that does not answer is told by whoever asks again. */
  function turn(to) {
    places = to;
    refresh().catch(() => {});
  }

  prefix.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => turn(['']), REST);
  });
  element('topics-form').addEventListener('submit', (event) => {
    event.preventDefault();
    turn(['']);
  });
  element('topics-next').addEventListener('click', () => {
    if (next !== null) turn([...places, next]);
  });
  element('topics-previous').addEventListener('click', () => turn(places.slice(0, -1)));
  return { refresh, tell, focus: (topic) => (buttonOf(topic) ?? prefix).focus() };
}
