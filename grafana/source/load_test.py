"""The load generator and the server on one time axis: whether they agree, and who is the limit."""

from . import board
from .panels import graph, heatmap, stat
from .queries import Query, buckets, of_process, per_second, quantile

GOOD, FAIR, BAD = "green", "orange", "red"
PROGRAM = "loadgen_info"
# Of the counters and not of their rates: what is missing is counted all at once, when the run ends.
DELIVERY_RATIO = ("sum(loadgen_events_received_total{LOADGEN})"
         " / (sum(loadgen_events_received_total{LOADGEN}) + sum(loadgen_events_missed_total{LOADGEN}) > 0)")


def dashboard() -> dict:
    phases = board.annotation(
        "Phases", "purple", 'loadgen_phase{job=~"$loadgen_job", instance=~"$loadgen_instance"} == 1',
        "{{phase}}", "loadgen {{instance}}: {{phase}}")
    it = board.Board(
        "fanfare-load-test", "Fanfare / Load test",
        "What loadgen sees beside what the servers say, for a run with --metrics-listen.",
        [board.datasource(), *board.servers(), *load_generators(), board.quantiles()],
        [*board.lifecycle(), phases],
    )
    it.row("At a glance", [(4, glance())])
    it.row("Do they agree?", [(9, agreement()), (9, times())])
    it.row("Correctness", [(8, correctness())])
    it.row("Who is the limit?", [(8, limits())])
    it.row("Details of loadgen", [(8, details()), (8, publishing())], collapsed=True)
    return it.json()


def load_generators() -> list:
    return [
        board.choice_of("loadgen_job", "Load job", "label_values(loadgen_info, job)"),
        board.choice_of("loadgen_instance", "Load instance",
                        'label_values(loadgen_info{job=~"$loadgen_job"}, instance)'),
    ]


def glance() -> list:
    phase = Query("loadgen_phase{LOADGEN} == 1", "{{phase}}")
    return [
        (3, stat("Scenario", "The scenario of the run, and what loadgen is.", "none",
                 Query("loadgen_info{LOADGEN}", "{{scenario}}"), name=True)),
        (3, stat("Phase", "Where the run is: connecting, warmup, measuring, tail, done.", "none", phase, name=True)),
        (3, stat("Connected", "Subscribers that are there, of the number that the run is to hold open.", "percentunit",
                 Query("sum(loadgen_subscribers{LOADGEN}) / sum(loadgen_subscribers_target{LOADGEN} > 0)"),
                 steps=[(None, BAD), (0.99, FAIR), (1, GOOD)], decimals=1)),
        (3, stat("Delivery ratio", "Events that arrived, of those that arrived or are missing, in the whole run. Gaps are "
                 "known only at its end: until then this is 100 %.", "percentunit", Query(DELIVERY_RATIO),
                 steps=[(None, BAD), (0.999, FAIR), (1, GOOD)], decimals=2, empty="idle")),
        (3, stat("Missed", "Events that never came, in the whole run. Known only at its end: until then a gap is a "
                 "suspicion, and this is 0.", "short",
                 Query("sum(loadgen_events_missed_total{LOADGEN})"), steps=[(None, GOOD), (1, BAD)])),
        (3, stat("Repeated", "Events that came twice, in the whole run.", "short",
                 Query("sum(loadgen_events_repeated_total{LOADGEN})"), steps=[(None, GOOD), (1, BAD)])),
        (3, stat("Client ${quantile:text}", "From when an event was due until a subscriber had read it, at the quantile "
                 "that is chosen above.", "s", Query(quantile("loadgen_delivery_seconds", who="LOADGEN")),
                 steps=[(None, GOOD), (0.1, FAIR), (0.25, BAD)], empty="idle")),
        (3, stat("Lateness ${quantile:text}", "How late the generator sent what was due. When it is near the delivery times, "
                 "they say more about the generator than about the server.", "s",
                 Query(quantile("loadgen_publish_lateness_seconds", who="LOADGEN")),
                 steps=[(None, GOOD), (0.001, FAIR), (0.01, BAD)], empty="idle")),
    ]


def agreement() -> list:
    return [
        (12, graph("Received and delivered", "Events a second that clients read, and that servers wrote. The curves "
                   "lie upon each other; a distance that stays is something between the two, such as a proxy or "
                   "other clients.", "ops", [
                       Query(rate("events_received"), "loadgen received"),
                       Query(per_second("fanfare_events_delivered_total"), "server delivered"),
                   ], fill=0, colours={"loadgen": "purple", "server": "blue"})),
        (12, graph("Subscribers on both sides", "Streams that each side counts.", "short", [
            Query("sum(loadgen_subscribers_target{LOADGEN})", "target"),
            Query("sum(loadgen_subscribers{LOADGEN})", "loadgen connected"),
            Query("sum(fanfare_subscribers{SERVER})", "server open"),
        ], fill=0, colours={"loadgen": "purple", "server": "blue", "target": "gray"})),
    ]


def times() -> list:
    return [
        (12, graph("Client and server times", "due: from when the event was due until it was read, the figure to "
                   "judge by. sent: from when its publish began. server: from acceptance to the write, to those that "
                   "had caught up. sent minus server is the network, the kernel and the reading; due minus sent is "
                   "waiting to publish.", "s", [
                       Query(quantile("loadgen_delivery_seconds", who="LOADGEN"), "due → read ${quantile:text}"),
                       Query(quantile("loadgen_delivery_from_send_seconds", who="LOADGEN"),
                             "sent → read ${quantile:text}"),
                       Query(quantile("fanfare_delivery_seconds"), "server ${quantile:text}"),
                   ], fill=0, log=True)),
        (12, heatmap("Client delivery times", "How many events a second took how long, from due to read.",
                     buckets("loadgen_delivery_seconds", "LOADGEN"))),
    ]


def correctness() -> list:
    faults = [Query(f"sum(loadgen_events_{fault}_total{{LOADGEN}})", fault)
              for fault in ("missed", "repeated", "misordered", "corrupted")]
    return [
        (8, graph("Faults", "What must not happen, added up in the whole run: events that were missed without a word "
                  "(known only at its end), came twice, in the wrong order, or damaged.", "short", faults, stack=True)),
        (8, graph("Gap notices and dropped events", "Gaps that clients were told of, on both sides, and events that the "
                  "server left out for slow readers.", "ops", [
                      Query(rate("gap_notices"), "loadgen received"),
                      Query(per_second("fanfare_gap_notices_total"), "server sent"),
                      Query(per_second("fanfare_events_dropped_total"), "events skipped"),
                  ], right=("events", "ops"))),
        (8, graph("Delivery ratio over time", "Events that arrived, of those that arrived or are missing, in the whole run "
                  "until then. Gaps are known only at its end, so the curve is at 100 % and then steps to the truth.",
                  "percentunit", [Query(DELIVERY_RATIO, "delivery ratio")], maximum=1)),
    ]


def limits() -> list:
    cpu = "rate(process_cpu_seconds_total{%s}[RATE]) and on (job, instance) %s{%s}"
    memory = of_process("process_resident_memory_bytes"), of_process("process_resident_memory_bytes", PROGRAM, "LOADGEN")
    server_busy = ("sum(rate(fanfare_shard_busy_seconds_total{SERVER}[RATE])) / sum(fanfare_shards{SERVER})")
    return [
        (8, graph("CPU of both", "Cores in use. When both run on one machine, they share its cores.", "none", [
            Query(f"sum by (instance) ({cpu % ('SERVER', 'fanfare_build_info', 'SERVER')})", "server {{instance}}"),
            Query(f"sum by (instance) ({cpu % ('LOADGEN', PROGRAM, 'LOADGEN')})", "loadgen {{instance}}"),
        ], decimals=2)),
        (8, graph("Memory of both", "Resident memory.", "bytes", [
            Query(f"sum by (instance) ({memory[0]})", "server {{instance}}"),
            Query(f"sum by (instance) ({memory[1]})", "loadgen {{instance}}"),
        ])),
        (8, graph("Lateness and shards", "The generator's lateness beside how busy the shards are: whichever rises "
                  "first is the limit.", "s", [
                      Query(quantile("loadgen_publish_lateness_seconds", who="LOADGEN"),
                            "lateness ${quantile:text}"),
                      Query(server_busy, "shards busy"),
                  ], right=("shards", "percentunit"), fill=0)),
    ]


def details() -> list:
    files = of_process("process_open_fds", PROGRAM, "LOADGEN"), of_process("process_max_fds", PROGRAM, "LOADGEN")
    return [
        (8, graph("Connecting", "Streams that were opened, failed, were lost, and came back.", "ops", [
            Query(rate("connects"), "connects"),
            Query(rate("connect_failures"), "failures"),
            Query(rate("disconnects"), "disconnects"),
            Query(rate("reconnects"), "reconnects"),
        ], colours={"failures": "red"})),
        (8, graph("Bytes received", "What the load generators read, and what the servers wrote for streams.", "Bps", [
            Query(rate("received_bytes"), "loadgen"),
            Query(per_second("fanfare_delivered_bytes_total"), "server"),
        ], fill=0)),
        (8, graph("Files of loadgen", "Each subscriber over HTTP/1.1 takes one.", "short", [
            Query(f"sum by (instance) ({files[0]})", "open {{instance}}"),
            Query(f"sum by (instance) ({files[1]})", "limit {{instance}}"),
        ], limits=["limit"])),
    ]


def publishing() -> list:
    return [
        (8, graph("Published on both sides", "Events a second that loadgen published, and that the servers accepted.",
                  "ops", [
                      Query(rate("events_published"), "loadgen"),
                      Query(rate("publish_failures"), "loadgen failed"),
                      Query(per_second("fanfare_events_published_total"), "server"),
                  ], fill=0, colours={"loadgen failed": "red"})),
        (16, heatmap("Lateness of the generator", "How many events a second were sent how late.",
                     buckets("loadgen_publish_lateness_seconds", "LOADGEN"), colours="Reds")),
    ]


def rate(event: str) -> str:
    """How many a second, of what all load generators count."""
    return per_second(f"loadgen_{event}_total", who="LOADGEN")
