//! How the program ends: one code for each kind of end, and words that say what to do next.
//!
//! What cannot be begun is said on standard error and leaves no result. A run that was begun has a
//! result, whatever became of it, and the code in it is the one that the program returned.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use crate::support::{
    Admission, Event, EventFault, Faults, PublishResponses, Rejection, Stub, each, eventually,
    loadgen, start,
};

#[test]
fn when_all_is_well_the_code_is_0() {
    // Beside so long a way hardly any machine is late, and none each time.
    let stub = Stub::start(Faults { latency: |_| Duration::from_secs(2), ..Faults::default() });
    let line = stub.load("load", "-c 2 -r 20 --slo gaps==0 --slo delivery_ratio==1");
    let mut runs = (0..3).map(|_| loadgen(&line));
    let ran = runs.find(|ran| ran.code != 4).expect("one that is valid");
    ran.assert_ended(0, "fine");
    assert_eq!(
        ran.text("/verdict/headline"),
        "Everything arrived as it was sent (40 events verified), and every SLO was met."
    );
    for line in ["--help", "--version", "scenarios", "slos", "schema"] {
        let ran = loadgen(line);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{line}");
        assert!(!ran.stdout.is_empty(), "{line}");
    }
}

#[test]
fn names_of_the_version_before_are_understood_with_a_hint() {
    let ran = loadgen("goals");
    assert_eq!((ran.code, &ran.stdout), (0, &loadgen("slos").stdout));
    assert_eq!(ran.stderr, "loadgen: `loadgen goals` is now called `loadgen slos`\n");
    let stub = Stub::start(Faults::default());
    let ran = loadgen(&stub.load("load", "-q -c 2 -r 20 --slo reach==1 --slo connect.head.max<9s"));
    ran.assert_ended(0, "fine");
    assert_eq!(
        ran.stderr,
        "loadgen: the metric `reach` of --slo is now called `delivery_ratio`\n\
         loadgen: the metric `connect.head.max` of --slo is now called `connect.headers.max`\n"
    );
}

#[test]
fn when_nothing_can_be_begun_the_code_is_1_and_the_words_say_what_to_do() {
    let here = "--subscribe http://127.0.0.1:9/";
    let rising = format!("capacity {here} --publish http://127.0.0.1:9/ --from 1 --to 8 ");
    let cases = [
        ("run --no-such-flag", "unexpected argument '--no-such-flag'"),
        ("run", "give --subscribe URL"),
        ("run no-such-scenario", "neither a file nor built in (quickstart"),
        ("run --subscribe nowhere", "the URL \"nowhere\" cannot be used"),
        // Addresses that are reserved for documentation.
        ("run --subscribe http://192.0.2.1/", "--i-own-this-target"),
        (&format!("run {here} --publish http://192.0.2.1/"), "--i-own-this-target"),
        (&format!("run {here} --address 192.0.2.1:80"), "--i-own-this-target"),
        (&format!("run {here} -c 100001"), "raise the limit with --limit-connections"),
        (&format!("run {here} -c 100000"), "100000 connections do not fit: "),
        (&format!("run {here} -d 1h"), "raise the limit with --limit-duration"),
        (
            &format!("run {here} --publish http://127.0.0.1:9/ -r 1e6"),
            "raise the limit with --limit-rate",
        ),
        (
            &format!("run {here} --publish http://127.0.0.1:9/ --payload 75"),
            "--payload 75 is out of range: from 76 to",
        ),
        (&format!("run {here} -d soon"), "write a time such as 10s"),
        (&format!("run {here} --slow-share 1.5"), "--slow-share 1.5 is out of range: from 0 to 1"),
        (&format!("run {here} --publish-style raw"), "give --publish URL"),
        (&format!("run {here} --publish http://127.0.0.1:9/ --hold"), "leave out --publish"),
        (&format!("run {here} --topics 5"), "write {topic} there"),
        (&format!("run {here}{{n}} --topics 5"), "leave out --topics"),
        (&format!("run {here} --verify sample=2 --cut-every 1s"), "could not resume"),
        (&format!("run {here} --storm-at 1m"), "after the end of publishing"),
        (&format!("capacity {here} --from 1 --to 8"), "give --publish URL"),
        (&format!("{rising} -r 5"), "leave out --rate"),
        (&format!("{rising} --raise connections -c 5"), "leave out --connections"),
        (&format!("{rising} --schedule steps:5/1s"), "--raise rate cannot raise the rates"),
        (&format!("{rising} --repeat 2"), "leave out --repeat"),
        (&format!("{rising} --append --json x"), "leave out --append"),
        (&format!("{rising} --to 1e6").replace("--to 8 ", ""), "raise the limit with --limit-rate"),
        (&format!("capacity {here} --from 8 --to 1"), "0 < --from <= --to"),
        (&format!("run {here} --slo delivery.p98.7"), "compares nothing"),
        (&format!("run {here} --slo delivry.p99<1ms"), "did you mean"),
        (&format!("run {here} --html /no/such/folder/file"), "cannot write"),
        ("report /no/such/file", "cannot read"),
    ];
    for (line, words) in cases {
        let ran = loadgen(line);
        assert_eq!(ran.code, 1, "{line}: {}", ran.stderr);
        let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{line}: {}", ran.stderr);
        assert_eq!((ran.stdout.as_str(), ran.result), ("", None), "{line}");
    }
}

#[test]
fn the_help_of_a_search_says_what_holds_for_it() {
    let help = loadgen("capacity --help").words();
    assert!(help.contains("How long to publish and measure at each level [default: 5s]"), "{help}");
    assert!(!help.contains("--repeat") && !help.contains("--append"), "{help}");
    assert!(loadgen("run --help").words().contains("after the warm-up [default: 10s]"));
}

#[test]
fn too_many_connections_are_counted_before_any_is_made() {
    let ran = loadgen("run --subscribe http://127.0.0.1:9/ -c 90000 --processes 64");
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    // Files are shared by processes, but the ports of one pair of addresses are not.
    for part in ["90000 connections do not fit", "local ports", "give more source addresses"] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
}

#[test]
fn when_an_slo_is_missed_the_code_is_2() {
    let stub = Stub::start(Faults::default());
    let ran = loadgen(&stub.load("load", "-c 2 -r 20 --slo delivery.p99<1ns --slo gaps==0"));
    ran.assert_ended(2, "goal-missed");
    ran.assert_reason("delivery.p99<1ns: ");
    assert_eq!((ran.at("/goals/0/met"), ran.at("/goals/1/met")), (&false.into(), &true.into()));
}

#[test]
fn when_not_all_could_connect_the_code_is_2_and_nobody_misses_what_was_promised_to_nobody() {
    let admission = || Admission::RejectFirst(1, Rejection::Status(503));
    let stub = || Stub::start(Faults { admission: admission(), ..Faults::default() });
    let reason = "2 of 3 subscribers were connected when publishing began: status 503 (1)";
    let url = stub().url("/t/load");
    let ran = loadgen(&format!("run --subscribe {url} -c 3 --attempts 1 -d 500ms --warmup 0s"));
    ran.assert_ended(2, "goal-missed");
    ran.assert_reason(reason);
    let ran = loadgen(&stub().load("load", "-c 3 -r 20 --attempts 1"));
    ran.assert_ended(2, "goal-missed");
    ran.assert_faults(&[]);
    ran.assert_reason(reason);
    assert!(ran.figure("/delivery/reach") >= 1.0, "{}", ran.stdout);
}

#[test]
fn when_what_arrived_is_wrong_the_code_is_3_whatever_else_there_is() {
    let stub = Stub::at(&[(5, EventFault::Drop)]);
    let ran = loadgen(&stub.load("load", "-c 2 -r 20 --slo delivery.p99<1ns"));
    ran.assert_ended(3, "wrong");
    ran.assert_reason("2 events were lost and not announced");
    ran.assert_reason("delivery.p99<1ns: ");
}

#[test]
fn when_the_schedule_could_not_be_kept_the_code_is_4() {
    let delay = Duration::from_millis(150);
    let responses = PublishResponses { delay, ..PublishResponses::default() };
    let stub = Stub::start(Faults { responses, ..Faults::default() });
    let ran = loadgen(&stub.load("load", "-c 2 -r 100 -d 1s --slo delivery.p99<1ns"));
    ran.assert_ended(4, "invalid");
    ran.assert_faults(&[]);
    let [slots, sent, missed] =
        ["slots", "sent", "missed"].map(|name| ran.count(&format!("/publishing/{name}")));
    assert_eq!((slots, sent + missed), (100, 100));
    // A second of schedule and a second of grace, at most one event in 150 ms.
    assert!((2..=14).contains(&sent), "{sent}");
    ran.assert_reason(&format!("only {:.1} % of the schedule was sent", sent as f64));
    assert_eq!(stub.store().publishes().len() as u64, sent);
}

#[test]
fn an_answer_that_was_never_measured_is_not_said_to_have_taken_no_time() {
    // Stuck at an event of the warm-up until there is no time left for the others.
    let responses = PublishResponses {
        stop_at: Some((1, Duration::from_secs(3))),
        ..PublishResponses::default()
    };
    let stub = Stub::start(Faults { responses, ..Faults::default() });
    let ran = loadgen(&stub.load("load", "-c 2 -r 20 -d 500ms --warmup 300ms --tail 5s"));
    ran.assert_ended(4, "invalid");
    assert!(ran.at("/publishing/acknowledgement").is_null(), "{}", ran.stdout);
    ran.assert_reason(
        "only 6.2 % of the schedule was sent: each publisher waits for its response, ",
    );
    assert!(ran.words().contains("whose time was not measured"), "{}", ran.stdout);
}

#[test]
fn when_the_run_is_interrupted_the_code_is_4_and_what_there_is_is_reported() {
    // There are always events on their way, and there is time between two to be interrupted there.
    let latency = |_: &Event| Duration::from_millis(900);
    let stub = Stub::start(Faults { latency, ..Faults::default() });
    let going = start(&stub.load("load", "-c 2 -r 8 -d 30s --tail 10s"));
    eventually("events are published", || stub.store().publishes().len() > 3);
    let interrupt = Command::new("kill").args(["-INT", &going.pid().to_string()]).status();
    assert!(interrupt.expect("kill starts").success());
    let ran = going.wait();
    ran.assert_ended(4, "invalid");
    assert_eq!(ran.complaints(), ["the run was interrupted"]);
    // What was on its way has arrived; what was never sent is part of the schedule all the same.
    ran.assert_faults(&[]);
    let [slots, sent, missed] =
        ["slots", "sent", "missed"].map(|name| ran.count(&format!("/publishing/{name}")));
    assert_eq!((slots, sent + missed), (240, 240));
    assert_eq!(ran.count("/delivery/received"), 2 * sent);
}

#[test]
fn when_nobody_is_there_the_code_is_5() {
    let never = usize::MAX;
    let cases = [
        (Rejection::Status(404), "status 404", 4),
        (Rejection::Status(503), "status 503", 4),
        (Rejection::Json, "not text/event-stream", 4),
        (Rejection::Close, "closed before an answer", 4),
        // It says not to reconnect, so no subscriber tries twice.
        (Rejection::Status(204), "status 204", 2),
    ];
    each(&cases, |(refusal, kind, requests)| {
        let admission = Admission::RejectFirst(never, *refusal);
        let stub = Stub::start(Faults { admission, ..Faults::default() });
        let ran = loadgen(&stub.load("load", "-c 2 -r 20 --attempts 2 --retry 20ms"));
        ran.assert_ended(5, "unreachable");
        assert_eq!(ran.kind("/subscribers/failures", kind), *requests, "{}", ran.stdout);
        assert_eq!(stub.store().requests().len() as u64, *requests);
        assert_eq!(stub.store().publishes().len(), 0);
        let reasons = ran.at("/verdict/reasons").to_string();
        assert!(
            reasons.contains(&format!("{kind} ({requests}). Is the server running there")),
            "{reasons}"
        );
    });
}

#[test]
fn when_nobody_listens_the_code_is_5_for_subscribing_and_for_publishing() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}/t/load", listener.local_addr().expect("it is bound"));
    drop(listener);
    let line = format!("run --subscribe {nobody} -c 2 --attempts 1 -d 1s");
    let ran = loadgen(&line);
    ran.assert_ended(5, "unreachable");
    assert_eq!(ran.kind("/subscribers/failures", "connection refused"), 2);

    let stub = Stub::start(Faults::default());
    let here = stub.url("/t/load");
    let ran = loadgen(&format!("run --subscribe {here} --publish {nobody} -c 2 -d 1s"));
    assert_eq!((ran.code, ran.result), (5, None));
    assert!(ran.stderr.contains("cannot publish to 127.0.0.1:"), "{}", ran.stderr);
}
