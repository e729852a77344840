// The log level: what is in force, and a field to change it where that is
// allowed.

import { ask } from './admin-requests.js';

const element = (id) => document.getElementById(id);

function answer(kind, text) {
  const place = element('level-answer');
  place.dataset.kind = kind;
  place.textContent = text;
}

/** Shows the filter that is in force, or that it is not for everybody. */
export async function refreshLogLevel() {
  try {
    const { filter } = await ask('/log-level');
    if (filter === null) throw new Error('The program that this hub runs inside of decides which lines are written.');
    element('level').value = filter;
    element('level-form').hidden = false;
    element('level-closed').hidden = true;
  } catch (error) {
    element('level-form').hidden = true;
    element('level-closed').hidden = false;
    element('level-closed').textContent = error.message;
  }
}

async function apply(event) {
  event.preventDefault();
  element('level-apply').disabled = true;
  try {
    const { filter } = await ask('/log-level', { method: 'PUT', body: element('level').value });
    element('level').value = filter;
    answer('done', `In force: ${filter}`);
  } catch (error) {
    answer('problem', error.message);
  }
  element('level-apply').disabled = false;
}

/** Wires the form. */
export function prepareLogLevel() {
  element('level-form').addEventListener('submit', apply);
}
