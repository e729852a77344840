"""How happy the users are: what reaches them, how fast, and who is turned away or loses something.

From the general to the special: one line of figures, then streams, delivery, slow readers; what is
needed less often is in closed rows, which cost no queries until somebody opens them.
"""

from . import board
from .panels import graph, heatmap, stat
from .queries import Query, buckets, of_process, per_second, quantile

GOOD, FAIR, BAD = "green", "orange", "red"
# Up or down is said of everything that was a server within the last day, not of all of a job that
# somebody chose as `All`.
WAS_A_SERVER = "last_over_time(fanfare_build_info{SERVER}[1d])"
# Without those who asked for all that is retained: they brought no id, so nothing could be missing.
RESUME_SUCCESS = ('sum(rate(fanfare_resumes_total{SERVER, result="complete"}[RATE]))'
                  ' / (sum(rate(fanfare_resumes_total{SERVER, result!~"earliest|newest|since"}[RATE])) > 0)')


def dashboard() -> dict:
    it = board.Board(
        "fanfare-overview", "Fanfare / Overview",
        "What subscribers and publishers experience: start here.",
        [board.datasource(), *board.servers(), board.quantiles()],
        board.lifecycle(),
    )
    it.row("At a glance", [(3, servers()), (3, deliveries())])
    it.row("Streams", [(8, streams())])
    it.row("Delivery", [(8, volume()), (9, times())])
    it.row("Slow readers", [(8, slow_readers())])
    it.row("Coming back", [(8, resumes())], collapsed=True)
    it.row("Turned away", [(8, rejections()), (8, tokens_and_repeats())], collapsed=True)
    it.row("Traffic", [(8, traffic()), (8, publishing())], collapsed=True)
    return it.json()


def servers() -> list:
    return [
        (4, stat("Servers up", "Servers that Prometheus reaches.", "none",
                 Query(f"sum(up{{SERVER}} and on (job, instance) {WAS_A_SERVER})"),
                 steps=[(None, BAD), (1, GOOD)])),
        (4, stat("Servers down", "Servers of the last day that Prometheus does not reach now. One that was taken "
                 "away on purpose leaves this count with its target.", "none",
                 Query(f"count((up{{SERVER}} and on (job, instance) {WAS_A_SERVER}) == 0) or vector(0)"),
                 steps=[(None, GOOD), (1, BAD)])),
        (4, stat("Ready", "Whether /readyz of all servers says yes. No while a server drains, and after a shard "
                 "failed.", "bool_yes_no", Query("min(fanfare_ready{SERVER})"), steps=[(None, BAD), (1, GOOD)],
                 words={0: ("No", BAD), 1: ("Yes", GOOD)})),
        (4, stat("Version", "What runs. Several while a release is rolled out.", "none",
                 Query("count by (version, revision) (fanfare_build_info{SERVER})", "{{version}}"), name=True)),
        (4, stat("Subscribers", "Streams that are open.", "short", Query("sum(fanfare_subscribers{SERVER})"))),
        (4, stat("Published", "Events accepted, a second.", "ops",
                 Query(per_second("fanfare_events_published_total")))),
    ]


def deliveries() -> list:
    skipped, delivered = per_second("fanfare_events_dropped_total"), per_second("fanfare_events_delivered_total")
    return [
        (4, stat("Delivered", "Events written to subscribers, a second.", "ops", Query(delivered))),
        (5, stat("Delivery ${quantile:text}", "From the acceptance of an event until it is written to a subscriber that "
                 "had caught up, at the quantile that is chosen above. Whoever is behind is left out.", "s",
                 Query(quantile("fanfare_delivery_seconds")), steps=[(None, GOOD), (0.1, FAIR), (0.25, BAD)],
                 empty="idle")),
        (5, stat("Lost share", "Events that were left out for slow readers by the policies drop-oldest and conflate, "
                 "of all that were due. They were told so.", "percentunit",
                 Query(f"{skipped} / clamp_min({skipped} + {delivered}, 1e-9)"),
                 steps=[(None, GOOD), (0.0001, FAIR), (0.001, BAD)], decimals=2)),
        (5, stat("Resume success", "Clients that came back with an id and missed nothing, of all who did.",
                 "percentunit", Query(RESUME_SUCCESS),
                 steps=[(None, BAD), (0.95, FAIR), (0.99, GOOD)], decimals=1, empty="none")),
        (5, stat("File headroom", "File descriptors that are left on the server that has fewest. Each connection "
                 "takes one.", "percentunit",
                 Query(f"1 - max({of_process('process_open_fds')} / process_max_fds{{SERVER}})"),
                 steps=[(None, BAD), (0.1, FAIR), (0.2, GOOD)], decimals=0)),
    ]


def streams() -> list:
    return [
        (8, graph("Subscribers and connections", "Open streams, and connections by protocol (new: its first "
                  "request has not been read). Over HTTP/2 one connection carries several streams.", "short", [
                      Query("sum(fanfare_subscribers{SERVER})", "subscribers"),
                      Query("sum by (protocol) (fanfare_connections{SERVER})", "connections {{protocol}}"),
                  ], colours={"subscribers": "blue"})),
        (8, graph("Connections opened and closed", "Below zero: closed, by reason. 'stream' is the end of a "
                  "connection that was handed to a shard; the next panel says why. A cliff is a deploy or a proxy.",
                  "ops", [
                      Query(per_second("fanfare_connections_opened_total"), "opened"),
                      Query(f'-{per_second("fanfare_connections_closed_total", "reason")}', "closed {{reason}}"),
                  ], minimum=None, colours={"opened": "green"})),
        (8, graph("Streams begun and ended", "Below zero: ended, by reason. 'slow', 'overrun' and "
                  "'output_buffers' are readers who could not follow; they come back and are replayed.", "ops", [
                      Query(per_second("fanfare_streams_opened_total"), "begun"),
                      Query(f'-{per_second("fanfare_streams_closed_total", "reason")}', "ended {{reason}}"),
                  ], minimum=None, colours={"begun": "green", "ended slow": "red", "ended overrun": "dark-red",
                                            "ended output_buffers": "semi-dark-red",
                                            "ended failed": "purple"})),
    ]


def volume() -> list:
    published, delivered = per_second("fanfare_events_published_total"), per_second("fanfare_events_delivered_total")
    return [
        (8, graph("Published and delivered", "Events a second. Delivered has an axis of its own, because one event "
                  "goes to many. Delivered at nothing while somebody publishes: nobody listens to those topics, or "
                  "delivery stands still.", "ops", [
                      Query(per_second("fanfare_events_published_total", "source"), "published {{source}}"),
                      Query(delivered, "delivered"),
                  ], right=("delivered", "ops"), colours={"delivered": "blue"})),
        (8, graph("Amplification", "Deliveries for each published event: the size of the audience. It should follow "
                  "the number of subscribers; when it sinks alone, events stay behind.", "short", [
                      Query(f"{delivered} / ({published} > 0)", "deliveries an event"),
                  ], decimals=1)),
        (8, graph("Bytes to subscribers", "What was written to streams.", "Bps", [
            Query(per_second("fanfare_delivered_bytes_total", "instance"), "{{instance}}")], stack=True)),
    ]


def times() -> list:
    return [
        (8, graph("Delivery and event times", "Delivery: from acceptance to the write to one subscriber, over all "
                  "that had caught up. Event: to the last such write in a shard, one value an event and shard; it says "
                  "how long the last of them waits. Whoever is behind or is replayed is in neither.", "s", [
                      Query(quantile("fanfare_delivery_seconds"), "delivery ${quantile:text}"),
                      Query(quantile("fanfare_event_seconds"), "event ${quantile:text}"),
                      Query(quantile("fanfare_delivery_seconds", "0.5"), "delivery p50"),
                      Query(quantile("fanfare_event_seconds", "0.5"), "event p50"),
                  ], steps=[(None, "transparent"), (0.25, BAD)], fill=0)),
        (16, heatmap("Delivery times", "How many deliveries a second took how long, to subscribers that had caught up. Two "
                     "bands mean two kinds of events or of shards; a band that rises means that a shard cannot keep "
                     "up.",
                     buckets("fanfare_delivery_seconds"))),
    ]


def slow_readers() -> list:
    return [
        (8, graph("Readers that lag", "Subscribers whose connection takes nothing at the moment, by how many "
                  "events they are behind. Whoever is being replayed is only in the sum (blocked).", "short", [
                      Query('sum by (events) (fanfare_subscribers_lagging{SERVER, events!="more"})',
                            "up to {{events}} events"),
                      Query('sum(fanfare_subscribers_lagging{SERVER, events="more"})', "more"),
                      Query("sum(fanfare_subscribers_blocked{SERVER})", "blocked"),
                  ], colours={"blocked": "red"})),
        (8, graph("Largest lag", "Of the blocked reader that is furthest behind, as a share of the limit at which its "
                  "policy acts. drop-oldest and conflate act when the reader takes bytes again, so one that has "
                  "stopped goes above 100 %.", "percentunit", [
                      Query("max by (instance) (fanfare_lag_events_max{SERVER} / fanfare_lag_events_limit{SERVER})",
                            "events {{instance}}"),
                      Query("max by (instance) (fanfare_lag_bytes_max{SERVER} / fanfare_lag_bytes_limit{SERVER})",
                            "bytes {{instance}}"),
                  ], steps=[(None, "transparent"), (1, BAD)])),
        (8, graph("Skips by policy", "How often a policy acted, and how many events it left out.", "ops", [
            Query(per_second("fanfare_backpressure_actions_total", "policy"), "skips {{policy}}"),
            Query(per_second("fanfare_events_dropped_total", "policy"), "events {{policy}}"),
        ], right=("events", "ops"))),
    ]


def resumes() -> list:
    return [
        (8, graph("Resumes by result", "complete: all after their id was there. expired: the log has passed it; "
                  "unknown: it was never here; both were told that there is a gap. earliest: they asked for all "
                  "that is retained, with no id.", "ops", [
                      Query(per_second("fanfare_resumes_total", "result"), "{{result}}"),
                  ], stack=True, colours={"complete": "green", "earliest": "blue", "expired": "red",
                                          "unknown": "orange"})),
        (8, graph("Resume success over time", "Of the clients that came back with an id, the share that missed "
                  "nothing. There is no curve while nobody comes back.", "percentunit", [
                      Query(RESUME_SUCCESS, "missed nothing")],
                  maximum=1)),
        (8, graph("Gaps and replays", "Gaps that clients were told of, events that were read from the log for one "
                  "subscriber, and requests for topics that had ended (204): a client that does not stop at that asks again.", "ops", [
                      Query(per_second("fanfare_gap_notices_total"), "gap notices"),
                      Query(per_second("fanfare_events_replayed_total"), "events replayed"),
                      Query(per_second("fanfare_topic_ended_responses_total"), "topics ended"),
                  ], right=("events", "ops"), colours={"gaps": "red"})),
    ]


def rejections() -> list:
    def turned_away(title, description, metric):
        return 8, graph(title, description, "ops", [Query(per_second(metric, "reason"), "{{reason}}")], stack=True)

    return [
        turned_away("Connections rejected", "Connections that were not served. limit: all are taken; address_limit: "
                    "this address has its share. 64 at a time are told so (429, or a 200 with `retry:` for a stream); the "
                    "rest are closed without a word.", "fanfare_connections_rejected_total"),
        turned_away("Streams rejected", "Requests for a stream that got none. address_limit and token_limit: "
                    "one client has its share.", "fanfare_subscribe_rejected_total"),
        turned_away("Publishes rejected", "invalid, forbidden, duplicate_id, topic_ended and too_large are the publisher's to "
                    "solve, and client_limit is one that is too fast; timeout, busy and unavailable are ours.", "fanfare_publish_rejected_total"),
    ]


def tokens_and_repeats() -> list:
    return [
        (12, graph("Tokens refused", "malformed: they cannot be read. signature: made with another key. time: expired, or "
                  "not valid yet. foreign: made for another hub. Many of signature after a change of keys, or time for "
                  "an application that does not renew them.", "ops", [
            Query(per_second("fanfare_tokens_refused_total", "reason"), "{{reason}}")], stack=True)),
        (12, graph("Publishes repeated", "Events that publishers sent again with the same id and content. They were "
                  "confirmed, and not delivered again: publishers time out, or lose their responses.", "ops", [
            Query(per_second("fanfare_publish_repeats_total"), "repeated")])),
    ]


def traffic() -> list:
    return [
        (8, graph("Responses by status", "All answers of the HTTP layer; a stream counts once, at its beginning.",
                  "ops", [Query(per_second("fanfare_responses_total", "status"), "{{status}}")], stack=True,
                  colours={"2xx": "green", "3xx": "blue", "4xx": "orange", "5xx": "red"})),
        (8, graph("Bytes published", "Data of accepted events.", "Bps", [
            Query(per_second("fanfare_events_published_bytes_total"), "published")])),
        (8, graph("Heartbeats", "Sent to streams on which nothing happened. They should follow the number of idle "
                  "subscribers.", "ops", [Query(per_second("fanfare_heartbeats_total"), "heartbeats")])),
    ]


def publishing() -> list:
    return [
        (8, graph("Publish times", "From the head of a publish request to its answer, single publishes only. "
                  "Publishers are held while a shard is far behind.", "s", [
                      Query(quantile("fanfare_publish_duration_seconds"), "${quantile:text}"),
                      Query(quantile("fanfare_publish_duration_seconds", "0.5"), "p50"),
                  ], fill=0)),
        (16, heatmap("Publish times by bucket", "How many publishes a second took how long.",
                     buckets("fanfare_publish_duration_seconds"), colours="Blues")),
    ]
