// The system monitor: processor and memory as bars with figures, and the last
// two minutes of each as a line.

import { openStream } from './stream.js';
import { showConnection, showGap } from './connection-status.js';
import { withJson } from './json-event.js';
import { createLineChart } from './line-chart.js';
import { prepareCommands } from './copy-command.js';

const SHOWN = 120000;
const INTERVAL = 1000;

function gauge(name) {
  const figure = document.getElementById(name);
  const bar = document.getElementById(`${name}-bar`);
  const draw = createLineChart(document.getElementById(`${name}-chart`), { gridLines: 3, area: true });
  let samples = [];

  return (percent, text) => {
    figure.textContent = text;
    bar.setAttribute('aria-valuenow', percent);
    bar.setAttribute('aria-valuetext', text);
    bar.firstElementChild.style.width = `${Math.min(100, Math.max(0, percent))}%`;
    samples = recent(samples, percent, Date.now());
    const newest = samples.at(-1)[0];
    draw(samples, { x: [newest - SHOWN, newest], y: [0, 100], gap: 4 * INTERVAL });
  };
}

/**
 * Adds a sample taken now. What was missed arrives all at once after a
 * reconnection: samples that come closer together than they were taken are
 * moved back to where they belong.
 */
function recent(samples, value, now) {
  const next = [...samples, [now, value]];
  for (let i = next.length - 2; i >= 0; i -= 1) {
    if (next[i + 1][0] - next[i][0] > 0.8 * INTERVAL) break;
    next[i] = [next[i + 1][0] - INTERVAL, next[i][1]];
  }
  return next.filter(([at]) => now - at <= SHOWN + INTERVAL);
}

prepareCommands();
const showCpu = gauge('cpu');
const showMemory = gauge('memory');
const fields = ['cpu_percent', 'memory_percent', 'memory_used_mb', 'memory_total_mb'];

openStream('/system-stats', {
  on: {
    message: withJson(fields, (stats) => {
      showCpu(stats.cpu_percent, `${stats.cpu_percent.toFixed(1)} %`);
      const used = Math.round(stats.memory_used_mb);
      const total = Math.round(stats.memory_total_mb);
      showMemory(stats.memory_percent, `${stats.memory_percent.toFixed(1)} % (${used} / ${total} MB)`);
    }),
  },
  onState: showConnection,
  onGap: showGap,
  quietLimit: 10000,
});
