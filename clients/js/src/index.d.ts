/** Headers, or a function that is asked for them before each connection, and once more after a 401. */
export type HeadersSource =
  | HeadersInit
  | ((refused?: FanfareError) => HeadersInit | undefined | Promise<HeadersInit | undefined>);

/** How requests are made. */
export interface RequestOptions {
  headers?: HeadersSource;
  /** Whether a browser sends cookies to another origin; "same-origin" if nothing is said. */
  credentials?: RequestCredentials;
  /** Another `fetch` than the platform's. */
  fetch?: typeof globalThis.fetch;
  signal?: AbortSignal;
}

export interface FanfareEvent {
  /** "message" where the publisher gave no type. */
  type: string;
  data: string;
  /** The last id of the stream: with it a later subscription goes on behind this event. */
  id: string;
}

/** Events that were missed for good. */
export interface Gap {
  /** How many, where that is known. */
  missed: number | null;
  after: string | null;
  before: string | null;
}

export interface Retry {
  /** In milliseconds. */
  delay: number;
  /** Why; undefined when the stream has ended in order. */
  error?: FanfareError;
}

/** "idle" until it is read; the last three are for good. */
export type State = "idle" | "connecting" | "open" | "waiting" | "ended" | "closed" | "failed";

type Handler<T> = (told: T) => void | Promise<void>;

/** Handlers are waited for: nothing is read meanwhile. */
export interface Handlers {
  /** Every event. */
  onEvent?: Handler<FanfareEvent>;
  /** Events of a type. */
  on?: Record<string, Handler<FanfareEvent>>;
  /** Load anew whatever was made of the events so far. */
  onGap?: Handler<Gap>;
  /** Nothing more will come of these topics. */
  onEnd?: Handler<string[]>;
  /** Before it waits to come back. */
  onRetry?: (retry: Retry) => void;
  /** It has failed for good. Without this the error is an unhandled rejection. */
  onError?: (error: Error) => void;
  onState?: (state: State) => void;
}

export interface SubscribeOptions extends RequestOptions, Handlers {
  /** Exact topics, or "*" for all. With this or one of the next two, the address is the server's. */
  topics?: string | string[];
  /** URL patterns. */
  patterns?: string | string[];
  /** URI Templates, which do not go together with the other two. */
  templates?: string | string[];
  /** Goes on behind this id; "earliest" begins with all that is retained, "now" with what comes. */
  lastEventId?: string;
  /** Begins with so many of each topic's newest events. */
  last?: number;
  /** Begins with events since then: a time, or "10m". */
  since?: string | Date;
  /** Milliseconds without a byte after which it connects again; 45,000. 0 waits for ever. */
  idleTimeout?: number;
  /** Characters; 4,194,304. A larger event is an error for good. */
  maxEventSize?: number;
}

/** Reads events: with `onEvent` or `on` from now on, otherwise when it is iterated over. */
export function subscribe(address: string | URL, options?: SubscribeOptions): Subscription;

export class Subscription implements AsyncIterable<FanfareEvent> {
  constructor(address: string | URL, options?: SubscribeOptions);
  readonly state: State;
  /** Of the newest event or place; "" if there was none. */
  readonly lastEventId: string;
  close(): void;
  /** Ends when all topics have ended or it is closed; throws when it has failed for good. */
  [Symbol.asyncIterator](): AsyncGenerator<FanfareEvent, void, undefined>;
}

/** The answer to a request, or the lack of one. */
export class FanfareError extends Error {
  constructor(
    message: string,
    options?: Partial<Pick<FanfareError, "status" | "problem" | "retryAfter" | "temporary" | "cause">>,
  );
  /** Of HTTP; undefined when there was no answer. */
  readonly status?: number;
  /** What the server says of it, if it says so as RFC 9457 has it. */
  readonly problem?: { type?: string; title?: string; status?: number; detail?: string; [name: string]: unknown };
  /** Milliseconds. */
  readonly retryAfter?: number;
  /** The same request may succeed later. */
  readonly temporary: boolean;
}

export interface EventOptions {
  type?: string;
  /** Made at random if it is not given, so that the event may be sent again. */
  id?: string;
  /** How long clients wait before they come back, in milliseconds. */
  retry?: number;
  /** Only for those whose token grants one of its topics. */
  private?: boolean;
  /** Nothing more will come of its topics. */
  end?: boolean;
}

export interface PublishOptions extends RequestOptions {
  /** How often it is sent where the answer is lost or a temporary error; 5. With 1 the server makes the id. */
  attempts?: number;
  /** Of one attempt, in milliseconds; 30,000. */
  timeout?: number;
}

/** Publishes one event and returns its id. What is no string is sent as JSON. */
export function publish(
  server: string | URL,
  topic: string,
  data: unknown,
  options?: EventOptions & PublishOptions,
): Promise<string>;

export interface EventToPublish extends EventOptions {
  topic: string | string[];
  /** A string, or anything that JSON can hold. */
  data?: unknown;
}

export type Published = { id: string } | { error: string; status: number; line: number };

/** Publishes many events in one request; the results are in their order. */
export function publishMany(
  server: string | URL,
  events: EventToPublish[],
  options?: PublishOptions,
): Promise<Published[]>;
