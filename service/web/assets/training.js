// The training page: a button starts a run on the server, the run is shown as it
// goes. The stream is the run: opening it starts one, closing it stops it, so
// this page never reconnects by itself; that would start another run unasked.

import { openStream } from './stream.js';
import { showConnection } from './connection-status.js';
import { withJson } from './json-event.js';
import { createLineChart } from './line-chart.js';
import { prepareCommands } from './copy-command.js';

const element = (id) => document.getElementById(id);
const main = document.querySelector('main');
const start = element('start');
const draw = createLineChart(element('loss-chart'), { gridLines: 2, area: true });

let running = null;

function say(text) {
  element('status').textContent = text;
}

function showProgress({ epoch, total_epochs: epochs, progress_percent: percent, loss }, curve) {
  const overall = (100 * (epoch - 1) + percent) / epochs;
  element('epoch').textContent = `Epoch ${epoch} of ${epochs}`;
  element('progress').value = percent;
  element('progress-figure').textContent = `${percent.toFixed(0)} %`;
  element('overall').value = overall;
  element('overall-figure').textContent = `${overall.toFixed(0)} %`;
  element('loss').textContent = loss.toFixed(4);
  curve.push([overall, loss]);
  draw(curve, { x: [0, 100], y: [0, 1.2] });
}

function clear() {
  element('epoch').textContent = 'Waiting for the first step';
  for (const bar of ['progress', 'overall']) {
    element(bar).value = 0;
    element(`${bar}-figure`).textContent = '0 %';
  }
  element('loss').textContent = '–';
  draw([], { x: [0, 100], y: [0, 1.2] });
}

function run() {
  running?.close();
  clear();
  main.dataset.runs = Number(main.dataset.runs) + 1;
  start.textContent = 'Start again';
  say('Training is running.');

  const curve = [];
  let opened = false;
  const fields = ['epoch', 'total_epochs', 'progress_percent', 'loss'];
  const mine = openStream('/stream-training', {
    on: {
      progress: withJson(fields, (progress) => showProgress(progress, curve)),
      complete(event) {
        mine.close();
        running = null;
        start.textContent = 'Start a new run';
        say(event.data);
      },
    },
    onState({ state }) {
      if (state === 'live') opened = true;
      if (state !== 'lost') return showConnection({ state });
      running = null;
      showConnection({ state: 'idle' });
      start.textContent = 'Start a new run';
      say(opened
        ? 'The connection was lost, and the run with it. You can start a new one.'
        : 'The run could not be started: the server did not answer. Try again in a moment.');
    },
    reconnect: false,
    quietLimit: 10000,
  });
  running = mine;
}

prepareCommands();
start.addEventListener('click', run);
