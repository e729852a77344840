// How numbers are written on pages that show what is in the server.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
const TIMES = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];

/** @param {number} count */
export const count = (number) => whole.format(number);

/** @param {number} bytes */
export function bytes(size) {
  let unit = 0;
  let left = size;
  while (left >= 1024 && unit < BYTES.length - 1) {
    left /= 1024;
    unit += 1;
  }
  return `${short.format(left)} ${BYTES[unit]}`;
}

/** @param {number} seconds */
export function time(seconds) {
  if (seconds < 1) return `${short.format(seconds * 1000)} ms`;
  const first = TIMES.findIndex(([, size]) => seconds >= size);
  let left = Math.floor(seconds);
  return TIMES.slice(first, first + 2).map(([unit, size]) => {
    const whole = Math.floor(left / size);
    left -= whole * size;
    return `${whole} ${unit}`;
  }).join(' ');
}

const UNITS = { bytes, seconds: time };

/**
 * @param {number} value
 * @param {string} unit As the status names it.
 */
export const inUnit = (value, unit) => (UNITS[unit] ?? count)(value);
