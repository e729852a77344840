// The topics that there are, from the admin listener: only where it lets this
// page read them, which is on the server's own machine and without a token.
// Everywhere else there is nothing of them on the page.

import { requestJson } from './json-request.js';
import { count } from './numbers.js';
import { createTopicEvents } from './topic-events.js';
import { ago, createTopicList } from './topic-list.js';

const PAUSE = 2000;
/** So many of its newest events are shown of a topic. */
const EVENTS = 10;

const COLUMNS = [
  { name: 'subscribers', show: ({ subscribers }) => count(subscribers) },
  { name: 'events', show: ({ events }) => count(events) },
  { name: 'newest', show: ({ newest }, now) => ago(newest.time, now) },
];

const SILENT = 'The admin listener does not answer, or does not let this page read any more.';

const element = (id) => document.getElementById(id);

/**
 * Where the admin listener is, if this page may ask it. The server tells only those that it takes for browsers of its
 * own machine; behind a proxy that calls it by a loopback address they may be anybody's, and are not to be sent to
 * their own machines.
 */
function adminOrigin() {
  const isLocal = /^(localhost|127\.[\d.]+|\[::1\])$/.test(location.hostname);
  return isLocal ? document.body.dataset.admin : undefined;
}

const IN_BOTH = 'It is in both forms now: subscribe for what comes, or publish to it.';
const IN_ONE = 'It is in the form to publish. As a selector it would be a template, because it has braces.';

function fillForms(topic) {
  const isTemplate = topic.includes('{');
  for (const id of isTemplate ? ['topic'] : ['selectors', 'topic']) {
    element(id).value = topic;
    element(id).dispatchEvent(new Event('input', { bubbles: true }));
  }
  element('topic-hint').textContent = isTemplate ? IN_ONE : IN_BOTH;
}

/** Wires the part of the console that shows topics. */
export function prepareTopics() {
  const admin = adminOrigin();
  if (admin === undefined) return;
  const ask = (path) => requestJson(admin + path, { credentials: 'omit' });
  const panel = element('topics-panel');
  const all = element('topics-all');
  const list = createTopicList({ ask, columns: COLUMNS, onOpen: open });
  const events = createTopicEvents({ ask, limit: EVENTS, onClose: close });
  let timer;

  async function refresh() {
    clearTimeout(timer);
    if (document.hidden || !panel.open || all.hidden) return;
    try {
      await list.refresh();
    } catch {
      list.tell(SILENT);
    }
    clearTimeout(timer);
    timer = setTimeout(refresh, PAUSE);
  }

  async function open(topic) {
    fillForms(topic);
    try {
      await events.show(topic);
      all.hidden = true;
    } catch (error) {
      list.tell(error.status === undefined ? SILENT : error.message);
    }
  }

  function close(topic) {
    all.hidden = false;
    list.focus(topic);
    refresh();
  }

  async function begin() {
    if (document.hidden) {
      document.addEventListener('visibilitychange', begin, { once: true });
      return;
    }
    try {
      await list.refresh();
    } catch {
      return;
    }
    panel.hidden = false;
    panel.addEventListener('toggle', refresh);
    document.addEventListener('visibilitychange', refresh);
    refresh();
  }

  begin();
}
