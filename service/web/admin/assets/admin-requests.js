// Requests to the admin listener, with its token where there is one. The token
// stays in this tab, over a reload, and never stands in the address.

import { requestJson } from './json-request.js';

const KEY = 'fanfare-admin-token';

const field = () => document.getElementById('token');

/**
 * Asks the server for something.
 *
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<any>} The document that it answers, or null when there is none.
 */
export async function ask(path, options = {}) {
  const token = field().value.trim();
  const headers = token === '' ? {} : { Authorization: `Bearer ${token}` };
  try {
    return await requestJson(path, { ...options, headers });
  } catch (error) {
    if (error.wantsToken) document.getElementById('token-panel').open = true;
    throw error;
  }
}

/**
 * Wires the field of the token.
 *
 * @param {() => void} onChange
 */
export function prepareToken(onChange) {
  field().value = sessionStorage.getItem(KEY) ?? '';
  document.getElementById('token-panel').open = field().value !== '';
  field().addEventListener('change', () => {
    sessionStorage.setItem(KEY, field().value.trim());
    onChange();
  });
}
