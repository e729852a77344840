import type { FanfareEvent, Gap, State, SubscribeOptions } from "./index.js";

export interface EventsView {
  state: State;
  /** The newest one: several may come between two renders, and `onEvent` has each. */
  lastEvent: FanfareEvent | null;
  /** The newest gap of this subscription. */
  gap: Gap | null;
  /** Why there is no stream; null while there is one. */
  error: Error | null;
}

/** Subscribes while the component is there, and anew when what is asked for changes. */
export function useEvents(
  address: string | URL | null | undefined,
  options?: Omit<SubscribeOptions, "signal">,
): EventsView;
