// The page of a thousand readers: their figures, and the histogram of how long
// events take to them.

import { prepareCommands } from './copy-command.js';
import { prepareDemoRun } from './demo-run.js';
import { across, createHistogram } from './histogram.js';

const element = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });
const draw = createHistogram(element('histogram'));
const TICKS = [[100, '100 µs'], [1000, '1 ms'], [10000, '10 ms'], [100000, '100 ms'], [1000000, '1 s']];

function time(micros) {
  if (micros < 1000) return `${short.format(micros)} µs`;
  return micros < 1000000 ? `${short.format(micros / 1000)} ms` : `${short.format(micros / 1000000)} s`;
}

/** Texts that stand over or under the histogram, at their times. */
function place(selector, labels) {
  document.querySelector(selector).replaceChildren(...labels.map(([micros, text]) => {
    const label = document.createElement('span');
    label.textContent = text;
    label.style.left = `${across(micros)}%`;
    label.dataset.mark = text;
    return label;
  }));
}

function show(report) {
  element('open').textContent = whole.format(report.open);
  element('published').textContent = whole.format(report.published);
  element('received').textContent = whole.format(report.received);
  draw(report.bars);
  const isMeasured = report.received > 0;
  const quantiles = [['p50', report.p50_us], ['p99', report.p99_us], ['longest', report.max_us]];
  for (const [id, micros] of quantiles) element(id).textContent = isMeasured ? time(micros) : '–';
  place('.marks', isMeasured ? [[report.p50_us, 'p50'], [report.p99_us, 'p99'], [report.max_us, 'max']] : []);
}

function describe({ state, wanted, open, failed, problem }) {
  if (failed > 0) return `${whole.format(failed)} of ${whole.format(wanted)} readers have no stream: ${problem ?? 'they were not served'}.`;
  if (state === 'connecting') return 'The readers connect.';
  if (state === 'reading') return `${whole.format(open)} readers, each with a stream of its own, and ten events a second.`;
  return 'The run has ended, and its readers have gone.';
}

place('.ticks', TICKS);
prepareCommands();
prepareDemoRun({
  path: '/reader-runs',
  prefix: 'demo/readers/',
  onBegin: () => show({ open: 0, published: 0, received: 0, bars: [] }),
  onReport: show,
  describe,
});
