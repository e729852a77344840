// The console's list of what arrived, newest first. Bounded, and drawn at most
// once a frame, so that a busy topic does not bring the browser to its knees.
// While it is paused the same number of events waits, the newest ones.

import { eventRow, nameTopic } from './event-row.js';

const ROWS = 200;

/**
 * @param {object} places
 * @param {HTMLOListElement} places.list
 * @param {HTMLElement} places.total Where the number received is shown.
 * @param {(id: string) => void} onId An id was clicked.
 * @returns {EventList}
 *
 * @typedef {object} EventList
 * @property {(event: import('./sse-parser.js').SseEvent, topic: string|null) => void} add
 * @property {(id: string, topic: string) => void} nameTopicOf The topic of an event has become known.
 * @property {(text: string) => void} filter Shows only those in which this text stands.
 * @property {(paused: boolean) => void} pause
 * @property {() => void} clear
 */
export function createEventList({ list, total }, onId) {
  let received = 0;
  let waiting = [];
  let passedOver = 0;
  let scheduled = false;
  let paused = false;
  let wanted = '';
  // What is shown, newest first; and the topics of events that may still arrive.
  let shown = [];
  const topics = new Map();

  const matches = ({ event }) => wanted === ''
    || [event.topic ?? '', event.type, event.id, event.data].some((text) => text.toLowerCase().includes(wanted));

  function draw() {
    scheduled = false;
    if (paused) return showTotal();
    const fresh = waiting.reverse().map((event) => {
      event.topic ??= topics.get(event.id) ?? null;
      return { event, row: eventRow(event, onId) };
    });
    waiting = [];
    passedOver = 0;
    fresh.forEach((entry) => { entry.row.hidden = !matches(entry); });
    list.prepend(...fresh.map(({ row }) => row));
    shown = [...fresh, ...shown];
    shown.splice(ROWS).forEach(({ row }) => row.remove());
    return showTotal();
  }

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(draw);
  }

  function showTotal() {
    const number = (count) => count.toLocaleString('en');
    const parts = received ? [`${number(received)} received`] : [];
    if (received > ROWS) parts.push(`the newest ${ROWS} kept`);
    if (wanted) parts.push(`${number(shown.filter(matches).length)} shown by the filter`);
    if (paused) parts.push(`${number(waiting.length)} waiting${passedOver ? `, ${number(passedOver)} passed over` : ''}`);
    total.textContent = parts.join(', ');
  }

  return {
    add(event, topic) {
      received += 1;
      waiting.push({ ...event, topic, at: new Date() });
      if (waiting.length > ROWS) {
        waiting.shift();
        passedOver += 1;
      }
      schedule();
    },
    nameTopicOf(id, topic) {
      topics.set(id, topic);
      if (topics.size > ROWS) topics.delete(topics.keys().next().value);
      for (const entry of shown.filter(({ event }) => event.id === id && event.topic === null)) {
        entry.event.topic = topic;
        nameTopic(entry.row, topic);
        entry.row.hidden = !matches(entry);
      }
    },
    filter(text) {
      wanted = text.trim().toLowerCase();
      shown.forEach((entry) => { entry.row.hidden = !matches(entry); });
      showTotal();
    },
    pause(now) {
      paused = now;
      schedule();
    },
    clear() {
      received = 0;
      waiting = [];
      passedOver = 0;
      shown = [];
      list.replaceChildren();
      showTotal();
    },
  };
}
