// A run of a demonstration that the server reports on: begins one with a click,
// reads its reports, and says how it goes. The address of the page names the run,
// so that a reload goes on with it.

import { showConnection, showGap } from './connection-status.js';
import { readProblem } from './problem.js';
import { openStream } from './stream.js';

const element = (id) => document.getElementById(id);

/**
 * Wires the button #begin and the status #status.
 *
 * @param {object} options
 * @param {string} options.path Where a run is begun.
 * @param {string} options.prefix What the topics of runs begin with.
 * @param {() => void} options.onBegin A run is read from its beginning.
 * @param {(report: Record<string, any>) => void} options.onReport The last one as well.
 * @param {(report: Record<string, any>) => string} options.describe A sentence about a report.
 */
export function prepareDemoRun({ path, prefix, onBegin, onReport, describe }) {
  const begin = element('begin');
  const label = begin.textContent;
  let stream = null;

  // A screen reader hears what is new, not what is written again.
  const say = (text) => {
    if (element('status').textContent !== text) element('status').textContent = text;
  };

  function finish(text) {
    stream?.close();
    stream = null;
    begin.disabled = false;
    begin.textContent = label;
    say(text);
  }

  function take(event) {
    let report;
    try {
      report = JSON.parse(event.data);
    } catch {
      return null;
    }
    onReport(report);
    return report;
  }

  function read(topic) {
    onBegin();
    say('Waiting for the first report.');
    stream = openStream(`/events/${topic}?lastEventID=earliest`, {
      on: {
        message(event) {
          const report = take(event);
          begin.disabled = true;
          begin.textContent = 'Running';
          if (report) say(describe(report));
        },
        complete(event) {
          const report = take(event);
          finish(report ? describe(report) : 'The run has ended.');
        },
        'fanfare-end': () => finish('The run was ended before it was done: nobody looked, or the server is going.'),
      },
      onState: showConnection,
      onGap: showGap,
    });
  }

  async function start() {
    begin.disabled = true;
    try {
      const response = await fetch(path, { method: 'POST' });
      if (!response.ok) return finish(await readProblem(response));
      const topic = await response.text();
      stream?.close();
      history.replaceState(null, '', `#${topic.slice(prefix.length)}`);
      return read(topic);
    } catch {
      return finish('The run could not be begun: the server did not answer. Try again in a moment.');
    }
  }

  begin.addEventListener('click', start);
  const named = location.hash.slice(1);
  if (/^[0-9a-f-]{36}$/.test(named)) read(prefix + named);
}
