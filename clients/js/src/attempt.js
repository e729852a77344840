// One request and the reading of its response: what may be waited for, and how it is ended.
import { FanfareError, refusal } from "./error.js";

export class Attempt {
  #controller = new AbortController();

  /** Ends whatever is waited for, which then throws the reason. */
  abort(reason) {
    this.#controller.abort(reason);
  }

  /** Waits for a promise of the network, for so many milliseconds; 0 is without end. */
  async within(time, work) {
    const tooLong = () => this.abort(new FanfareError(`nothing came for ${time} ms`, { temporary: true }));
    const timer = time > 0 ? setTimeout(tooLong, time) : undefined;
    const { signal } = this.#controller;
    try {
      signal.throwIfAborted();
      return await work(signal);
    } catch (cause) {
      // Also where the platform has an error of its own for it.
      signal.throwIfAborted();
      throw new FanfareError(`the connection failed: ${cause?.message}`, { temporary: true, cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** A response that is no error. Headers by a function are asked for once more after a 401. */
  async request(url, init, { headers, fetch = globalThis.fetch, timeout }) {
    for (let refused; ; ) {
      const all = new Headers(init.headers);
      new Headers(await given(headers, refused)).forEach((value, name) => all.set(name, value));
      const ask = (signal) => fetch(url, { ...init, headers: all, cache: "no-store", signal });
      const response = await this.within(timeout, ask);
      if (response.ok) return response;
      const error = await this.within(timeout, () => refusal(response));
      if (error.status !== 401 || refused || typeof headers !== "function") throw error;
      refused = error;
    }
  }
}

/** A function that fails may succeed the next time: often it asks for a token over the network. */
async function given(headers, refused) {
  if (typeof headers !== "function") return headers;
  try {
    return await headers(refused);
  } catch (cause) {
    throw new FanfareError(`there are no headers: ${cause?.message}`, { temporary: true, cause });
  }
}
