// Publishing events, each with an id, so that one whose response was lost may be sent again.
import { within } from "./address.js";
import { Attempt } from "./attempt.js";
import { FanfareError, objectFrom } from "./error.js";
import { USUAL_WAIT, sleep, waitAfter } from "./wait.js";

const ATTEMPTS = 5;
/** Of one attempt, in milliseconds. */
const TIMEOUT = 30_000;

/** Publishes one event and returns its id. */
export async function publish(server, topic, data, options = {}) {
  if (topic === "" || topic === "." || topic === "..") {
    throw new TypeError(`"${topic}" cannot stand in a URL: use publishMany`);
  }
  const url = within(server, `events/${encodeURIComponent(topic)}`);
  const { type, id = newId(options), retry } = options;
  for (const [name, value] of Object.entries({ type, id, retry })) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  for (const name of ["private", "end"]) {
    if (options[name]) url.searchParams.set(name, "on");
  }
  const body = typeof data === "string" ? data : JSON.stringify(data);
  const headers = { "Content-Type": "text/plain; charset=utf-8" };
  return send(url, { body, headers }, options, (text) => text);
}

/** Publishes many events in one request; the results are in their order. */
export async function publishMany(server, events, options = {}) {
  const lines = events.map((event) => JSON.stringify({ id: newId(options), ...event }) + "\n");
  const headers = { "Content-Type": "application/x-ndjson" };
  return send(within(server, "events"), { body: lines.join(""), headers }, options, (text) => {
    const results = text.split("\n").filter((line) => line.trim() !== "").map(objectFrom);
    if (results.length === events.length && !results.includes(undefined)) return results;
    const message = `${results.length} of ${events.length} lines were answered`;
    throw new FanfareError(message, { temporary: true });
  });
}

async function send(url, init, options, resultOf) {
  const { attempts = ATTEMPTS, timeout = TIMEOUT, credentials, signal } = options;
  for (let failures = 0; ; failures += 1) {
    signal?.throwIfAborted();
    const attempt = new Attempt();
    const abort = () => attempt.abort(signal.reason);
    signal?.addEventListener("abort", abort);
    try {
      const asked = { method: "POST", credentials, ...init };
      const response = await attempt.request(url, asked, { ...options, timeout });
      return resultOf(await attempt.within(timeout, () => response.text()));
    } catch (error) {
      if (!error?.temporary || failures + 1 >= attempts) throw error;
      await sleep(waitAfter(failures, USUAL_WAIT / 4, error.retryAfter), signal);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }
}

/** What is sent once needs none: the server gives it one. */
function newId({ attempts = ATTEMPTS }) {
  if (attempts <= 1) return undefined;
  // randomUUID is not there for pages that came over plain HTTP.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
