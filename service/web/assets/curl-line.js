// The curl lines that do what the console's forms do.

const ENDPOINT = '/.well-known/mercure';

// A variable of the shell: the token itself is for nobody who looks at the screen, nor for a history.
const TOKEN = '-H "Authorization: Bearer $TOKEN"';

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
 * @param {boolean} hasToken
 * @returns {string}
 */
export function subscribeCurl(origin, selectors, lastEventId, hasToken) {
  const fields = selectors.map((selector) => ['topic', selector]);
  if (lastEventId) fields.push(['lastEventID', lastEventId]);
  return line(['curl', '-N', '-G', origin + ENDPOINT], fields, hasToken);
}

/**
 * @param {string} origin
 * @param {Array<[string, string]>} fields
 * @param {boolean} hasToken
 * @returns {string}
 */
export function publishCurl(origin, fields, hasToken) {
  return line(['curl', origin + ENDPOINT], fields, hasToken);
}

function line(words, fields, hasToken) {
  const given = fields.flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
  const quoted = [...words, ...given].map(shellQuote);
  return (hasToken ? [...quoted, TOKEN] : quoted).join(' ');
}
