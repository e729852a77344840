// The stock ticker: each row of the table listens to the event that bears the
// name of its own symbol. What the server still has of the last two minutes is
// drawn at once.

import { openStream } from './stream.js';
import { showConnection, showGap } from './connection-status.js';
import { withJson } from './json-event.js';
import { latest } from './latest.js';
import { createLineChart } from './line-chart.js';
import { createTimeSeries } from './time-series.js';
import { prepareCommands } from './copy-command.js';

const SHOWN = 120000;
// While somebody looks, a symbol without a price for this long is one in ten thousand.
const GAP = 30000;

function tickerRow(row) {
  const cell = (name) => row.querySelector(`.${name}`);
  const draw = createLineChart(cell('spark').querySelector('svg'));
  const add = createTimeSeries(SHOWN);
  let updates = 0;

  const showNow = latest(({ price, change }) => {
    cell('price').textContent = price.toFixed(2);
    cell('change').textContent = `${change > 0 ? '+' : ''}${change.toFixed(2)}`;
    cell('updates').textContent = updates.toLocaleString('en');
    row.dataset.direction = change > 0 ? 'up' : change < 0 ? 'down' : 'flat';
  });

  return withJson(['price', 'change'], ({ price, change }, { lastEventId }) => {
    updates += 1;
    showNow({ price, change });

    const points = add(price, lastEventId);
    const values = points.map(([, value]) => value);
    const newest = points.at(-1)[0];
    // The line fills its height, but the smallest moves are not blown up.
    const middle = (Math.min(...values) + Math.max(...values)) / 2;
    const reach = Math.max(0.6, (Math.max(...values) - Math.min(...values)) * 0.6);
    draw(points, { x: [newest - SHOWN, newest], y: [middle - reach, middle + reach], gap: GAP });
  });
}

prepareCommands();
const rows = [...document.querySelectorAll('tr[id]')];

openStream('/stream-stocks?since=2m', {
  on: Object.fromEntries(rows.map((row) => [row.id, tickerRow(row)])),
  onState: showConnection,
  onGap: showGap,
  quietLimit: 10000,
});
