// A stream that comes back by itself until it has ended, has failed for good, or is closed.
import { streamAddress, topicsOf } from "./address.js";
import { Attempt } from "./attempt.js";
import { FanfareError, objectFrom } from "./error.js";
import { EventStreamParser } from "./parser.js";
import { USUAL_WAIT, sleep, waitAfter } from "./wait.js";

/** Three of Fanfare's heartbeats, in milliseconds. */
const IDLE_TIMEOUT = 45_000;
/** Characters. */
const EVENT_SIZE_MAX = 4 << 20;

/** Reads events: with `onEvent` or `on` from now on, otherwise when it is iterated over. */
export function subscribe(address, options) {
  return new Subscription(address, options);
}

export class Subscription {
  #options;
  #url;
  /** What is asked for and has not ended; undefined where that cannot be known. */
  #topics;
  /** The server has said that nothing will come any more. */
  #isOver = false;
  #isRead = false;
  #parser;
  #retry = USUAL_WAIT;
  #state = "idle";
  #closing = new AbortController();
  #attempt;

  constructor(address, options = {}) {
    this.#options = { idleTimeout: IDLE_TIMEOUT, maxEventSize: EVENT_SIZE_MAX, ...options };
    this.#url = streamAddress(address, options);
    const topics = topicsOf(this.#url);
    this.#topics = topics && new Set(topics);
    this.#parser = this.#parserAfter(options.lastEventId ?? "");
    const { signal } = options;
    signal?.addEventListener("abort", () => this.close(), { signal: this.#closing.signal });
    if (signal?.aborted) this.close();
    if (options.onEvent || options.on) this.#listen();
  }

  get state() {
    return this.#state;
  }

  get lastEventId() {
    return this.#parser.lastEventId;
  }

  /** Nothing is called and no event comes any more. */
  close() {
    this.#closing.abort();
    this.#attempt?.abort(new FanfareError("the subscription was closed"));
    if (this.#state === "idle") this.#become("closed");
  }

  [Symbol.asyncIterator]() {
    if (this.#isRead) throw new Error("a subscription is read once: call subscribe again");
    this.#isRead = true;
    return this.#events();
  }

  async #listen() {
    const { onEvent, on = {}, onError } = this.#options;
    const events = this[Symbol.asyncIterator]();
    // Handlers may use the subscription, which its owner does not have yet.
    await undefined;
    try {
      for await (const event of events) {
        if (Object.hasOwn(on, event.type)) await on[event.type](event);
        await onEvent?.(event);
      }
    } catch (error) {
      if (!onError) throw error;
      onError(error);
    }
  }

  async *#events() {
    let failures = 0;
    try {
      while (!this.#closing.signal.aborted) {
        this.#become("connecting");
        let error;
        try {
          yield* this.#stream(() => (failures = 0));
        } catch (caught) {
          error = caught;
        }
        if (this.#closing.signal.aborted) return;
        if (error && !error.temporary) throw error;
        if (this.#isOver || this.#topics?.size === 0) return this.#become("ended");
        await this.#wait(failures++, error);
      }
    } catch (error) {
      this.#become("failed");
      throw error;
    } finally {
      if (this.#state !== "ended" && this.#state !== "failed") this.#become("closed");
      this.#closing.abort();
    }
  }

  async #wait(failures, error) {
    const delay = waitAfter(failures, this.#retry, error?.retryAfter);
    this.#become("waiting");
    this.#options.onRetry?.({ delay, error });
    await sleep(delay, this.#closing.signal);
  }

  /** What comes over one connection. */
  async *#stream(opened) {
    const { credentials, idleTimeout } = this.#options;
    const headers = { Accept: "text/event-stream" };
    if (this.lastEventId !== "") headers["Last-Event-ID"] = asHeader(this.lastEventId);
    this.#attempt = new Attempt();
    const attempt = this.#attempt;
    const options = { ...this.#options, timeout: idleTimeout };
    const response = await attempt.request(this.#url, { credentials, headers }, options);
    if (response.status === 204) this.#isOver = true;
    if (this.#isOver) return;
    const reader = eventStream(response).getReader();
    try {
      opened();
      this.#become("open");
      this.#parser = this.#parserAfter(this.lastEventId);
      for (const decoder = new TextDecoder(); ; ) {
        const { done, value } = await attempt.within(idleTimeout, () => reader.read());
        if (done) return;
        yield* this.#eventsIn(decoder.decode(value, { stream: true }));
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  async *#eventsIn(text) {
    const { onGap, onEnd } = this.#options;
    for (const event of this.#parser.feed(text)) {
      if (event.type === "fanfare-gap") {
        await onGap?.({ missed: null, after: null, before: null, ...objectFrom(event.data) });
      } else if (event.type === "fanfare-end") {
        const { topics = [] } = objectFrom(event.data) ?? {};
        topics.forEach((topic) => this.#topics?.delete(topic));
        await onEnd?.(topics);
      } else {
        yield event;
      }
      if (this.#closing.signal.aborted) return;
    }
    this.#retry = this.#parser.retry ?? this.#retry;
  }

  #parserAfter(lastEventId) {
    return new EventStreamParser(lastEventId, this.#options.maxEventSize);
  }

  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onState?.(state);
  }
}

function eventStream(response) {
  const type = response.headers.get("content-type") ?? "no content type";
  if (response.status === 200 && /^text\/event-stream\s*(;|$)/i.test(type)) return response.body;
  response.body?.cancel().catch(() => {});
  throw new FanfareError(`${response.url} is no stream of events, but ${type}`, {
    status: response.status,
  });
}

/** In UTF-8, as an EventSource sends it; a header takes a string for its bytes. */
function asHeader(id) {
  return String.fromCharCode(...new TextEncoder().encode(id));
}
