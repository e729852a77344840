// The event stream format of the HTML standard (section 9.2.6), chunk by chunk.
//
// What it departs from: a stream begins with the last id of the one before it, as browsers do it, and an
// event has a greatest size.
import { FanfareError } from "./error.js";

/** The most that `retry:` and timers of JavaScript can hold, in milliseconds. */
export const LONGEST_WAIT = 2 ** 31 - 1;

export class EventStreamParser {
  /** With this a client resumes. It changes with blocks that have an id and nothing else, too. */
  lastEventId;
  /** Milliseconds, once the server has said so. */
  retry;
  #sizeMax;
  /** Of the line that has not ended yet. */
  #line = "";
  /** The last chunk ended with a carriage return, so that a line feed belongs to it. */
  #afterReturn = false;
  /** Of the block that has not ended yet. */
  #id;
  #type = "";
  #data = [];
  #dataSize = 0;

  constructor(lastEventId, sizeMax) {
    this.lastEventId = this.#id = lastEventId;
    this.#sizeMax = sizeMax;
  }

  /** The events that end within a text; whoever stops between two has the id of the first. */
  *feed(text) {
    const lineBreak = /[\r\n]/g;
    let from = this.#afterReturn && text.startsWith("\n") ? 1 : 0;
    if (text !== "") this.#afterReturn = false;
    for (;;) {
      lineBreak.lastIndex = from;
      const found = lineBreak.exec(text);
      this.#extend(text.slice(from, found?.index));
      if (!found) return;
      from = found.index + 1;
      if (found[0] === "\r") {
        if (from === text.length) this.#afterReturn = true;
        else if (text[from] === "\n") from += 1;
      }
      const event = this.#takeLine();
      if (event) yield event;
    }
  }

  #extend(text) {
    this.#line += text;
    if (this.#line.length + this.#dataSize > this.#sizeMax) {
      const advice = "raise maxEventSize, or publish less at once";
      throw new FanfareError(`an event has more than ${this.#sizeMax} characters: ${advice}`);
    }
  }

  #takeLine() {
    const line = this.#line;
    this.#line = "";
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
    this.#takeField(name, value);
    return undefined;
  }

  #takeField(name, value) {
    switch (name) {
      case "data":
        this.#data.push(value);
        this.#dataSize += value.length + 1;
        break;
      case "event":
        this.#type = value;
        break;
      case "id":
        if (!value.includes("\0")) this.#id = value;
        break;
      case "retry":
        if (/^[0-9]+$/.test(value)) this.retry = Math.min(Number(value), LONGEST_WAIT);
        break;
    }
  }

  #dispatch() {
    const [type, data] = [this.#type || "message", this.#data];
    this.#type = "";
    this.#data = [];
    this.#dataSize = 0;
    this.lastEventId = this.#id;
    if (data.length === 0) return undefined;
    return { type, data: data.join("\n"), id: this.lastEventId };
  }
}
