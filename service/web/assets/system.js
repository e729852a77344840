// The system monitor: processor and memory as bars with figures, and the last
// two minutes of each as a line. What the server still has of them is drawn at
// once; a time in which nobody looked, and nothing was measured, is a gap.

import { openStream } from './stream.js';
import { showConnection, showGap } from './connection-status.js';
import { withJson } from './json-event.js';
import { latest } from './latest.js';
import { createLineChart } from './line-chart.js';
import { createTimeSeries } from './time-series.js';
import { prepareCommands } from './copy-command.js';

const SHOWN = 120000;
const INTERVAL = 1000;

function gauge(name) {
  const figure = document.getElementById(name);
  const bar = document.getElementById(`${name}-bar`);
  const draw = createLineChart(document.getElementById(`${name}-chart`), { gridLines: 3, area: true });
  const add = createTimeSeries(SHOWN);

  const showNow = latest(({ percent, text }) => {
    figure.textContent = text;
    bar.setAttribute('aria-valuenow', percent);
    bar.setAttribute('aria-valuetext', text);
    bar.firstElementChild.style.width = `${Math.min(100, Math.max(0, percent))}%`;
  });

  return (percent, text, id) => {
    showNow({ percent, text });
    const samples = add(percent, id);
    const newest = samples.at(-1)[0];
    draw(samples, { x: [newest - SHOWN, newest], y: [0, 100], gap: 4 * INTERVAL });
  };
}

prepareCommands();
const showCpu = gauge('cpu');
const showMemory = gauge('memory');
const fields = ['cpu_percent', 'memory_percent', 'memory_used_mb', 'memory_total_mb'];

openStream('/system-stats?since=2m', {
  on: {
    message: withJson(fields, (stats, { lastEventId }) => {
      showCpu(stats.cpu_percent, `${stats.cpu_percent.toFixed(1)} %`, lastEventId);
      const used = Math.round(stats.memory_used_mb);
      const total = Math.round(stats.memory_total_mb);
      const text = `${stats.memory_percent.toFixed(1)} % (${used} / ${total} MB)`;
      showMemory(stats.memory_percent, text, lastEventId);
    }),
  },
  onState: showConnection,
  onGap: showGap,
  quietLimit: 10000,
});
