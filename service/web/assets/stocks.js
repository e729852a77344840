// The stock ticker: each row of the table listens to the event that bears the
// name of its own symbol.

import { openStream } from './stream.js';
import { showConnection, showGap } from './connection-status.js';
import { withJson } from './json-event.js';
import { createLineChart } from './line-chart.js';
import { prepareCommands } from './copy-command.js';

const SHOWN = 40;

function tickerRow(row) {
  const cell = (name) => row.querySelector(`.${name}`);
  const draw = createLineChart(cell('spark').querySelector('svg'));
  const values = [];
  let updates = 0;

  return withJson(['price', 'change'], ({ price, change }) => {
    updates += 1;
    values.push(price);
    if (values.length > SHOWN) values.shift();

    const direction = change > 0 ? 'up' : change < 0 ? 'down' : 'flat';
    cell('price').textContent = price.toFixed(2);
    cell('change').textContent = `${change > 0 ? '+' : ''}${change.toFixed(2)}`;
    cell('updates').textContent = updates.toLocaleString('en');
    row.dataset.direction = direction;

    // The line fills its height, but the smallest moves are not blown up.
    const middle = (Math.min(...values) + Math.max(...values)) / 2;
    const reach = Math.max(0.6, (Math.max(...values) - Math.min(...values)) * 0.6);
    draw(values.map((value, i) => [i + SHOWN - values.length, value]), {
      x: [0, SHOWN - 1],
      y: [middle - reach, middle + reach],
    });
  });
}

prepareCommands();
const rows = [...document.querySelectorAll('tr[id]')];

openStream('/stream-stocks', {
  on: Object.fromEntries(rows.map((row) => [row.id, tickerRow(row)])),
  onState: showConnection,
  onGap: showGap,
  quietLimit: 10000,
});
