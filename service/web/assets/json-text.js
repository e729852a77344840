// JSON as people read it: a member a line. The text itself stays as it was sent,
// because reading and writing it anew would change numbers that are too long for
// this language, and drop a key that stands twice.

/**
 * @param {string} text
 * @returns {string|null} The text with line breaks; null if it is no JSON object or array.
 */
export function indented(text) {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  return text.trim().replace(
    // A string as a whole, then what shapes the text; `[]` and `{}` stay together.
    /("(?:[^"\\]|\\.)*")|\s+|([[{])\s*([\]}])|([[{])|([\]}])|(,)|(:)/g,
    (_, string, emptyOpen, emptyClose, open, close, comma, colon) => {
      if (string) return string;
      if (emptyOpen) return emptyOpen + emptyClose;
      if (colon) return ': ';
      if (comma) return `,${line()}`;
      if (open || close) {
        depth += open ? 1 : -1;
        return open ? open + line() : line() + close;
      }
      return '';
    },
  );
}
