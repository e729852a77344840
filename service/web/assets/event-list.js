// The console's list of what arrived, newest first. Bounded, and drawn at most
// once a frame, so that a busy topic does not bring the browser to its knees.

const ROWS = 200;
const CHARACTERS = 10000;

/**
 * @param {HTMLOListElement} list
 * @param {HTMLElement} total Where the number received is shown.
 * @param {(id: string) => void} onId An id was clicked.
 * @returns {{add: (event: import('./sse-parser.js').SseEvent) => void, clear: () => void}}
 */
export function createEventList(list, total, onId) {
  let received = 0;
  let waiting = [];
  let scheduled = false;

  function draw() {
    scheduled = false;
    list.prepend(...waiting.reverse().map(row));
    waiting = [];
    while (list.children.length > ROWS) list.lastElementChild.remove();
    showTotal();
  }

  function showTotal() {
    const kept = received > ROWS ? `, the newest ${ROWS} shown` : '';
    total.textContent = received ? `${received.toLocaleString('en')} received${kept}` : '';
  }

  function row({ id, type, data, at }) {
    const item = document.createElement('li');
    item.append(
      idButton(id),
      part('span', 'type', type),
      part('time', 'time', clockTime(at)),
      part('pre', 'data', shortened(data)),
    );
    return item;
  }

  function idButton(id) {
    const button = part('button', 'id', id || 'no id');
    button.type = 'button';
    button.disabled = !id;
    button.title = 'Resume after this event';
    button.addEventListener('click', () => onId(id));
    return button;
  }

  return {
    add(event) {
      received += 1;
      waiting.push({ ...event, at: new Date() });
      if (waiting.length > ROWS) waiting.shift();
      if (!scheduled) {
        scheduled = true;
        requestAnimationFrame(draw);
      }
    },
    clear() {
      received = 0;
      waiting = [];
      list.replaceChildren();
      showTotal();
    },
  };
}

function part(name, className, text) {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

function shortened(data) {
  if (data.length <= CHARACTERS) return data;
  return `${data.slice(0, CHARACTERS)}… (${data.length.toLocaleString('en')} characters in all)`;
}

function clockTime(at) {
  const two = (number) => String(number).padStart(2, '0');
  const seconds = `${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  return `${two(at.getHours())}:${two(at.getMinutes())}:${seconds}`;
}
