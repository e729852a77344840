// One event in the console's list.

import { indented } from './json-text.js';

// More of one event than this is not drawn.
const CHARACTERS = 10000;
// More than this is folded.
const UNFOLDED = { characters: 1000, lines: 10 };

/**
 * @typedef {import('./sse-parser.js').SseEvent & {at: Date, topic: string|null}} ArrivedEvent
 */

/**
 * @param {ArrivedEvent} event
 * @param {(id: string) => void} onId The id was clicked.
 * @returns {HTMLLIElement}
 */
export function eventRow(event, onId) {
  const row = document.createElement('li');
  row.append(
    topicPart(event.topic),
    part('span', 'type', event.type),
    part('time', 'time', clockTime(event.at)),
    idButton(event.id, onId),
    dataPart(event.data),
  );
  return row;
}

/**
 * @param {HTMLLIElement} row
 * @param {string} topic
 */
export function nameTopic(row, topic) {
  row.querySelector('.topic').replaceWith(topicPart(topic));
}

function topicPart(topic) {
  if (topic !== null) return part('span', 'topic', topic);
  const unknown = part('span', 'topic unknown', 'topic not told');
  unknown.title = 'A stream of several topics does not say which of them an event is of.';
  return unknown;
}

function idButton(id, onId) {
  const button = part('button', 'id', id || 'no id');
  button.type = 'button';
  button.disabled = !id;
  button.title = 'Resume after this event';
  button.addEventListener('click', () => onId(id));
  return button;
}

/** JSON, and what is long, is one line until it is opened. */
function dataPart(data) {
  const short = shortened(data);
  const pretty = short === data ? indented(data) : null;
  const isLong = data.length > UNFOLDED.characters || data.split('\n', UNFOLDED.lines + 1).length > UNFOLDED.lines;
  if (pretty === null && !isLong) return part('pre', 'data', data);
  const folded = document.createElement('details');
  folded.className = 'data';
  folded.append(part('summary', 'line', short.slice(0, UNFOLDED.characters)), part('pre', 'whole', pretty ?? short));
  return folded;
}

function part(name, className, text) {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

function shortened(data) {
  if (data.length <= CHARACTERS) return data;
  return `${data.slice(0, CHARACTERS)}… (${data.length.toLocaleString('en')} characters in all)`;
}

function clockTime(at) {
  const two = (number) => String(number).padStart(2, '0');
  const seconds = `${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  return `${two(at.getHours())}:${two(at.getMinutes())}:${seconds}`;
}
