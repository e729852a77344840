// The clock page: the time as the server tells it, and the event that told it.

import { openStream } from './stream.js';
import { showConnection, showGap } from './connection-status.js';
import { prepareCommands } from './copy-command.js';

const time = document.getElementById('time');
const raw = document.getElementById('raw');

prepareCommands();

openStream('/stream-time', {
  on: {
    message(event) {
      raw.textContent = `id: ${event.lastEventId}\ndata: ${event.data}`;
      const told = event.data.match(/\d\d:\d\d:\d\d/);
      if (told) time.textContent = time.dateTime = told[0];
    },
  },
  onState: showConnection,
  onGap: showGap,
  quietLimit: 10000,
});
