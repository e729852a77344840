// Publishes with an agent of Node that keeps one connection, a good event after each bad request:
// HOST:PORT.
//
// Prints a line for each answer: what was sent, and the status. A connection that was closed without a
// word shows as an exception, as it would to the program of a user.

import http from 'node:http';

const BAD = [
  ['POST', '/nowhere', {}],
  ['PUT', '/events/t', {}],
  ['POST', '/events/t', { origin: 'https://evil.example' }],
  ['POST', '/.well-known/mercure', { 'content-type': 'a/b' }],
  ['POST', '/events/t', {}],
];

const [host, port] = process.argv[2].split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function ask(method, path, body, headers) {
  return new Promise((resolve, reject) => {
    const options = { host, port, agent, method, path };
    options.headers = { ...headers, 'content-length': body.length };
    const request = http.request(options, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode)).on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

for (const size of [10, 200_000, 5_000_000]) {
  for (const [method, path, headers] of BAD) {
    const status = await ask(method, path, Buffer.alloc(size, 'x'), headers);
    process.stdout.write(`${size} ${method} ${path} ${status}\n`);
    process.stdout.write(`good ${await ask('POST', '/events/t', Buffer.from('good'), {})}\n`);
  }
}
agent.destroy();
