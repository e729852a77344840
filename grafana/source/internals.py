"""How happy the machine is: for each resource how much is used, how much waits, and what fails."""

from . import board
from .panels import graph, heatmap, stat
from .queries import Query, buckets, of_process, per_second, quantile

GOOD, FAIR, BAD = "green", "orange", "red"
BUSY = ("sum by (instance) (rate(fanfare_shard_busy_seconds_total{SERVER}[RATE]))"
        " / sum by (instance) (fanfare_shards{SERVER})")
RUNTIME_BUSY = ("sum by (instance) (rate(fanfare_runtime_busy_seconds_total{SERVER}[RATE]))"
                " / sum by (instance) (fanfare_runtime_workers{SERVER})")
# Counters of the process by the server's own series: see queries.of_process.
CPU = ("sum by (instance) (rate(process_cpu_seconds_total{SERVER}[RATE])"
       " and on (job, instance) fanfare_build_info{SERVER})")
MEMORY = of_process("process_resident_memory_bytes")
# A full log is many times what the subscribers cost, and would be all that one sees.
WITHOUT_LOG = f"({MEMORY} - fanfare_retained_bytes{{SERVER}})"
MEMORY_EACH = f"{WITHOUT_LOG} / (fanfare_subscribers{{SERVER}} > 0)"


def dashboard() -> dict:
    it = board.Board(
        "fanfare-internals", "Fanfare / Internals",
        "What the servers use, what waits in them, and what fails: look here when the overview shows a symptom.",
        [board.datasource(), *board.servers(), board.quantiles()],
        board.lifecycle(),
    )
    it.row("At a glance", [(4, glance())])
    it.row("Shards", [(8, shards()), (8, passes())])
    it.row("Processor and memory", [(8, machine())])
    it.row("Limits", [(8, limits()), (8, memory_limits()), (8, pattern_limits()), (8, active_subscriptions())])
    it.row("Limits of each client", [(8, stream_clients()), (8, publishing_clients()), (8, tickets())], collapsed=True)
    it.row("Log of events", [(8, log()), (8, kept())], collapsed=True)
    it.row("Data folder", [(8, data_folder()), (8, syncs()), (8, disk_reads())], collapsed=True)
    it.row("Cluster", [(8, cluster()), (8, cluster_changes())], collapsed=True)
    it.row("HTTP layer", [(8, runtime()), (8, http_layer())], collapsed=True)
    it.row("Connections", [(9, connections()), (8, tls())], collapsed=True)
    it.row("Lifecycle and logging", [(8, lifecycle())], collapsed=True)
    return it.json()


def glance() -> list:
    # With a data folder memory is always full, and the disk is what counts.
    filled = ("max(fanfare_retained_events{SERVER} / fanfare_retained_events_limit{SERVER})",
              "max(fanfare_retained_disk_bytes{SERVER} / (fanfare_retained_disk_bytes_limit{SERVER} > 0)"
              " or fanfare_retained_bytes{SERVER} / fanfare_retained_bytes_limit{SERVER})")
    return [
        (3, stat("Shards busy", "How much of their time the delivery threads work, on the busiest server. Near "
                 "100 % delivery times rise.", "percentunit", Query(f"max({BUSY})"),
                 steps=[(None, GOOD), (0.7, FAIR), (0.9, BAD)], decimals=0)),
        (3, stat("Cores in use", "Cores that the servers use, all together.", "none", Query(f"sum({CPU})"), decimals=2)),
        (3, stat("Memory in use", "Resident memory, all servers together.", "bytes", Query(f"sum({MEMORY})"))),
        (3, stat("Memory a subscriber", "Resident memory without the events in the log, by open streams. The "
                 "program itself, its indices and what the allocator keeps are in it, some MB: it only means something "
                 "with many subscribers.", "bytes",
                 Query(f"sum({WITHOUT_LOG}) / (sum(fanfare_subscribers{{SERVER}}) > 0)"), empty="nobody")),
        (3, stat("Files used", "File descriptors, on the server that has fewest left.", "percentunit",
                 Query(f"max({of_process('process_open_fds')} / process_max_fds{{SERVER}})"),
                 steps=[(None, GOOD), (0.8, FAIR), (0.95, BAD)], decimals=1)),
        (3, stat("Log filled", "By count or by bytes, whichever is more. 100 % is normal for a busy server: then "
                 "the oldest events go.", "percentunit",
                 Query(f"max({filled[0]} > {filled[1]} or {filled[1]})"), decimals=0)),
        (3, stat("Shards failed", "Shards that have ended without being told to; see the log. Restart the "
                 "server, and report it.", "none", Query("sum(fanfare_shards_failed{SERVER})"),
                 steps=[(None, GOOD), (1, BAD)])),
        (3, stat("Draining", "Servers that are ending in order.", "none",
                 Query("sum(fanfare_draining{SERVER})"), steps=[(None, GOOD), (1, FAIR)])),
    ]


def shards() -> list:
    deliveries = "sum by (instance) (rate(fanfare_events_delivered_total{SERVER}[RATE]))"
    return [
        (6, graph("Shard busy ratio", "Time in which the delivery threads work, of all the time they have. A value "
                  "that is high while the CPU is idle means that they wait for memory or the kernel.", "percentunit",
                  [Query(BUSY, "{{instance}}")], maximum=1, steps=[(None, "transparent"), (0.9, BAD)])),
        (6, graph("Longest iteration", "The longest iteration of a shard's loop in the last one to two minutes: whatever it "
                  "takes, everybody whom the shard serves waits for. Its CPU time is bounded by 5 ms; where the clock says "
                  "much more, the thread had to wait for a core. Above a second /readyz fails.", "s", [
                      Query("max by (instance) (fanfare_shard_iteration_seconds_max{SERVER})", "{{instance}}"),
                      Query("max by (instance) (fanfare_shard_iteration_cpu_seconds_max{SERVER})",
                            "{{instance}} CPU time")],
                  steps=[(None, "transparent"), (0.05, BAD)])),
        (6, graph("CPU for 1,000 deliveries", "Processor time of the whole process by what it delivers. It rises "
                  "when writes hold few events and when many connections are small or encrypted.", "s", [
                      Query(f"1000 * {CPU} / ({deliveries} > 0)", "{{instance}}")])),
        (6, graph("Shards and failures", "Delivery threads, and shards that have ended without being told to; see "
                  "the log.", "short", [
            Query("sum by (instance) (fanfare_shards{SERVER})", "shards {{instance}}"),
            Query("sum by (instance) (fanfare_shards_failed{SERVER})", "failed {{instance}}"),
        ], colours={"failed": "red"})),
    ]


def passes() -> list:
    writes = ("sum(rate(fanfare_write_events_sum{SERVER}[RATE])) / (sum(rate(fanfare_write_events_count{SERVER}[RATE])) > 0)"
              " or histogram_sum(sum(rate(fanfare_write_events{SERVER}[RATE])))"
              " / (histogram_count(sum(rate(fanfare_write_events{SERVER}[RATE]))) > 0)")
    return [
        (8, graph("Pass times", "How long a shard takes to offer new events to all of its subscribers. This is the "
                  "floor of the delivery time of the last of them.", "s", [
                      Query(quantile("fanfare_pass_seconds"), "${quantile:text}"),
                      Query(quantile("fanfare_pass_seconds", "0.5"), "p50"),
                  ], fill=0)),
        (8, heatmap("Pass times by bucket", "How many passes a second took how long.",
                    buckets("fanfare_pass_seconds"), colours="Greens")),
        (8, graph("Events in a write", "How many events one write to a subscriber holds. 1: the shards keep up. More: "
                  "they are behind, and join what waits.", "short", [
                      Query(writes, "mean"),
                      Query(quantile("fanfare_write_events"), "${quantile:text}"),
                  ], decimals=1)),
    ]


def machine() -> list:
    virtual = of_process("process_virtual_memory_bytes")
    return [
        (8, graph("CPU", "Cores in use by each server.", "none", [Query(CPU, "{{instance}}")], stack=True,
                  decimals=2)),
        (8, graph("Memory", "Resident memory, and the limit at which the kernel kills the server: that of its container, "
                  "or what the machine has. The kernel's socket buffers are not in it, and count in a container.",
                  "bytes", [
                      Query(f"sum by (instance) ({MEMORY})", "resident {{instance}}"),
                      Query(f"sum by (instance) ({virtual})", "virtual {{instance}}"),
                      Query("sum by (instance) (fanfare_memory_limit_bytes{SERVER})", "limit {{instance}}"),
                  ], right=("virtual", "bytes"), limits=["limit"])),
        (8, graph("Memory for each subscriber", "Resident memory without the events in the log, by open streams; "
                  "the program itself is in it. It falls as more come, towards what one costs; a rise at a constant "
                  "number is what waits for slow readers, or a leak.", "bytes", [
                      Query(f"avg by (instance) ({MEMORY_EACH})", "{{instance}}")], log=True)),
    ]


def limits() -> list:
    return [
        (12, graph("File descriptors and limit", "Each connection takes one. The default limit of connections is "
                  "90 % of this limit.", "short", [
                      Query(f"sum by (instance) ({of_process('process_open_fds')})", "open {{instance}}"),
                      Query(f"sum by (instance) ({of_process('process_max_fds')})", "limit {{instance}}"),
                  ], limits=["limit"])),
        (12, graph("Connections and limit", "Beyond the limit, newcomers are turned away.", "short", [
            Query("sum by (instance) (fanfare_connections{SERVER})", "open {{instance}}"),
            Query("sum by (instance) (fanfare_connections_limit{SERVER})", "limit {{instance}}"),
        ], limits=["limit"])),
    ]


def memory_limits() -> list:
    return [
        (6, graph("Memory of request bodies", "What is being uploaded at this moment. At the limit, publishes are "
                  "answered with 'busy'.", "bytes", [
                      Query("sum by (instance) (fanfare_body_memory_bytes{SERVER})", "used {{instance}}"),
                      Query("sum by (instance) (fanfare_body_memory_limit_bytes{SERVER})", "limit {{instance}}"),
                  ], limits=["limit"])),
        (6, graph("Memory of compiled selectors", "URI Templates of open streams, and of ended ones as long as there "
                  "is room. At the limit, streams with new templates are answered with 'busy'.", "bytes", [
                      Query("sum by (instance) (fanfare_selector_bytes{SERVER})", "used {{instance}}"),
                      Query("sum by (instance) (fanfare_selector_bytes_limit{SERVER})", "limit {{instance}}"),
                  ], limits=["limit"])),
        (6, graph("Memory of remembered matches", "What the shards remember of which selectors match which topics. "
                  "Each has at most 4 MiB for it.", "bytes", [
                      Query("sum by (instance) (fanfare_match_cache_bytes{SERVER})", "used {{instance}}")])),
        (6, graph("Output buffers", "What slow readers hold that is not in the log any more, or was joined for them. "
                  "At the limit, those that are furthest behind are disconnected.", "bytes", [
                      Query("sum by (instance) (fanfare_output_buffer_bytes{SERVER})", "used {{instance}}"),
                      Query("sum by (instance) (fanfare_output_buffer_bytes_limit{SERVER})", "limit {{instance}}"),
                  ], limits=["limit"])),
    ]


def active_subscriptions() -> list:
    return [
        (8, graph("Active subscriptions", "One for each selector of each stream, with --subscriptions.", "short", [
            Query("sum by (instance) (fanfare_active_subscriptions{SERVER})", "{{instance}}")])),
        (8, graph("Memory of active subscriptions", "At the limit, new streams are answered with 'busy'. 0 is both "
                  "without --subscriptions.", "bytes", [
                      Query("sum by (instance) (fanfare_active_subscription_bytes{SERVER})", "used {{instance}}"),
                      Query("sum by (instance) (fanfare_active_subscription_bytes_limit{SERVER})",
                            "limit {{instance}}"),
                  ], limits=["limit"])),
        (8, graph("Streams to be announced", "Streams that have begun or ended, and whose events about that are not "
                  "published yet. More than a moment's are a log or a shard that does not get on.", "short", [
                      Query("sum by (instance) (fanfare_active_subscription_changes_waiting{SERVER})",
                            "{{instance}}")])),
    ]


def tickets() -> list:
    return [
        (8, graph("Tickets", "Tickets that have opened a stream: it is open, or has ended and may come back. At the limit those "
                  "that end first are forgotten; with none of them, streams with tickets are answered with 'busy'.", "short", [
                      Query("sum by (instance, stream) (fanfare_tickets{SERVER})", "{{stream}} {{instance}}"),
                      Query("sum by (instance) (fanfare_tickets_limit{SERVER})", "limit {{instance}}"),
                  ], limits=["limit"])),
        (8, graph("Tickets issued", "Tickets for streams of browsers.", "ops", [
            Query("sum by (instance) (rate(fanfare_tickets_issued_total{SERVER}[$__rate_interval]))", "{{instance}}")])),
        (8, graph("Tickets refused", "Streams that were not opened: with tickets of another server (unreadable), too late, "
                  "or while the stream of the ticket is open (in_use). Browsers that come back before their cut is "
                  "noticed are among the last.", "ops", [
                      Query("sum by (instance, reason) (rate(fanfare_tickets_refused_total{SERVER}[$__rate_interval]))",
                            "{{reason}} {{instance}}")])),
    ]


def pattern_limits() -> list:
    return [
        (8, graph("Memory of grants", "Patterns in tokens, and those of earlier tokens as long as there is room. At the "
                   "limit, requests with new patterns in their tokens are answered with 'busy'.", "bytes", [
                       Query("sum by (instance) (fanfare_grant_bytes{SERVER})", "used {{instance}}"),
                       Query("sum by (instance) (fanfare_grant_bytes_limit{SERVER})", "limit {{instance}}"),
                   ], limits=["limit"])),
        (8, graph("Memory of partial replays", "What streams with 'last' are still to be sent first, as lists of "
                   "sequences. At the limit, streams that begin so are answered with 'busy'.", "bytes", [
                       Query("sum by (instance) (fanfare_partial_replay_bytes{SERVER})", "used {{instance}}"),
                       Query("sum by (instance) (fanfare_partial_replay_bytes_limit{SERVER})", "limit {{instance}}"),
                   ], limits=["limit"])),
        (8, graph("Memory of topics as URLs", "Topics that were parsed to be compared with URL patterns. Those that "
                   "were not used for longest go first, so that the limit is normal for a busy server.", "bytes", [
                       Query("sum by (instance) (fanfare_topic_url_bytes{SERVER})", "used {{instance}}"),
                       Query("sum by (instance) (fanfare_topic_url_bytes_limit{SERVER})", "limit {{instance}}"),
                   ], limits=["limit"])),
    ]


def stream_clients() -> list:
    return [
        (12, graph("Clients with streams", "Addresses and tokens whose open streams are counted, where a limit is set; and "
                  "addresses behind proxies, where connections of an address are limited.", "short", [
                      Query("sum by (instance, client) (fanfare_stream_clients{SERVER})", "{{client}} {{instance}}"),
                      Query("sum by (instance) (fanfare_proxied_clients{SERVER})", "behind proxies {{instance}}"),
                  ])),
        (12, graph("Most of one client", "The most streams that an address and a token may have, and selectors that a "
                  "token may have in all of them. What has no limit is not shown.", "short", [
                      Query("max by (instance, client) (fanfare_client_streams_limit{SERVER})",
                            "streams {{client}} {{instance}}"),
                      Query("max by (instance) (fanfare_token_subscriptions_limit{SERVER})",
                            "selectors of a token {{instance}}"),
                  ])),
    ]


def publishing_clients() -> list:
    return [
        (8, graph("Clients that publish", "Addresses and tokens whose rate is remembered, where it is limited. Those not "
                  "seen for longest are forgotten at the limit.", "short", [
                      Query("sum by (instance, client) (fanfare_publish_rate_clients{SERVER})",
                            "{{client}} {{instance}}"),
                      Query("max by (instance) (fanfare_publish_rate_clients_limit{SERVER})", "limit {{instance}}"),
                  ], limits=["limit"])),
        (8, graph("Publish rate of one client", "The most events a second that an address and a token may publish. What "
                  "has no limit is not shown.", "ops", [
                      Query("max by (instance) (fanfare_publish_rate_limit{SERVER})", "limit {{instance}}")])),
        (8, graph("Publishers over their rate", "Requests with many events whose next one waits, because its publisher "
                  "is faster than one client may be.", "short", [
                      Query("sum by (instance) (fanfare_publishers_over_rate{SERVER})", "waiting {{instance}}")])),
    ]


def log() -> list:
    oldest = "(fanfare_retained_oldest_timestamp_seconds{SERVER} > 0)"
    return [
        (8, graph("Events in the log", "Retained for replay.", "short", [
            Query("sum by (instance) (fanfare_retained_events{SERVER})", "events {{instance}}"),
            Query("sum by (instance) (fanfare_retained_events_limit{SERVER})", "limit {{instance}}"),
        ], limits=["limit"])),
        (8, graph("Bytes in the log", "Memory that the retained events hold; with a data folder only the newest of them "
                  "are in memory.", "bytes", [
            Query("sum by (instance) (fanfare_retained_bytes{SERVER})", "bytes {{instance}}"),
            Query("sum by (instance) (fanfare_retained_bytes_limit{SERVER})", "limit {{instance}}"),
        ], limits=["limit"])),
        (8, graph("How far the log reaches back", "The age of the oldest event: how long a client may be away and "
                  "miss nothing.", "s", [
                      Query(f"time() - max by (instance) ({oldest})", "oldest {{instance}}"),
                      Query("max by (instance) (fanfare_retained_age_limit_seconds{SERVER})", "limit {{instance}}"),
                  ], limits=["limit"], log=True)),
    ]


def kept() -> list:
    return [
        (8, graph("Topics kept by rules", "Topics of which rules of '--retain' keep events beyond the log. At the limit the "
                  "oldest events that rules keep are dropped.", "short", [
                      Query("sum by (instance) (fanfare_kept_topics{SERVER})", "topics {{instance}}"),
                      Query("sum by (instance) (fanfare_kept_topics_limit{SERVER})", "limit {{instance}}"),
                  ], limits=["limit"])),
        (8, graph("Events kept by rules", "Those of these topics.", "short", [
            Query("sum by (instance) (fanfare_kept_events{SERVER})", "events {{instance}}"),
            Query("sum by (instance) (rate(fanfare_kept_dropped_total{SERVER}[$__rate_interval]))",
                  "dropped a second {{instance}}"),
        ])),
        (8, graph("Memory of events kept by rules", "With the index of their topics.", "bytes", [
            Query("sum by (instance) (fanfare_kept_bytes{SERVER})", "used {{instance}}"),
            Query("sum by (instance) (fanfare_kept_bytes_limit{SERVER})", "limit {{instance}}"),
        ], limits=["limit"])),
    ]


def data_folder() -> list:
    return [
        (6, graph("Event log", "full: events are refused until there is room. failed: none is taken until the server is "
                  "restarted. behind: it lacks too many events of other servers.", "bool_yes_no", [
                      Query("max by (instance, state) (fanfare_storage_state{SERVER})", "{{state}} {{instance}}")],
                  maximum=1, colours={"failed": "red", "full": "orange"})),
        (6, graph("Bytes on the disk", "What the retained events take with their indexes, and the room that is kept for the "
                  "next ones. 0 is all of this row without --data-dir.", "bytes", [
                      Query("sum by (instance) (fanfare_retained_disk_bytes{SERVER})", "used {{instance}}"),
                      Query("sum by (instance) (fanfare_retained_disk_bytes_limit{SERVER})", "limit {{instance}}"),
                  ], limits=["limit"])),
        (6, graph("Free on the disk", "What the file system of the data folder has left. It has to hold what may still be "
                  "written.", "bytes", [
                      Query("min by (instance) (fanfare_storage_free_bytes{SERVER})", "free {{instance}}"),
                      Query("sum by (instance) (fanfare_retained_disk_bytes_limit{SERVER})"
                            " - sum by (instance) (fanfare_retained_disk_bytes{SERVER})", "to be written {{instance}}"),
                  ], colours={"to be written": "yellow"})),
        (6, graph("Events in memory", "Retained events that are in memory; others are read from the disk.", "short", [
            Query("sum by (instance) (fanfare_retained_memory_events{SERVER})", "in memory {{instance}}"),
            Query("sum by (instance) (fanfare_retained_events{SERVER})", "retained {{instance}}"),
        ], log=True)),
    ]


def syncs() -> list:
    size = ("sum(rate(fanfare_storage_commit_events_sum{SERVER}[RATE]))"
            " / (sum(rate(fanfare_storage_commit_events_count{SERVER}[RATE])) > 0)"
            " or histogram_sum(sum(rate(fanfare_storage_commit_events{SERVER}[RATE])))"
            " / (histogram_count(sum(rate(fanfare_storage_commit_events{SERVER}[RATE]))) > 0)")
    return [
        (6, graph("Sync times", "How long it takes to make events durable. With --sync always publishers and subscribers "
                  "wait for it. What is written now counts until it is durable.", "s", [
                      Query(quantile("fanfare_storage_sync_seconds"), "${quantile:text}"),
                      Query(quantile("fanfare_storage_sync_seconds", "0.5"), "p50"),
                      Query("max(fanfare_storage_write_ongoing_seconds{SERVER})", "write under way"),
                  ], fill=0)),
        (6, heatmap("Sync times by bucket", "How many syncs a second took how long.",
                    buckets("fanfare_storage_sync_seconds"), colours="Blues")),
        (6, graph("Events in a commit", "How many events are written together and share a sync. The slower the disk and the "
                  "more that is published, the more there are.", "short", [
                      Query(size, "mean"),
                      Query(quantile("fanfare_storage_commit_events"), "${quantile:text}"),
                  ], decimals=1)),
        (6, graph("Written to the disk", "Bytes of events, without indexes.", "Bps", [
            Query(per_second("fanfare_storage_written_bytes_total", "instance"), "{{instance}}")])),
    ]


def disk_reads() -> list:
    return [
        (6, graph("Waiting for the disk", "Shares of what may wait: bytes of events that are to be written, beyond which events "
                  "are refused; and looks at the disk for where clients go on and topics end, beyond which others wait.",
                  "percentunit", [
                      Query("max(fanfare_storage_waiting_bytes{SERVER} / (fanfare_storage_waiting_bytes_limit{SERVER} > 0))",
                            "to be written"),
                      Query("max(fanfare_storage_lookups_waiting{SERVER} / (fanfare_storage_lookups_waiting_limit{SERVER} > 0))",
                            "to be looked for"),
                  ], maximum=1)),
        (6, graph("Pages read from the disk", "For subscribers who are further behind than what is in memory; one for all who "
                  "wait for it.", "ops", [
                      Query(per_second("fanfare_storage_pages_read_total", "instance"), "{{instance}}")])),
        (6, graph("Events that cannot be read", "Damage, or a disk that fails; whoever should have them is told of a gap. "
                  "Torn writes are those that a crash had cut off. Missing is what a repair has left out.", "short", [
                      Query("sum by (instance) (increase(fanfare_storage_unreadable_total{SERVER}[RATE]))",
                            "unreadable {{instance}}"),
                      Query("sum by (instance) (increase(fanfare_storage_torn_tails_total{SERVER}[RATE]))",
                            "torn writes {{instance}}"),
                      Query("sum by (instance) (fanfare_storage_missing_events{SERVER})", "missing {{instance}}"),
                  ], colours={"unreadable": "red"})),
        (6, graph("Segments", "Files of retained events, which are dropped a file at a time.", "short", [
            Query("sum by (instance) (fanfare_retained_segments{SERVER})", "{{instance}}")])),
    ]


def cluster() -> list:
    return [
        (6, graph("Behind the brokers", "Messages of the shared event log that a server has yet to read. 0 is all of this row "
                  "without --nats. At half of what is retained it takes and serves nothing.", "short", [
                      Query("max by (instance) (fanfare_cluster_lag_events{SERVER})", "behind {{instance}}"),
                      Query("max by (instance) (fanfare_cluster_in_flight_events_limit{SERVER} > bool 0)"
                            " * max by (instance) (fanfare_retained_events_limit{SERVER}) / 2", "limit {{instance}}"),
                  ], limits=["limit"])),
        (6, graph("Last heard of the brokers", "They say something twice a second. Above 15 s a server is not ready.", "s", [
            Query("(time() - max by (instance) (fanfare_cluster_last_contact_timestamp_seconds{SERVER}))"
                  " * max by (instance) (fanfare_cluster_in_flight_events_limit{SERVER} > bool 0)", "{{instance}}")])),
        (6, graph("On their way to the brokers", "Events that were sent and have not been read back; at the limit the next ones "
                  "wait.", "short", [
                      Query("sum by (instance) (fanfare_cluster_in_flight_events{SERVER})", "events {{instance}}"),
                      Query("sum by (instance) (fanfare_cluster_in_flight_events_limit{SERVER})", "limit {{instance}}"),
                  ], limits=["limit"])),
        (6, graph("Bytes on their way", "The same, in bytes.", "bytes", [
            Query("sum by (instance) (fanfare_cluster_in_flight_bytes{SERVER})", "bytes {{instance}}"),
            Query("sum by (instance) (fanfare_cluster_in_flight_bytes_limit{SERVER})", "limit {{instance}}"),
        ], limits=["limit"])),
    ]


def cluster_changes() -> list:
    def events(name: str, legend: str) -> Query:
        return Query(f"sum by (instance) (increase({name}{{SERVER}}[RATE]))", legend + " {{instance}}")

    return [
        (6, graph("Append times", "From an event's turn until it was read back from the brokers: what publishers wait for.",
                  "s", [
                      Query(quantile("fanfare_cluster_append_seconds"), "${quantile:text}"),
                      Query(quantile("fanfare_cluster_append_seconds", "0.5"), "p50"),
                  ], fill=0)),
        (6, graph("Elections and connections", "Another broker leads; a connection was made anew; reading began again; events "
                  "were sent again.", "short", [
                      Query("max by (instance) (fanfare_cluster_connected{SERVER})", "connected {{instance}}"),
                      events("fanfare_cluster_elections_total", "elections"),
                      events("fanfare_cluster_reconnects_total", "reconnects"),
                      events("fanfare_cluster_reads_restarted_total", "reads restarted"),
                      events("fanfare_cluster_retries_total", "retries"),
                  ])),
        (6, graph("Epochs and holes", "A new epoch: the stream was made anew or has lost what it confirmed, and all streams ended. "
                  "Holes are missing messages; foreign ones nobody of ours has sent.", "short", [
                      events("fanfare_cluster_epochs_total", "epochs"),
                      events("fanfare_cluster_holes_total", "holes"),
                      events("fanfare_cluster_foreign_messages_total", "foreign"),
                  ], colours={"epochs": "red", "holes": "orange"})),
        (6, graph("Repeats and pauses", "Events that gave way to an earlier one with their id; times that reading waited for "
                  "this server's own delivery.", "short", [
                      events("fanfare_cluster_repeats_total", "repeats"),
                      events("fanfare_cluster_read_pauses_total", "read pauses"),
                  ])),
    ]


def runtime() -> list:
    return [
        (8, graph("HTTP layer busy ratio", "Time in which the workers of the HTTP layer (tokio) work, of all they have.",
                  "percentunit", [Query(RUNTIME_BUSY, "{{instance}}")], maximum=1,
                  steps=[(None, "transparent"), (0.9, BAD)])),
        (8, graph("Tasks of the HTTP layer", "One for each connection that the HTTP layer holds: HTTP/2, publishers, and those "
                  "that have not been handed over yet.", "short", [
                      Query("sum by (instance) (fanfare_runtime_tasks{SERVER})", "tasks {{instance}}"),
                      Query("sum by (instance) (fanfare_runtime_workers{SERVER})", "workers {{instance}}"),
                  ])),
        (8, graph("Tasks that wait for a worker", "The queue of the HTTP layer. Above the number of workers for long: the "
                  "HTTP layer is the limit.", "short", [
                      Query("sum by (instance) (fanfare_runtime_queue_depth{SERVER})", "{{instance}}")])),
    ]


def http_layer() -> list:
    return [
        (12, graph("Publishers held", "Publishers whose answer waits until all shards are near what they published. "
                   "It is how the server slows publishers down, instead of losing their events.", "short", [
                       Query("sum by (instance) (fanfare_publishers_waiting{SERVER})", "{{instance}}")])),
        (12, graph("Accept errors", "process_file_limit and system_file_limit: no descriptor was left. aborted: the "
                   "client went before it was accepted.", "ops", [
                       Query(per_second("fanfare_accept_errors_total", "error"), "{{error}}")], stack=True)),
    ]


def tls() -> list:
    expires = "fanfare_tls_certificate_expiry_timestamp_seconds{SERVER}"
    left = f"({expires} > 0) - time() or {expires}"
    return [
        (5, graph("TLS handshakes", "Those that were completed, those that go on at this moment, 512 at most, and those that wait "
                  "for them.", "short", [
            Query(per_second("fanfare_tls_handshakes_total"), "completed a second"),
            Query("sum by (instance) (fanfare_tls_handshakes_ongoing{SERVER})", "ongoing {{instance}}"),
            Query("sum by (instance) (fanfare_tls_handshakes_waiting{SERVER})", "waiting {{instance}}"),
        ])),
        (5, graph("TLS handshakes failed", "rejected: the client does not take the certificate, or ended the handshake. "
                  "incompatible: no version or cipher in common. plain_http and malformed: no TLS. crowded_out: too many "
                  "went on that did not end.", "ops", [
                      Query(per_second("fanfare_tls_handshakes_failed_total", "reason"), "{{reason}}")], stack=True)),
        (5, graph("Certificate valid for", "Until the certificate that is served expires; 0 without TLS.", "s", [
            Query(f"min by (instance) ({left})", "{{instance}}")])),
        (4, graph("Certificate reloads", "After a failure the certificate before it is served on; the log says why.", "short", [
            Query("sum by (result) (increase(fanfare_tls_certificate_reloads_total{SERVER}[RATE]))",
                  "{{result}}")])),
        (5, graph("Held by TLS", "Encrypted bytes that wait for clients that take nothing, at most 17 KiB for each connection; "
                  "the output buffers are beside them.", "bytes", [
                      Query("sum by (instance) (fanfare_tls_write_buffer_bytes{SERVER})", "{{instance}}")])),
    ]


def connections() -> list:
    return [
        (8, graph("Connection durations", "How long connections lived that ended. A step at a round number is "
                  "usually a timeout of a proxy.", "s", [
                      Query(quantile("fanfare_connection_duration_seconds"), "${quantile:text}"),
                      Query(quantile("fanfare_connection_duration_seconds", "0.5"), "p50"),
                  ], log=True)),
        (16, heatmap("Connection durations by bucket", "How many connections a second ended at which age.",
                     buckets("fanfare_connection_duration_seconds"), colours="Purples")),
    ]


def lifecycle() -> list:
    uptime = f"time() - {of_process('process_start_time_seconds')}"
    elapsed = ("(time() - fanfare_drain_started_timestamp_seconds{SERVER}) / fanfare_drain_window_seconds{SERVER}"
               " and (fanfare_draining{SERVER} == 1) or fanfare_draining{SERVER}")
    return [
        (4, graph("Uptime", "Since the start of the process.", "s", [
            Query(f"max by (instance) ({uptime})", "{{instance}}")])),
        (4, graph("Drain", "How much of its window a drain has used; 0 without a drain. Beyond 100 % streams are "
                  "cut.", "percentunit", [Query(f"max by (instance) ({elapsed})", "{{instance}}")],
                  steps=[(None, "transparent"), (1, BAD)])),
        (4, graph("Log lines lost and held back", "lost: nobody read the log fast enough. suppressed: the same "
                  "warning again within a short time.", "ops", [
                      Query(per_second("fanfare_log_lines_lost_total"), "lost"),
                      Query(per_second("fanfare_warnings_suppressed_total"), "suppressed"),
                  ], colours={"lost": "red"})),
        (4, graph("Keys of issuers", "Fetches from their URLs. failing: issuers whose last fetch failed; the keys that were "
                  "fetched before stay.", "short", [
                      Query(per_second("fanfare_jwks_fetches_total", by="outcome"), "{{outcome}}"),
                      Query("max(fanfare_jwks_failing{SERVER})", "failing"),
                  ], colours={"failing": "red", "failed": "red"})),
        (4, graph("Settings reloaded", "By SIGHUP. applied: they are in force. failed: they cannot be used, and "
                  "nothing has changed. in force: 0 while those that were read last are not.", "short", [
                      Query(per_second("fanfare_config_reloads_total", by="outcome"), "{{outcome}}"),
                      Query("min(fanfare_config_last_reload_successful{SERVER})", "in force"),
                  ], colours={"failed": "red"})),
        (4, graph("Threads", "Of the whole process: shards, workers of the HTTP layer, and a few more.", "short", [
            Query(f"sum by (instance) ({of_process('process_threads')})", "{{instance}}")])),
    ]
