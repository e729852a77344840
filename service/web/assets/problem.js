// Puts an error answer of the server (application/problem+json) into a sentence.

/**
 * Says what a response that is not a success says.
 *
 * @param {Response} response
 * @returns {Promise<string>} Its title and detail, or its status when it has neither.
 */
export async function readProblem(response) {
  const status = `${response.status} ${response.statusText}`.trim();
  const text = await response.text();
  try {
    const { title, detail } = JSON.parse(text);
    const parts = [title, detail].filter((part) => typeof part === 'string' && part !== '');
    if (parts.length > 0) return `${response.status} ${parts.join(': ')}`;
  } catch {
    // Not a problem document; perhaps a proxy in between answered.
  }
  return `The server answered ${status}.`;
}
