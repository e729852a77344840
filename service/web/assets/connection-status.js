// Shows the state of a page's connection in #connection, and what was missed in
// #notice. A screen reader hears the changes of state, not the seconds.

const WORDS = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  live: 'Live',
  reconnecting: 'Reconnecting',
  closed: 'Closed',
};

/**
 * Writes a state into #connection.
 *
 * @param {{state: keyof typeof WORDS, seconds?: number}} connection
 */
export function showConnection({ state, seconds }) {
  const place = document.getElementById('connection');
  if (place.dataset.state !== state || !place.querySelector('.countdown')) {
    const countdown = document.createElement('span');
    countdown.className = 'countdown';
    // Hidden from screen readers, or each second would be read aloud.
    countdown.setAttribute('aria-hidden', 'true');
    place.replaceChildren(WORDS[state], countdown);
    place.dataset.state = state;
  }
  place.querySelector('.countdown').textContent = seconds ? ` in ${seconds} s` : '';
}

/**
 * Tells, discreetly, that some events will never arrive.
 *
 * @param {import('./stream.js').Gap} gap
 */
export function showGap(gap) {
  const place = document.getElementById('notice');
  const missed = Number.isFinite(gap.missed) && gap.missed > 0
    ? ` ${gap.missed.toLocaleString('en')} ${gap.missed === 1 ? 'event was' : 'events were'} missed.`
    : '';
  const text = document.createElement('span');
  text.textContent = `The server no longer has everything that happened while you were away.${missed}`;
  const dismiss = document.createElement('button');
  dismiss.type = 'button';
  dismiss.className = 'quiet';
  dismiss.textContent = 'Dismiss';
  dismiss.addEventListener('click', () => place.replaceChildren());
  place.replaceChildren(text, dismiss);
}
