// The same as publish_after_errors.py with an agent of Node and with its fetch: LIBRARY BASE CASES.

import http from 'node:http';

const [library, base, cases] = process.argv.slice(2);
// One connection, so that the good publish has no other.
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

const LIBRARIES = {
  'http.Agent': (method, path, headers, body) =>
    new Promise((resolve, reject) => {
      const options = { method, agent, headers: { ...headers, 'Content-Length': body.length } };
      const request = http.request(base + path, options, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode)).on('error', reject);
      });
      request.on('error', reject).end(body);
    }),
  fetch: async (method, path, headers, body) => {
    const answer = await fetch(base + path, { method, headers, body });
    await answer.arrayBuffer();
    return answer.status;
  },
};

const status = LIBRARIES[library];
for (const { method, path, headers, length } of JSON.parse(cases)) {
  const bad = await status(method, path, headers, Buffer.alloc(length, 'x'));
  const good = await status('POST', '/events/good', {}, Buffer.from('good'));
  console.log(JSON.stringify([bad, good]));
}
agent.destroy();
