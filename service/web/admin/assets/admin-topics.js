// The topics, and the newest events of the one that was clicked.

import { ask } from './admin-requests.js';
import { bytes, count } from './numbers.js';
import { createTopicEvents } from './topic-events.js';
import { ago, createTopicList } from './topic-list.js';

/** So many of its newest events are shown of a topic. */
const EVENTS = 20;

const COLUMNS = [
  { name: 'subscribers', show: ({ subscribers }) => count(subscribers) },
  { name: 'events', show: ({ events }) => count(events) },
  { name: 'size', show: (topic) => bytes(topic.bytes) },
  { name: 'oldest', show: ({ oldest }, now) => ago(oldest.time, now) },
  { name: 'newest', show: ({ newest }, now) => ago(newest.time, now) },
];

/**
 * Wires the part of the page that shows topics.
 *
 * @returns {() => Promise<void>} Asks for the page of topics that is shown, and shows it or why it is not shown.
 */
export function prepareTopics() {
  const list = createTopicList({ ask, columns: COLUMNS, onOpen: open });
  const events = createTopicEvents({ ask, limit: EVENTS, onClose: list.focus });

  async function open(topic) {
    try {
      await events.show(topic);
    } catch (error) {
      list.tell(error.status === undefined ? 'The server does not answer.' : error.message);
    }
  }

  return list.refresh;
}
