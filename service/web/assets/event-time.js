// When the server accepted an event, as its id tells. What is replayed comes all
// at once, so the time of arrival says nothing about when it happened.

const DIGITS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
// An id of the hub: epoch, position and time, seven digits of six bits each.
const HUB_ID = /^e:[-\w]{14}([-\w]{7})$/;

/**
 * @param {string} id
 * @returns {number|null} Milliseconds since 1970 by the server's clock; null for an id of a publisher's own.
 */
export function acceptedAt(id) {
  const time = HUB_ID.exec(id)?.[1];
  if (!time) return null;
  // 42 bits: more than the operators for bits can hold.
  return [...time].reduce((word, digit) => word * 64 + DIGITS.indexOf(digit), 0);
}
