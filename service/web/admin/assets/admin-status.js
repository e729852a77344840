// Shows how the server is: its figures, what it has taken of its limits, its
// delivery threads and its log.

import { bytes, count, inUnit, time } from './numbers.js';

/** Above this part of a limit it is marked. */
const NEAR = 0.8;

const NAMES = {
  connections: 'Connections',
  files: 'Open files',
  output_buffers: 'Output buffers',
  body_memory: 'Bodies of requests',
  retained_events: 'Retained events',
  retained_bytes: 'Retained bytes',
  retained_age: 'Age of the oldest event',
  disk: 'Disk',
  lag_events: 'Lag of the slowest, events',
  lag_bytes: 'Lag of the slowest, bytes',
  selectors: 'Compiled selectors',
  grants: 'Compiled grants',
  partial_replays: 'Lists of partial replays',
  topic_urls: 'Topics read as URLs',
  active_subscriptions: 'Active subscriptions',
  tickets: 'Tickets',
  publish_rate_clients: 'Publishing clients',
};

const element = (id) => document.getElementById(id);
const show = (id, text) => { element(id).textContent = text; };

function make(tag, text, className) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

let before = null;

/**
 * How much more there is of something a second than in the status before.
 *
 * @param {Record<string, any>} status
 * @param {(status: Record<string, any>) => number} total
 * @returns {number | null}
 */
function rate(status, total) {
  if (before === null || before.process.pid !== status.process.pid) return null;
  const seconds = status.uptime_seconds - before.uptime_seconds;
  return seconds > 0 ? Math.max(0, total(status) - total(before)) / seconds : null;
}

const rateText = (value) => (value === null ? '–' : count(value));

function showReadiness({ ready, not_ready: why, drain, version, revision, uptime_seconds: up }) {
  const title = drain.draining ? 'Draining' : 'Not ready';
  show('readiness', ready ? 'Ready' : title);
  element('readiness').dataset.ready = ready ? 'yes' : 'no';
  const build = revision === null ? version : `${version} (${revision.slice(0, 12)})`;
  show('about', `Fanfare ${build}, up for ${time(up)}.`);
  show('notice', ready || drain.draining ? '' : why.detail);
}

function limitEntry([name, { used, limit, unit }]) {
  const part = limit > 0 ? used / limit : 0;
  const entry = document.createElement('li');
  let near = 'no';
  if (part >= NEAR) near = part >= 1 ? 'full' : 'yes';
  entry.dataset.near = near;
  const most = limit === null ? 'no limit' : `of ${inUnit(limit, unit)}`;
  const line = document.createElement('p');
  line.append(make('span', NAMES[name] ?? name), make('span', `${inUnit(used, unit)} ${most}`));
  const bar = make('div', '', 'bar');
  const filled = document.createElement('span');
  filled.style.width = `${Math.min(100, part * 100)}%`;
  bar.setAttribute('aria-hidden', 'true');
  bar.append(filled);
  entry.append(line, bar);
  return entry;
}

function shardRow(status, index) {
  const shard = status.shards[index];
  const busy = rate(status, ({ shards }) => shards[index].busy_seconds_total);
  const row = document.createElement('tr');
  const head = make('th', shard.running ? shard.shard : `${shard.shard} (ended)`);
  head.scope = 'row';
  row.append(
    head,
    make('td', count(shard.streams), 'number'),
    make('td', busy === null ? '–' : `${Math.round(busy * 100)} %`, 'number'),
    make('td', time(shard.iteration_seconds_max), 'number'),
  );
  return row;
}

function showShards(status) {
  const rows = status.shards.map((_, index) => shardRow(status, index));
  element('shards').tBodies[0].replaceChildren(...rows);
}

const KINDS = { memory: 'In memory', disk: 'On disk', cluster: 'Shared by servers' };

function factsOfLog({ log }) {
  const facts = [
    ['Kept', KINDS[log.kind] ?? log.kind],
    ['State', log.problem ?? 'healthy', log.problem ? 'problem' : undefined],
    ['Events', `${count(log.events)} in ${bytes(log.bytes)}`],
    ['Oldest', log.oldest?.time ?? '–'],
    ['Newest', log.newest?.time ?? '–'],
    ['Newest id', log.newest?.id ?? '–'],
  ];
  if (log.disk) {
    const { bytes: size, segments } = log.disk;
    facts.push(['Disk', `${bytes(size)} in ${count(segments)} ${segments === 1 ? 'segment' : 'segments'}`]);
  }
  if (log.cluster) {
    const { connected, lag_events: lag } = log.cluster;
    facts.push(['Brokers', connected ? `connected, ${count(lag)} events to read` : 'not connected']);
  }
  return facts;
}

function showLog(status) {
  const lines = factsOfLog(status).flatMap(([name, value, kind]) => {
    const shown = make('dd', value);
    if (kind) shown.dataset.kind = kind;
    return [make('dt', name), shown];
  });
  element('log').replaceChildren(...lines);
}

/**
 * Shows a status.
 *
 * @param {Record<string, any>} status As `GET /status` answers it.
 */
export function showStatus(status) {
  showReadiness(status);
  show('streams', count(status.streams.open));
  show('deliveries', rateText(rate(status, ({ delivered }) => delivered.events_total)));
  show('published', rateText(rate(status, ({ published }) => published.events_total)));
  show('blocked', count(status.streams.blocked));
  const counted = Object.entries(status.limits).filter(([, { used }]) => used !== null);
  element('limits').replaceChildren(...counted.map(limitEntry));
  showShards(status);
  showLog(status);
  before = status;
}
