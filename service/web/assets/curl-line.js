// The curl lines that do what the console's forms do: an option a line, as people
// write them, so that they break where they may.

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
 * @param {Array<[string, string]>} parameters
 * @param {boolean} hasToken
 * @returns {string}
 */
export function subscribeCurl(origin, parameters, hasToken) {
  return line(`curl -N -G ${shellQuote(origin + ENDPOINT)}`, parameters, hasToken);
}

/**
 * @param {string} origin
 * @param {Array<[string, string]>} fields
 * @param {boolean} hasToken
 * @returns {string}
 */
export function publishCurl(origin, fields, hasToken) {
  return line(`curl ${shellQuote(origin + ENDPOINT)}`, fields, hasToken);
}

function line(command, fields, hasToken) {
  const options = fields.map(([name, value]) => {
    // What means the same in a form as it stands needs no encoding.
    const option = /^[A-Za-z0-9_.,:/-]*$/.test(value) ? '-d' : '--data-urlencode';
    return `${option} ${shellQuote(`${name}=${value}`)}`;
  });
  if (hasToken) options.push(TOKEN);
  return [command, ...options].join(' \\\n  ');
}
