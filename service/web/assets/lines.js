// A field with one value a line.

/**
 * @param {HTMLTextAreaElement} field
 * @returns {string[]} Its lines without white space at their ends; none that is empty.
 */
export function linesOf(field) {
  return field.value.split('\n').map((line) => line.trim()).filter((line) => line !== '');
}
