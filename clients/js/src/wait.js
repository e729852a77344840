// How long to wait before the next attempt.
import { LONGEST_WAIT } from "./parser.js";

/** Where the server says nothing, and the least that failures grow from. */
export const USUAL_WAIT = 1000;
const LEAST_WAIT = 100;
/** Failures do not make a wait longer than this; a server may ask for longer ones. */
const GROWN_WAIT_MAX = 30_000;

/**
 * What the server asked for, doubled with each failure in a row, and up to half as much again, so that
 * clients that were cut off together do not come back together.
 */
export function waitAfter(failures, retry, retryAfter = 0) {
  const grown = Math.min(Math.max(retry, LEAST_WAIT) * 2 ** failures, GROWN_WAIT_MAX);
  const spread = Math.max(grown, retry) * (1 + Math.random() / 2);
  return Math.min(Math.round(Math.max(spread, retryAfter)), LONGEST_WAIT);
}

/** Ends early, without an error, when the signal says so. */
export function sleep(time, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, time);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}
