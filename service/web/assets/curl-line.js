// The curl lines that do what the console's forms do.

const ENDPOINT = '/.well-known/mercure';

/**
 * Quotes one word for a POSIX shell.
 *
 * @param {string} word
 * @returns {string}
 */
export function shellQuote(word) {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  // Nothing is special between single quotes but the single quote itself.
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * @param {string} origin
 * @param {string[]} selectors
 * @param {string} lastEventId Empty: from now on.
 * @returns {string}
 */
export function subscribeCurl(origin, selectors, lastEventId) {
  const fields = selectors.map((selector) => ['topic', selector]);
  if (lastEventId) fields.push(['lastEventID', lastEventId]);
  return line(['curl', '-N', '-G', origin + ENDPOINT], fields);
}

/**
 * @param {string} origin
 * @param {Array<[string, string]>} fields
 * @returns {string}
 */
export function publishCurl(origin, fields) {
  return line(['curl', origin + ENDPOINT], fields);
}

function line(words, fields) {
  const given = fields.flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
  return [...words, ...given].map(shellQuote).join(' ');
}
