// Command lines on the pages: fills in this server's address, and makes the
// copy buttons work.

/**
 * Puts the address of this server into every element with `data-command`, and
 * wires every button with `data-copy` (the id of the element to copy).
 */
export function prepareCommands() {
  for (const place of document.querySelectorAll('[data-command]')) {
    showCommand(place, place.dataset.command.replaceAll('ORIGIN', location.origin));
  }
  for (const button of document.querySelectorAll('button[data-copy]')) {
    const label = button.textContent;
    button.addEventListener('click', async () => {
      const copied = await copy(document.getElementById(button.dataset.copy));
      button.textContent = copied ? 'Copied' : 'Selected';
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }
}

/**
 * Shows a command line that breaks between its words, not at its hyphens.
 *
 * @param {HTMLElement} place
 * @param {string} line
 */
export function showCommand(place, line) {
  place.replaceChildren(...line.split(/([ \n]+)/).map((piece, i) => {
    if (i % 2 === 1) return piece;
    const word = document.createElement('span');
    word.className = 'word';
    word.textContent = piece;
    return word;
  }));
}

/** Copies the text of an element; where that is not allowed, leaves it selected. */
async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    // Over plain HTTP, except on this machine, browsers offer no clipboard.
    getSelection().selectAllChildren(element);
    return document.execCommand('copy');
  }
}
