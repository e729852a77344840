// Shows only the newest of what arrives between two frames: a replay of hundreds
// of events is drawn once, as it stands at its end, and is not played.

/**
 * @template T
 * @param {(value: T) => void} show
 * @returns {(value: T) => void}
 */
export function latest(show) {
  let waiting = null;
  return (value) => {
    if (!waiting) {
      requestAnimationFrame(() => {
        const newest = waiting.value;
        waiting = null;
        show(newest);
      });
    }
    waiting = { value };
  };
}
