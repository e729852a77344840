// Requests that are answered with a JSON document.

import { readProblem } from './problem.js';

const TIME_MAX = 10000;

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
 * Asks a server for something. An error that is no `Refusal` means that there was no answer, or none that this page
 * may read.
 *
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<any>} The document that it answers, or null when there is none.
 */
export async function requestJson(url, options = {}) {
  const signal = AbortSignal.timeout(TIME_MAX);
  const response = await fetch(url, { ...options, signal, cache: 'no-store' });
  if (!response.ok) throw new Refusal(response.status, await readProblem(response));
  return response.status === 204 ? null : response.json();
}
