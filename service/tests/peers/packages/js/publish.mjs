// Publishes with the packed client: its argument is { server, topic, data, events, ...options }.
import { publish, publishMany } from "@fanfare/client";

const { server, topic, data, events, ...options } = JSON.parse(process.argv[2]);
try {
  const answer = events ? publishMany(server, events, options) : publish(server, topic, data, options);
  console.log(JSON.stringify({ published: await answer }));
} catch ({ message, status = null, problem = null, temporary }) {
  console.log(JSON.stringify({ failed: { message, status, problem, temporary } }));
}
