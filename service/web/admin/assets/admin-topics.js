// The topics, a page at a time, and the newest events of the one that was
// clicked.

import { bytes, count, time } from './admin-numbers.js';
import { ask } from './admin-requests.js';

const SHOWN = 15;
/** So long typing has to rest before the filter is asked for (ms). */
const REST = 300;

const element = (id) => document.getElementById(id);
const table = () => element('topics');

/** Where the pages before this one began, and this one; the first begins at ''. */
let places = [''];
let next = null;
let typing;

const problem = (text) => { element('topics-problem').textContent = text; };

function make(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** How long ago something was, by the clock of the server. */
function ago(moment, now) {
  const made = make('time', time(Math.max(0, (Date.parse(now) - Date.parse(moment)) / 1000)));
  made.dateTime = moment;
  made.title = moment;
  return made;
}

function numberCell(className, ...content) {
  const made = make('td', '', `number ${className}`);
  made.append(...content);
  return made;
}

function row(topic, now) {
  const made = document.createElement('tr');
  const head = make('th', '', 'name');
  head.scope = 'row';
  const open = make('button', topic.topic, 'link');
  open.type = 'button';
  open.dataset.topic = topic.topic;
  open.setAttribute('aria-controls', 'topic');
  open.addEventListener('click', () => showTopic(topic.topic));
  head.append(open);
  const marks = [topic.ended ? 'ended' : '', topic.private > 0 ? `${count(topic.private)} private` : ''];
  const told = marks.filter((mark) => mark !== '').join(', ');
  if (told) head.append(make('small', told));
  made.append(
    head,
    numberCell('subscribers', count(topic.subscribers)),
    numberCell('events', count(topic.events)),
    numberCell('size', bytes(topic.bytes)),
    numberCell('oldest', ago(topic.oldest.time, now)),
    numberCell('newest', ago(topic.newest.time, now)),
  );
  return made;
}

/** Puts new rows in the place of the old ones; whoever is on a topic stays on it. */
function replaceRows(topics, now) {
  const focused = document.activeElement?.dataset?.topic;
  table().tBodies[0].replaceChildren(...topics.map((topic) => row(topic, now)));
  const again = [...table().querySelectorAll('button')].find((button) => button.dataset.topic === focused);
  if (focused !== undefined) again?.focus();
}

function describe(prefix) {
  if (places.length > 1) return 'There is no topic on this page any more.';
  return prefix === '' ? 'No topic has an event in memory.' : `No topic that begins with “${prefix}” has an event in memory.`;
}

/** Asks for the page of topics that is shown, and shows it or why it is not shown. */
export async function refreshTopics() {
  const prefix = element('topics-prefix').value;
  const query = new URLSearchParams({ limit: SHOWN });
  if (prefix !== '') query.set('prefix', prefix);
  if (places.at(-1) !== '') query.set('after', places.at(-1));
  try {
    const answer = await ask(`/topics?${query}`);
    // What was asked for before the filter changed is of no use now.
    if (prefix !== element('topics-prefix').value) return;
    next = answer.next;
    replaceRows(answer.topics, answer.time);
    table().hidden = answer.topics.length === 0;
    element('topics-none').hidden = answer.topics.length > 0;
    element('topics-none').textContent = describe(prefix);
    element('topics-note').textContent = answer.in_memory_only ? 'Older events are on disk, and not counted here.' : '';
    element('topics-pages').hidden = next === null && places.length === 1;
    element('topics-next').disabled = next === null;
    element('topics-first').disabled = places.length === 1;
    problem('');
  } catch (error) {
    if (error.status === undefined) throw error;
    table().hidden = true;
    element('topics-none').hidden = true;
    problem(error.message);
  }
}

function eventEntry(event) {
  const made = document.createElement('li');
  const line = make('p', '', 'line');
  const marks = [event.type, event.private ? 'private' : null, event.ended ? 'ends the topic' : null];
  const when = make('time', event.time);
  when.dateTime = event.time;
  line.append(when, ' ', make('code', event.id));
  for (const mark of marks.filter(Boolean)) line.append(' ', make('span', mark, 'mark'));
  made.append(line, make('pre', event.data));
  if (event.data_truncated) made.append(make('p', `The first part of ${bytes(event.data_bytes)}.`, 'hint'));
  return made;
}

async function showTopic(name) {
  try {
    const { topic, events } = await ask(`/topics/${encodeURIComponent(name)}`);
    element('topic-title').textContent = topic.topic;
    const all = count(topic.events);
    element('topic-note').textContent = events.length < topic.events
      ? `The newest ${events.length} of ${all} events` : `${all} ${topic.events === 1 ? 'event' : 'events'}, the newest first`;
    element('topic-events').replaceChildren(...events.map(eventEntry));
    element('topic').hidden = false;
    element('topic').dataset.shows = name;
    element('topic-title').focus();
  } catch (error) {
    problem(error.message ?? 'The server does not answer.');
  }
}

function close() {
  element('topic').hidden = true;
  const opened = [...table().querySelectorAll('button')].find((button) => button.dataset.topic === element('topic').dataset.shows);
  (opened ?? element('topics-prefix')).focus();
}

/** Shows another page. A server that does not answer is told by what asks again. */
function turn(to) {
  places = to;
  refreshTopics().catch(() => {});
}

/** Wires the filter, the pages and the part with the events of one topic. */
export function prepareTopics() {
  element('topics-prefix').addEventListener('input', () => {
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
  element('topics-first').addEventListener('click', () => turn(['']));
  element('topic-close').addEventListener('click', close);
}
