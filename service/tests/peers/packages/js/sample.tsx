// Every function and field of the packed client, for the type checker alone.
import { FanfareError, Subscription, publish, publishMany, subscribe } from "@fanfare/client";
import type { FanfareEvent, Gap, Published, State, SubscribeOptions } from "@fanfare/client";
import { useEvents } from "@fanfare/client/react";

const options: SubscribeOptions = {
  topics: ["a", "b"],
  patterns: "https://example.com/:id",
  templates: ["a/{b}"],
  lastEventId: "earliest",
  last: 10,
  since: new Date(),
  idleTimeout: 0,
  maxEventSize: 1 << 20,
  headers: async (refused) => (refused?.status === 401 ? { Authorization: "new" } : undefined),
  credentials: "include",
  fetch: globalThis.fetch,
  signal: AbortSignal.timeout(1000),
  onEvent: async (event) => void event.data.length,
  on: { paid: ({ type, data, id }) => void [type, data, id] },
  onGap: ({ missed, after, before }: Gap) => void [missed?.toFixed(), after?.length, before?.length],
  onEnd: (topics) => void topics.join(),
  onRetry: ({ delay, error }) => void [delay.toFixed(), error?.retryAfter?.toFixed()],
  onError: (error) => void (error instanceof FanfareError && error.problem?.detail?.length),
  onState: (state: State) => void state.length,
};

export async function read(): Promise<FanfareEvent[]> {
  const subscription: Subscription = subscribe(new URL("http://127.0.0.1:8080"), options);
  const events: FanfareEvent[] = [];
  for await (const event of subscription) events.push(event);
  const over: boolean = subscription.state === "ended" || subscription.lastEventId === "";
  if (over) subscription.close();
  // @ts-expect-error there is no such state
  if (subscription.state === "asleep") throw new FanfareError("no", { status: 400, temporary: false });
  // @ts-expect-error only the subscription itself changes it
  subscription.lastEventId = "";
  return events;
}

export async function send(): Promise<Published[]> {
  const id: string = await publish("http://127.0.0.1:8080", "a", { number: 42 }, {
    type: "paid",
    id: "1",
    retry: 100,
    private: true,
    end: true,
    headers: [["Authorization", "x"]],
    attempts: 1,
    timeout: 1000,
  });
  // @ts-expect-error a topic is a text
  await publish("http://127.0.0.1:8080", 1, id);
  const results = await publishMany("/", [{ topic: ["a", "b"], data: null }, { topic: "a", end: true }]);
  return results.filter((result) => "error" in result && result.status === 409 && result.line > 1);
}

export function Order({ number }: { number: number }) {
  const { state, lastEvent, gap, error } = useEvents("/", { topics: `orders/${number}`, last: 1 });
  useEvents(number > 0 ? "/stream-time" : null);
  // @ts-expect-error what is asked for has no such name
  useEvents("/", { topic: "a" });
  return <p title={error?.message ?? gap?.missed?.toString()}>{lastEvent?.data ?? state}</p>;
}
