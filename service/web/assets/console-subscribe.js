// The subscribing half of the console: the form, the stream and the curl line
// that would do the same.

import { openFetchStream } from './fetch-stream.js';
import { readGap } from './stream.js';
import { showConnection, showGap } from './connection-status.js';
import { authorization, hasToken, offerToken } from './console-token.js';
import { showCommand } from './copy-command.js';
import { subscribeCurl } from './curl-line.js';
import { linesOf } from './lines.js';

const element = (id) => document.getElementById(id);

/**
 * Wires the subscribe form.
 *
 * @param {(event: import('./sse-parser.js').SseEvent, topic: string|null) => void} onEvent With its topic, if that is
 *   known.
 * @returns {{showCurl: () => void, resumeAfter: (id: string) => void}} Shows the curl line anew; puts an id into the
 *   form.
 */
export function prepareSubscribing(onEvent) {
  const resume = element('resume');
  const subscribe = element('subscribe');
  const unsubscribe = element('unsubscribe');
  const problem = element('subscribe-problem');
  let stream = null;

  function parameters() {
    const asked = linesOf(element('selectors')).map((selector) => ['topic', selector]);
    const where = [['last', element('last').value.trim()], ['since', element('since').value.trim()]];
    return [...asked, ...where.filter(([, value]) => value !== '')];
  }

  function showCurl() {
    const after = resume.value.trim();
    const all = after ? [...parameters(), ['lastEventID', after]] : parameters();
    showCommand(element('subscribe-curl'), subscribeCurl(location.origin, all, hasToken()));
  }

  function start() {
    stream?.close();
    problem.textContent = '';
    const topic = onlyTopic(linesOf(element('selectors')));
    stream = openFetchStream(`/.well-known/mercure?${new URLSearchParams(parameters())}`, {
      lastEventId: resume.value.trim(),
      headers: authorization(),
      onEvent(event) {
        if (event.type === 'fanfare-gap') showGap(readGap(event.data));
        onEvent(event, topic);
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
      onEnded() {
        problem.textContent = 'All of these topics have ended, and you have had everything of them.';
      },
    });
  }

  element('subscribe-form').addEventListener('submit', (event) => {
    event.preventDefault();
    start();
  });
  element('subscribe-form').addEventListener('input', showCurl);
  unsubscribe.addEventListener('click', () => stream?.close());
  return {
    showCurl,
    resumeAfter(id) {
      resume.value = id;
      resume.focus();
      showCurl();
    },
  };
}

/** The topic of all events of a stream, where it has one selector and that is no pattern. */
function onlyTopic(selectors) {
  const [only, ...others] = selectors;
  return others.length === 0 && only !== '*' && !only?.includes('{') ? only : null;
}
