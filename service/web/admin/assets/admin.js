// The page of the admin listener: asks the server how it is, again and again,
// and shows it. What needs a right is asked for by modules of its own.

import { showConnection } from './connection-status.js';
import { ask, prepareToken } from './admin-requests.js';
import { showStatus } from './admin-status.js';
import { prepareSlowest, refreshSlowest } from './admin-slowest.js';
import { prepareTopics } from './admin-topics.js';
import { prepareLogLevel, refreshLogLevel } from './admin-log-level.js';

const PAUSE = 2000;

const refreshTopics = prepareTopics();
let timer;

async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    showStatus(await ask('/status'));
    await refreshSlowest();
    await refreshTopics();
    showConnection({ state: 'live' });
  } catch (error) {
    const silent = error.status === undefined;
    showConnection({ state: silent ? 'reconnecting' : 'closed' });
    document.getElementById('notice').textContent = silent ? 'The server does not answer.' : error.message;
  }
  clearTimeout(timer);
  timer = setTimeout(refresh, PAUSE);
}

function begin() {
  refresh();
  refreshLogLevel();
}

prepareSlowest(refresh);
prepareLogLevel();
prepareToken(begin);
// A page that nobody sees asks nothing.
document.addEventListener('visibilitychange', refresh);
begin();
