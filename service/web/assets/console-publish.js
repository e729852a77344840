// The publishing half of the console: the form, the server's answer and the
// curl line that would do the same.

import { authorization, hasToken, offerToken } from './console-token.js';
import { showCommand } from './copy-command.js';
import { publishCurl } from './curl-line.js';
import { readProblem } from './problem.js';

const element = (id) => document.getElementById(id);

/**
 * Wires the publish form.
 *
 * @returns {() => void} Shows the curl line anew.
 */
export function preparePublishing() {
  const answer = element('answer');
  let latest = 0;

  function fields() {
    const given = [['topic', element('topic').value], ['data', element('data').value]];
    const type = element('type').value;
    if (type) given.push(['type', type]);
    return given;
  }

  function showCurl() {
    showCommand(element('publish-curl'), publishCurl(location.origin, fields(), hasToken()));
  }

  async function publish() {
    try {
      const response = await fetch('/.well-known/mercure', {
        method: 'POST',
        headers: authorization(),
        body: new URLSearchParams(fields()),
      });
      if (!response.ok) return { kind: 'problem', text: await readProblem(response) };
      return { kind: 'published', text: (await response.text()).trim() };
    } catch {
      return { kind: 'problem', text: 'The server could not be reached.' };
    }
  }

  element('publish-form').addEventListener('submit', async (event) => {
    event.preventDefault();
    latest += 1;
    const mine = latest;
    const { kind, text } = await publish();
    // Answers may overtake each other; the last click is the one that counts.
    if (mine !== latest) return;
    answer.dataset.kind = kind;
    answer.textContent = text;
    if (kind === 'problem') offerToken(text);
  });
  element('publish-form').addEventListener('input', showCurl);
  return showCurl;
}
