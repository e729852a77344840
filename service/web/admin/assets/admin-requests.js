// Requests to the admin listener, with its token where there is one. The token
// stays in this tab, over a reload, and never stands in the address.

import { readProblem } from './problem.js';

const KEY = 'fanfare-admin-token';
const TIME_MAX = 10000;

const field = () => document.getElementById('token');

/** What the server did not do, in a sentence, with its status. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** Whether another token, or one at all, may help. */
  get wantsToken() {
    return this.status === 401;
  }
}

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
  const signal = AbortSignal.timeout(TIME_MAX);
  const response = await fetch(path, { ...options, headers, signal, cache: 'no-store' });
  if (!response.ok) {
    const refusal = new Refusal(response.status, await readProblem(response));
    if (refusal.wantsToken) document.getElementById('token-panel').open = true;
    throw refusal;
  }
  return response.status === 204 ? null : response.json();
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
