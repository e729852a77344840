// The subscribing half of the console: the form, the stream, the list of what
// arrives and the curl line that would do the same.

import { openFetchStream } from './fetch-stream.js';
import { readGap } from './stream.js';
import { showConnection, showGap } from './connection-status.js';
import { createEventList } from './event-list.js';
import { authorization, hasToken, offerToken } from './console-token.js';
import { showCommand } from './copy-command.js';
import { subscribeCurl } from './curl-line.js';

const element = (id) => document.getElementById(id);

/**
 * Wires the subscribe form and the list of events.
 *
 * @returns {() => void} Shows the curl line anew.
 */
export function prepareSubscribing() {
  const selectors = element('selectors');
  const resume = element('resume');
  const subscribe = element('subscribe');
  const unsubscribe = element('unsubscribe');
  const problem = element('subscribe-problem');
  let stream = null;

  const events = createEventList(element('events'), element('events-total'), (id) => {
    resume.value = id;
    resume.focus();
    showCurl();
  });

  function asked() {
    return selectors.value.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  }

  function showCurl() {
    const line = subscribeCurl(location.origin, asked(), resume.value.trim(), hasToken());
    showCommand(element('subscribe-curl'), line);
  }

  function start() {
    stream?.close();
    problem.textContent = '';
    const query = new URLSearchParams(asked().map((selector) => ['topic', selector]));
    stream = openFetchStream(`/.well-known/mercure?${query}`, {
      lastEventId: resume.value.trim(),
      headers: authorization(),
      onEvent(event) {
        if (event.type === 'fanfare-gap') showGap(readGap(event.data));
        events.add(event);
      },
      onState(connection) {
        showConnection(connection);
        if (connection.state === 'live') problem.textContent = '';
        const open = connection.state !== 'closed';
        // A disabled button would take the keyboard's focus with it.
        if (!open && document.activeElement === unsubscribe) subscribe.focus();
        unsubscribe.disabled = !open;
      },
      onProblem(text) {
        problem.textContent = text;
        offerToken(text);
      },
    });
  }

  element('subscribe-form').addEventListener('submit', (event) => {
    event.preventDefault();
    start();
  });
  element('subscribe-form').addEventListener('input', showCurl);
  unsubscribe.addEventListener('click', () => stream?.close());
  element('clear').addEventListener('click', () => events.clear());
  return showCurl;
}
