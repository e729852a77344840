// A page with React's hook of the packed client: it shows each event of a topic that a button changes, and
// a second button takes the component away. React's strict mode mounts each component twice.
import { publish } from "@fanfare/client";
import { useEvents } from "@fanfare/client/react";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";

function Events({ given, topic, show }) {
  const { state, lastEvent, gap, error } = useEvents(given.hub, {
    topics: topic,
    credentials: given.credentials,
    headers: given.token ? { Authorization: `Bearer ${given.token}` } : undefined,
    onEvent: ({ data }) => show(data),
  });
  return (
    <dl>
      <dd id="state">{state}</dd>
      <dd id="last">{lastEvent?.data ?? "nothing"}</dd>
      <dd id="gap">{gap ? gap.after : "none"}</dd>
      <dd id="error">{error?.message ?? "none"}</dd>
    </dl>
  );
}

function Page({ given }) {
  const [topic, setTopic] = useState("x");
  const [isThere, setIsThere] = useState(true);
  const [seen, setSeen] = useState([]);
  return (
    <>
      <button id="other" onClick={() => setTopic("y")}>another topic</button>
      <button id="gone" onClick={() => setIsThere(false)}>away</button>
      {isThere && <Events given={given} topic={topic} show={(data) => setSeen((all) => [...all, data])} />}
      <div id="seen">{seen.map((data, at) => <p key={at}>{data}</p>)}</div>
    </>
  );
}

export function begin(given) {
  createRoot(document.getElementById("root")).render(<StrictMode><Page given={given} /></StrictMode>);
  window.publish = (data) =>
    publish(given.hub, "x", data, { credentials: given.credentials }).then(() => 200, String);
}
