// The newest events of one topic, on the page of the admin listener and in the
// console. Its parts have the same ids on both.

import { bytes, count } from './numbers.js';

const element = (id) => document.getElementById(id);

function make(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function entry(event) {
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

function describe(shown, all) {
  const most = count(all);
  if (shown < all) return `The newest ${shown} of ${most} events`;
  return `${most} ${all === 1 ? 'event' : 'events'}, the newest first`;
}

/**
 * Wires the part of a page that shows them.
 *
 * @param {object} options
 * @param {(path: string) => Promise<any>} options.ask Asks the admin listener.
 * @param {number} options.limit The most events.
 * @param {(topic: string) => void} options.onClose It is not to be shown any more.
 * @returns {{show: (topic: string) => Promise<void>}} Shows a topic, and moves the keyboard to it.
 */
export function createTopicEvents({ ask, limit, onClose }) {
  const part = element('topic-shown');
  let shown = null;

  element('topic-close').addEventListener('click', () => {
    part.hidden = true;
    onClose(shown);
  });
  return {
    async show(name) {
      const { topic, events } = await ask(`/topics/${encodeURIComponent(name)}?limit=${limit}`);
      shown = name;
      element('topic-title').textContent = topic.topic;
      element('topic-note').textContent = describe(events.length, topic.events);
      element('topic-events').replaceChildren(...events.map(entry));
      part.hidden = false;
      element('topic-title').focus();
    },
  };
}
