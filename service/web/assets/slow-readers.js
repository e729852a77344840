// The page of slow readers: five readers of one source, of which four are slow for
// a while, each under another policy.

import { prepareCommands } from './copy-command.js';
import { prepareDemoRun } from './demo-run.js';
import { createLagChart } from './lag-chart.js';

/** The upper edge of all charts, so that they can be compared. */
const TOP = 300;

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

function createReader(panel) {
  const chart = createLagChart(panel.querySelector('svg'), TOP);
  const figures = ['lag', 'read', 'missed', 'gaps', 'closed'];
  const show = (name, text) => { panel.querySelector(`.${name}`).textContent = text; };
  let before = { gaps: 0, closed: 0 };

  return {
    clear() {
      before = { gaps: 0, closed: 0 };
      chart.clear();
      figures.forEach((name) => show(name, '0'));
    },
    take(reader, report) {
      figures.forEach((name) => show(name, whole.format(reader[name])));
      chart.add({
        seconds: report.seconds,
        secondsMax: report.seconds_max,
        lag: reader.lag,
        lagMax: reader.policy === null || reader.policy === 'catch-up' ? 0 : report.lag_max,
        isSlow: reader.policy !== null && report.phase === 'slow',
        gap: reader.gaps > before.gaps,
        end: reader.closed > before.closed,
      });
      before = reader;
    },
  };
}

const readers = new Map();
for (const panel of document.querySelectorAll('[data-reader]')) {
  readers.set(panel.dataset.reader, createReader(panel));
}

const PHASES = {
  before: 'All five read as fast as events come: 20 a second.',
  slow: 'Four of them take a quarter of a second for each event now, and fall behind. The fast reader does not notice.',
  after: 'All are fast again, and get what their policy has left for them.',
};

prepareCommands();
prepareDemoRun({
  path: '/slow-reader-runs',
  prefix: 'demo/slow-readers/',
  onBegin() {
    document.querySelector('main').dataset.state = 'running';
    for (const reader of readers.values()) reader.clear();
  },
  onReport(report) {
    for (const reader of report.readers) readers.get(reader.name)?.take(reader, report);
  },
  describe({ phase, seconds, seconds_max: end, published }) {
    if (seconds < end) return PHASES[phase];
    document.querySelector('main').dataset.state = 'done';
    return `The run has ended. ${whole.format(published)} events were published; each reader’s figures say what became of them.`;
  },
});
