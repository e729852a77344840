// What the pages share. Each shows the data of an event as a paragraph in #seen, in the way of its
// library, so that the tests read all pages alike; those that handle events in JavaScript call this.
export function show(data) {
  const paragraph = document.createElement('p');
  paragraph.textContent = data;
  document.getElementById('seen').append(paragraph);
}

// As a page publishes that has no help for it from its library.
window.publish = (data) =>
  fetch('{{hub}}/events/x', { method: 'POST', body: data, credentials: '{{fetch_credentials}}' })
    .then((response) => response.status);
