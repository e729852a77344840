//! Every way to publish: what the server is sent, and that it comes back to the subscribers; every
//! schedule: when events are due; and publishes that are refused, which are missing nowhere.
//!
//! When an event was due stands in its payload, so a schedule is read from what the server was sent
//! and needs no clock.

use std::collections::BTreeMap;

use crate::support::{Faults, PublishResponses, Ran, Stub, each, eventually, loadgen};

#[test]
fn each_style_sends_what_its_servers_take() {
    let cases = [
        ("raw", "/t/c0", "", "POST", "text/plain"),
        ("form", "/form", "", "POST", "application/x-www-form-urlencoded"),
        ("ndjson", "/lines", "", "POST", "application/x-ndjson"),
        ("template", "/json", BODY, "POST", "application/json"),
        // The payload is found inside what the server passes on.
        ("template", "/wrapped", BODY, "POST", "application/json"),
        ("template", "/json", BODY_BY_PUT, "PUT", "application/vnd.fan+json"),
    ];
    each(&cases, |(style, path, flags, method, kind)| {
        let stub = Stub::start(Faults::default());
        let (subscribe, publish) = (stub.url("/t/c{topic}"), stub.url(path));
        let ran = loadgen(&format!(
            "run --subscribe {subscribe} --publish {publish} --publish-style {style} -c 3 {FIFTY} \
             --payload 200 {flags}"
        ));
        ran.assert_all_arrived(3);
        assert_eq!(ran.text("/publishing/style"), *style);
        assert_eq!(ran.count("/publishing/acknowledged"), 50, "{style}");
        assert_eq!(ran.count("/delivery/received"), 150, "{style}");
        let publishes = stub.store().publishes();
        assert_eq!(publishes.len(), 50, "{style}");
        for publish in &publishes {
            assert_eq!((publish.method.as_str(), publish.kind.as_deref()), (*method, Some(*kind)));
            assert!(publish.stamp.is_some(), "{style} to {path}");
        }
    });
}

/// Fifty events in a second, and time in which to send them if that is held up.
const FIFTY: &str = "--schedule steps:50/1s,0/3s";

const BODY: &str = r#"--publish-body '{"channel":"c{topic}","data":{json}}'"#;
const BODY_BY_PUT: &str = r#"--publish-body '{"channel":"c{n}","data":"{payload}"}'
    --publish-method PUT --publish-header 'Content-Type: application/vnd.fan+json'"#;

#[test]
fn a_program_may_publish() {
    let stub = Stub::start(Faults::default());
    let (subscribe, publish) = (stub.url("/t/c{topic}"), stub.url("/t/c{topic}"));
    // Far more time than five programs need one after another.
    let flags = "--publish-style command -c 2 --schedule steps:5/1s,0/9s";
    let line = format!(
        "run --subscribe {subscribe} {flags} --publish-command \
         'curl --silent --fail --noproxy * --data-raw {{payload}} {publish}'"
    );
    let ran = loadgen(&line);
    ran.assert_all_arrived(2);
    assert_eq!((ran.count("/publishing/sent"), stub.store().publishes().len()), (5, 5));
    // Starting a program takes its time, which is that of the answer.
    assert!(ran.figure("/publishing/acknowledgement/min_ms") > 0.1);
}

#[test]
fn a_program_that_a_file_says_is_to_be_run_is_shown_however_quiet_the_run() {
    let stub = Stub::start(Faults::default());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("theirs.toml");
    let text = "publish-style = 'command'\npublish-command = 'true {payload}'\n";
    std::fs::write(&file, text).expect("written");
    let ran = loadgen(&format!(
        "run {} --subscribe {} -q -c 1 -r 10 -d 200ms --warmup 0s --tail 100ms",
        file.display(),
        stub.url("/t/load")
    ));
    assert!(ran.stderr.starts_with("will run: true {payload}  ("), "{}", ran.stderr);
}

#[test]
fn a_program_that_fails_is_a_refusal() {
    let stub = Stub::start(Faults::default());
    let cases = [
        ("false", "false ended with exit status: 1"),
        ("/no/such/program", "/no/such/program: entity not found"),
    ];
    each(&cases, |(program, kind)| {
        let line = format!(
            "run --subscribe {} --publish-style command --publish-command '{program} {{payload}}' \
             -c 1 --schedule steps:10/500ms,0/5s --tail 300ms",
            stub.url("/t/load")
        );
        let ran = loadgen(&line);
        ran.assert_faults(&[]);
        ran.assert_ended(2, "goal-missed");
        assert_eq!(ran.kind("/publishing/refusals", kind), 5, "{}", ran.stdout);
    });
}

/// With what it has started itself: a shell's child would hold the schedule up as well.
#[test]
fn a_program_that_does_not_end_is_ended_and_counted() {
    let stub = Stub::start(Faults::default());
    // Longer than a test waits, and for a time that no other process sleeps.
    let time = format!("617.{}", std::process::id());
    let ran = loadgen(&format!(
        "run --subscribe {} --publish-style command --publish-timeout 200ms -c 1 \
         --schedule steps:5/400ms,0/5s --tail 200ms \
         --publish-command 'sh -c \"sleep {time}; true\" {{payload}}'",
        stub.url("/t/load")
    ));
    ran.assert_faults(&[]);
    let ended = ran.kind("/publishing/refusals", "sh did not end in time");
    assert!(ended > 0 && ended == ran.count("/publishing/sent"), "{}", ran.stdout);
    let sleep = format!("sleep\0{time}\0");
    eventually("what it has started is ended", || {
        let processes = std::fs::read_dir("/proc").expect("processes").flatten();
        let mut lines =
            processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        !lines.any(|line| line == sleep.as_bytes())
    });
}

#[test]
fn what_was_refused_is_missed_by_nobody() {
    let cases = [("raw", "/t/load", "status 503"), ("ndjson", "/lines", "no room")];
    each(&cases, |(style, path, kind)| {
        let responses = PublishResponses { refuse_every: Some(5), ..PublishResponses::default() };
        let stub = Stub::start(Faults { responses, ..Faults::default() });
        let (subscribe, publish) = (stub.url("/t/load"), stub.url(path));
        let ran = loadgen(&format!(
            "run --subscribe {subscribe} --publish {publish} --publish-style {style} -c 3 {FIFTY}"
        ));
        // No gap; but the run does not pass.
        ran.assert_faults(&[]);
        ran.assert_ended(2, "goal-missed");
        ran.assert_reason(&format!("10 events were not accepted: {kind} (10)"));
        assert_eq!(ran.kind("/publishing/refusals", kind), 10);
        assert_eq!(ran.count("/publishing/acknowledged"), 40);
        assert_eq!(ran.count("/delivery/received"), 3 * 40);
        assert!((ran.figure("/delivery/reach") - 1.0).abs() < 1e-12, "{}", ran.stdout);
    });
}

#[test]
fn one_line_that_is_refused_does_not_take_the_others_with_it() {
    let responses = PublishResponses { refuse_every: Some(33), ..PublishResponses::default() };
    let stub = Stub::start(Faults { responses, ..Faults::default() });
    let (subscribe, publish) = (stub.url("/t/load"), stub.url("/lines"));
    let ran = loadgen(&format!(
        "run --subscribe {subscribe} --publish {publish} --publish-style ndjson -c 2 {FIFTY}"
    ));
    ran.assert_faults(&[]);
    assert_eq!(ran.kind("/publishing/refusals", "no room"), 1);
    assert_eq!(ran.count("/delivery/received"), 2 * 49);
}

/// A pause longer than the time for an answer is no answer that is missing.
#[test]
fn a_request_that_goes_on_may_rest() {
    let stub = Stub::start(Faults::default());
    let (subscribe, publish) = (stub.url("/t/load"), stub.url("/lines"));
    let ran = loadgen(&format!(
        "run --subscribe {subscribe} --publish {publish} --publish-style ndjson -c 2 \
         --schedule steps:10/500ms,0/3s,10/500ms,0/3s --publish-timeout 2s"
    ));
    ran.assert_all_arrived(2);
    assert_eq!(ran.count("/publishing/acknowledged"), 10);
}

#[test]
fn events_are_due_when_the_schedule_says() {
    // So many events in all, and so many at the same moment, at so many moments.
    let cases = [
        ("-r 50 -d 1s", 50, 1, 50),
        ("-r 50 --schedule burst:10", 50, 10, 5),
        ("-r 50 --schedule burst:10 --publishers 3", 50, 10, 5),
        ("--schedule steps:20/500ms,100/500ms", 60, 1, 60),
        ("--schedule steps:20/500ms,0/200ms,100/300ms", 40, 1, 40),
    ];
    each(&cases, |(flags, events, together, moments)| {
        let (stub, ran) = in_time(&format!("-c 2 {flags}"));
        ran.assert_all_arrived(2);
        let [slots, sent] = ["slots", "sent"].map(|n| ran.count(&format!("/publishing/{n}")));
        assert_eq!((slots, sent), (*events, *events), "{flags}");
        let due = due(&stub);
        assert_eq!(due.len(), *moments, "{flags}: {due:?}");
        assert!(due.values().all(|count| count == together), "{flags}: {due:?}");
        // From the first to the last there is a second but for the last wait.
        let span = due.keys().last().expect("some") - due.keys().next().expect("some");
        assert!((700_000_000..1_000_000_000).contains(&span), "{flags}: {span}");
    });
}

#[test]
fn steps_are_as_far_apart_as_their_rates_say() {
    let (stub, ran) = in_time("-c 1 --schedule steps:20/500ms,100/500ms");
    ran.assert_all_arrived(1);
    let due: Vec<_> = due(&stub).into_keys().collect();
    let waits: Vec<_> = due.windows(2).map(|two| (two[1] - two[0]) / 1_000_000).collect();
    // Nanoseconds are rounded, so a wait of 50 ms may be a hair shorter.
    assert!(waits[..10].iter().all(|wait| (49..=50).contains(wait)), "{waits:?}");
    assert!(waits[10..].iter().all(|wait| (9..=10).contains(wait)), "{waits:?}");
}

#[test]
fn random_moments_follow_from_the_seed() {
    let moments = |seed: u64| {
        let (stub, ran) = in_time(&format!("-c 1 -r 100 --schedule poisson --seed {seed}"));
        ran.assert_all_arrived(1);
        let due: Vec<_> = due(&stub).into_keys().collect();
        due.windows(2).map(|two| two[1] - two[0]).collect::<Vec<_>>()
    };
    let first = moments(7);
    // Ten standard deviations of a Poisson distribution of mean 100 would be 0 to 200.
    assert!((50..150).contains(&first.len()), "{}", first.len());
    let distinct = first.iter().collect::<std::collections::BTreeSet<_>>();
    assert!(distinct.len() > first.len() / 2, "no two waits are alike: {first:?}");
    assert_eq!(moments(7), first);
    assert_ne!(moments(8), first);
}

/// A run that has sent all of its schedule, and its server. A publisher that a busy machine holds
/// up at the end of the schedule leaves events out and says so, but not each time.
fn in_time(flags: &str) -> (Stub, Ran) {
    let mut runs = (0..3).map(|_| {
        let stub = Stub::start(Faults::default());
        let ran = loadgen(&stub.load("load", flags));
        (stub, ran)
    });
    runs.find(|(_, ran)| ran.count("/publishing/missed") == 0).expect("one that sent everything")
}

/// How many events were due at each moment, in nanoseconds.
fn due(stub: &Stub) -> BTreeMap<u64, u64> {
    let mut due = BTreeMap::new();
    for publish in stub.store().publishes() {
        *due.entry(publish.stamp.expect("a payload").due.0).or_default() += 1;
    }
    due
}
