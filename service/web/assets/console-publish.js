// The publishing half of the console: the form, the server's answer and the
// curl line that would do the same.

import { authorization, hasToken, offerToken } from './console-token.js';
import { showCommand } from './copy-command.js';
import { publishCurl } from './curl-line.js';
import { linesOf } from './lines.js';
import { readProblem } from './problem.js';

const element = (id) => document.getElementById(id);

/**
 * Wires the publish form.
 *
 * @param {(id: string, topic: string) => void} onPublished With the canonical topic of the event.
 * @returns {() => void} Shows the curl line anew.
 */
export function preparePublishing(onPublished) {
  const answer = element('answer');
  let latest = 0;

  function fields() {
    const given = linesOf(element('topic')).map((topic) => ['topic', topic]);
    given.push(['data', element('data').value]);
    const optional = [['type', 'type'], ['id', 'event-id'], ['retry', 'retry']];
    for (const [name, id] of optional) {
      if (element(id).value) given.push([name, element(id).value]);
    }
    for (const name of ['private', 'end']) {
      if (element(name).checked) given.push([name, 'on']);
    }
    return given;
  }

  function showCurl() {
    showCommand(element('publish-curl'), publishCurl(location.origin, fields(), hasToken()));
  }

  async function publish(given) {
    try {
      const response = await fetch('/.well-known/mercure', {
        method: 'POST',
        headers: authorization(),
        body: new URLSearchParams(given),
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
    const given = fields();
    const { kind, text } = await publish(given);
    if (kind === 'published') onPublished(text, given[0][1]);
    // Answers may overtake each other; the last click is the one that counts.
    if (mine !== latest) return;
    answer.dataset.kind = kind;
    answer.textContent = text;
    if (kind === 'problem') offerToken(text);
  });
  element('publish-form').addEventListener('input', showCurl);
  return showCurl;
}
