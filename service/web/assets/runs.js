// The page of runs: a simulated model's words, for a reader who is there from the
// beginning, and one who comes late. The address of the page names the run, so
// that another window reads the same one.

import { showConnection } from './connection-status.js';
import { prepareCommands } from './copy-command.js';
import { readProblem } from './problem.js';
import { createWordReader } from './word-reader.js';

const element = (id) => document.getElementById(id);
const PREFIX = 'demo/words/';
const begin = element('begin');
const join = element('join');
let topic = null;
let isBeginning = false;
// The readers that read the present run, and those of them who have all of it.
const reading = new Set();
const done = new Set();

const say = (text) => { element('status').textContent = text; };

function reader(name, onState) {
  const words = createWordReader(element(name), {
    onState,
    onEnded() {
      done.add(name);
      begin.textContent = 'Begin another run';
      if (done.size < reading.size) return;
      say(done.size === 1 ? 'The run has ended, and its reader with it.' : 'The run has ended, and both readers with it.');
    },
  });
  return {
    read() {
      reading.add(name);
      done.delete(name);
      words.read(topic);
    },
    clear() {
      reading.delete(name);
      done.delete(name);
      words.clear();
    },
  };
}

const first = reader('first', showConnection);
const late = reader('late');

/** Reads a run with the first reader; what is left of another one goes. */
function show(next) {
  topic = next;
  join.disabled = false;
  late.clear();
  first.read();
  history.replaceState(null, '', `#${topic.slice(PREFIX.length)}`);
  element('window').href = location.href;
  element('window').hidden = false;
}

async function start() {
  if (isBeginning) return undefined;
  isBeginning = true;
  try {
    const response = await fetch('/word-runs', { method: 'POST' });
    if (!response.ok) return say(await readProblem(response));
    show(await response.text());
    return say('The model speaks.');
  } catch {
    return say('The run could not be begun: the server did not answer. Try again in a moment.');
  } finally {
    isBeginning = false;
  }
}

prepareCommands();
begin.addEventListener('click', start);
// Joining again begins again, from the first word.
join.addEventListener('click', () => late.read());

const named = location.hash.slice(1);
if (/^[0-9a-f-]{36}$/.test(named)) {
  show(PREFIX + named);
  say('A run that somebody else began.');
}
