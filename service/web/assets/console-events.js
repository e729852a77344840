// What arrives in the console: the list, with its filter, pause and clear.

import { createEventList } from './event-list.js';

const element = (id) => document.getElementById(id);

/**
 * @param {(id: string) => void} onId An id was clicked.
 * @returns {import('./event-list.js').EventList}
 */
export function prepareEvents(onId) {
  const events = createEventList({ list: element('events'), total: element('events-total') }, onId);
  const pause = element('pause');

  function setPaused(paused) {
    pause.setAttribute('aria-pressed', paused);
    events.pause(paused);
  }

  pause.addEventListener('click', () => setPaused(pause.getAttribute('aria-pressed') !== 'true'));
  element('filter').addEventListener('input', (event) => events.filter(event.target.value));
  element('clear').addEventListener('click', () => events.clear());
  return events;
}
