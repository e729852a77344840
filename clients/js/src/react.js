"use client";
// Events in a component of React.
import { useEffect, useRef, useState } from "react";
import { subscribe } from "./subscription.js";

const NOTHING = { state: "idle", lastEvent: null, gap: null, error: null };

/**
 * Subscribes while the component is there, and anew when what is asked for changes. Handlers and headers
 * are those of the last render. With `null` in place of the address nothing is asked for.
 */
export function useEvents(address, options = {}) {
  const [view, setView] = useState(NOTHING);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const { topics, patterns, templates, last, since, lastEventId } = options;
  const asked = JSON.stringify([address, topics, patterns, templates, last, since, lastEventId]);
  useEffect(() => {
    setView(NOTHING);
    if (address === null || address === undefined) return undefined;
    let isShown = true;
    const show = (part) => isShown && setView((before) => ({ ...before, ...part }));
    // React's strict mode ends the first of two before it has sent anything.
    const subscription = subscribe(address, { ...options, ...handlers(latest, show) });
    return () => {
      isShown = false;
      subscription.close();
    };
  }, [asked]);
  return view;
}

/** Each shows what it is told, and tells the handler of the last render. */
function handlers(latest, show) {
  const both = (name, part) => (told) => {
    show(part(told));
    return latest.current[name]?.(told);
  };
  return {
    headers: (refused) => {
      const { headers } = latest.current;
      return typeof headers === "function" ? headers(refused) : headers;
    },
    on: undefined,
    onEvent: async (event) => {
      show({ lastEvent: event });
      const { on = {}, onEvent } = latest.current;
      if (Object.hasOwn(on, event.type)) await on[event.type](event);
      await onEvent?.(event);
    },
    onGap: both("onGap", (gap) => ({ gap })),
    onEnd: both("onEnd", () => ({})),
    onRetry: both("onRetry", ({ error = null }) => ({ error })),
    onError: both("onError", (error) => ({ error })),
    onState: both("onState", (state) => (state === "open" ? { state, error: null } : { state })),
  };
}
