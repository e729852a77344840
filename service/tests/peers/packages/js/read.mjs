// Reads streams with the packed client, one after the other until each is over, and prints what it is told
// as lines of JSON. Its argument is an array of { address, count, tokens, callbacks, ...options }.
import { subscribe } from "@fanfare/client";

const say = (line) => console.log(JSON.stringify(line));

for (const { count = Infinity, tokens, callbacks, ...asked } of JSON.parse(process.argv[2])) {
  let [left, connections] = [count, 0];
  const options = {
    ...asked,
    onGap: (gap) => say({ gap }),
    onEnd: (end) => say({ end }),
    onRetry: ({ delay, error }) => say({ retry: { delay, error: error?.message ?? null } }),
  };
  if (tokens) {
    options.headers = async (refused) => {
      say({ asked: refused?.status ?? null });
      return { Authorization: `Bearer ${tokens[Math.min(connections++, tokens.length - 1)]}` };
    };
  }
  const read = callbacks ? readWithCallbacks : readWithLoop;
  try {
    await read(asked.address, options, (event) => {
      say({ event: [event.type, event.data, event.id] });
      return --left > 0;
    });
    say({ over: true });
  } catch ({ message, status = null, problem = null, temporary }) {
    say({ failed: { message, status, problem, temporary } });
  }
}

async function readWithLoop(address, options, take) {
  for await (const event of subscribe(address, options)) {
    if (!take(event)) break;
  }
}

function readWithCallbacks(address, options, take) {
  return new Promise((resolve, reject) => {
    const subscription = subscribe(address, {
      ...options,
      onEvent: (event) => take(event) || subscription.close(),
      onError: reject,
      onState: (state) => ["ended", "closed"].includes(state) && resolve(),
    });
  });
}
