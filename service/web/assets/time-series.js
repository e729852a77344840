// The values of the last minutes, each at the time when the server accepted it,
// so that what is replayed stands where it belongs, and a time without values
// stays empty.

import { acceptedAt } from './event-time.js';

/**
 * @param {number} shown How far back values are kept (ms).
 * @returns {(value: number, id: string) => Array<[number, number]>} Takes the next value, with the id of its
 *   event, and returns all that are kept: time and value.
 */
export function createTimeSeries(shown) {
  let points = [];
  return (value, id) => {
    const at = acceptedAt(id) ?? Date.now();
    // A clock that was set back, or another server, begins anew from there.
    const kept = points.filter(([before]) => before <= at && at - before <= shown);
    // The one just out of sight stays: the line comes in from the edge.
    const edge = points.findLast(([before]) => before <= at && at - before > shown);
    points = edge ? [edge, ...kept, [at, value]] : [...kept, [at, value]];
    return points;
  };
}
