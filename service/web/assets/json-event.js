// Reads events whose data is a JSON object. Anybody who may publish may publish
// anything, so what is not an object of the expected numbers is left out
// rather than shown as "NaN".

/**
 * Makes an event handler of a function that takes the object in the data.
 *
 * @param {string[]} numbers The fields that must be finite numbers.
 * @param {(value: Record<string, any>, event: MessageEvent) => void} handle
 * @returns {(event: MessageEvent) => void}
 */
export function withJson(numbers, handle) {
  return (event) => {
    let value;
    try {
      value = JSON.parse(event.data);
    } catch {
      return;
    }
    if (value && numbers.every((name) => Number.isFinite(value[name]))) handle(value, event);
  };
}
