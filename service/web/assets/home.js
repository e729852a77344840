// The home page: the server's live figures, and a drawing that pulses once for
// each event that really arrives.

import { openStream } from './stream.js';
import { showConnection } from './connection-status.js';
import { withJson } from './json-event.js';
import { prepareCommands } from './copy-command.js';

const calm = matchMedia('(prefers-reduced-motion: reduce)');
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

const show = (id, text) => { document.getElementById(id).textContent = text; };

function uptime(seconds) {
  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return '0 s';
  let rest = Math.floor(seconds);
  return units.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return `${count} ${unit}`;
  }).join(' ');
}

function pulse() {
  if (calm.matches || document.hidden) return;
  document.querySelectorAll('.fan .pulse').forEach((ray) => ray.animate(
    [{ strokeDashoffset: 16, opacity: 1 }, { strokeDashoffset: -100, opacity: 1 }],
    { duration: 620, easing: 'cubic-bezier(.3, 0, .5, 1)' },
  ));
  document.querySelectorAll('.fan .ear').forEach((ear) => ear.animate(
    [{ fill: 'var(--accent)' }, { fill: 'var(--ear)' }],
    { duration: 700, delay: 520, easing: 'ease-out' },
  ));
}

prepareCommands();

openStream('/events/fanfare/server', {
  on: {
    message: withJson(['subscribers', 'deliveries_per_second'], (figures) => {
      show('subscribers', whole.format(figures.subscribers));
      show('deliveries', whole.format(figures.deliveries_per_second));
      if (Number.isFinite(figures.events_per_second)) {
        show('events-published', whole.format(figures.events_per_second));
      }
      if (Number.isFinite(figures.uptime_seconds)) show('uptime', uptime(figures.uptime_seconds));
      pulse();
    }),
  },
  onState: showConnection,
  quietLimit: 10000,
});
