// The token of the console: what both forms send as `Authorization: Bearer`.
// It stays in this tab, over a reload, and never stands in the address.

const KEY = 'fanfare-token';

const element = (id) => document.getElementById(id);

/** The headers that a request needs for the token of the field. */
export function authorization() {
  const token = element('token').value.trim();
  return token === '' ? {} : { Authorization: `Bearer ${token}` };
}

/** Whether there is a token. */
export function hasToken() {
  return element('token').value.trim() !== '';
}

/**
 * Opens the field where the server has asked for a token.
 *
 * @param {string} problem What the server said, with its status.
 */
export function offerToken(problem) {
  if (problem.startsWith('401 ')) element('token-panel').open = true;
}

/**
 * Wires the field.
 *
 * @param {() => void} onChange
 */
export function prepareToken(onChange) {
  const field = element('token');
  field.value = sessionStorage.getItem(KEY) ?? '';
  element('token-panel').open = hasToken();
  field.addEventListener('input', () => {
    sessionStorage.setItem(KEY, field.value.trim());
    onChange();
  });
}
