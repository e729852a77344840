//! Servers that are one hub: subscribers and publishers are spread over them, and who has lost its
//! server goes on at the next one. Two stub servers share their topics, and only the first makes
//! mistakes.

use std::time::Duration;

use crate::support::{
    Admission, Cut, EventFault, Faults, Place, PublishResponses, Rejection, Stub, each, loadgen,
};

/// A run over both of forty events in a second, with further flags.
fn both(one: &Stub, other: &Stub, further: &str) -> String {
    let urls =
        |flag: &str, path: &str| format!("{flag} {} {flag} {}", one.url(path), other.url(path));
    let (subscribe, publish) = (urls("--subscribe", "/t/c{topic}"), urls("--publish", "/json"));
    format!(
        "run {subscribe} {publish} --publish-style template --schedule steps:40/1s,0/3s --tail 5s \
         --retry 20ms {further}"
    )
}

const BODY: &str = r#"--publish-body '{"channel":"c{topic}","data":{json}}'"#;
const BODY_WITH_ID: &str = r#"--publish-body '{"channel":"c{topic}","data":{json},"id":"{id}"}'"#;

#[test]
fn a_stream_that_ended_goes_on_at_the_next_server_after_its_last_event() {
    // How many streams each was asked for: two subscribers begin at each.
    each(&[("--failover", 2, 4), ("", 4, 2)], |(flag, at_one, at_other)| {
        let one = Stub::at(&[(15, EventFault::Cut(Cut::Fin, Place::Before))]);
        let other = one.beside(Faults::default());
        let flags = format!("{BODY} {flag} -c 4 --slo disconnects==2");
        let ran = loadgen(&both(&one, &other, &flags));
        ran.assert_all_arrived(4);
        assert_eq!(ran.count("/delivery/received"), 4 * ran.count("/publishing/sent"));
        let requests = [&one, &other].map(|stub| stub.store().requests());
        assert_eq!(requests.each_ref().map(Vec::len), [*at_one, *at_other], "{flag}");
        let resumed = requests.iter().flatten().filter(|request| request.last_id.is_some());
        let ids: Vec<_> = resumed.map(|request| request.last_id.as_deref()).collect();
        assert_eq!(ids, [Some("14"); 2], "{flag}");
    });
}

#[test]
fn who_is_turned_away_by_one_server_begins_at_the_next() {
    let admission = Admission::RejectFirst(usize::MAX, Rejection::Status(503));
    let one = Stub::start(Faults { admission, ..Faults::default() });
    let other = one.beside(Faults::default());
    let ran = loadgen(&both(&one, &other, &format!("{BODY} --failover -c 4")));
    ran.assert_all_arrived(4);
    assert_eq!(ran.kind("/subscribers/failures", "status 503"), 2, "{}", ran.stdout);
    assert_eq!((one.store().requests().len(), other.store().requests().len()), (2, 4));
}

#[test]
fn what_one_server_does_not_take_is_sent_to_the_next_if_it_names_its_event() {
    let cases = [
        // What was published at each, and how many were refused, of 40: half begin at each.
        (BODY_WITH_ID, "--failover", 1, 40, 0),
        (BODY, "--failover", 1, 39, 1),
        (BODY_WITH_ID, "", 20, 20, 20),
    ];
    each(&cases, |(body, flag, at_one, at_other, refused)| {
        let responses = PublishResponses { refuse_every: Some(1), ..PublishResponses::default() };
        let one = Stub::start(Faults { responses, ..Faults::default() });
        let other = one.beside(Faults::default());
        let ran = loadgen(&both(&one, &other, &format!("{body} {flag} -c 4 --publishers 2")));
        ran.assert_faults(&[]);
        assert_eq!(ran.count("/publishing/acknowledged"), 40 - refused, "{body} {flag}");
        assert_eq!(ran.kind("/publishing/refusals", "status 503"), *refused, "{body} {flag}");
        assert_eq!(ran.count("/delivery/received"), 4 * (40 - refused), "{body} {flag}");
        let [here, there] = [&one, &other].map(|stub| stub.store().publishes());
        assert_eq!((here.len() as u64, there.len() as u64), (*at_one, *at_other), "{body} {flag}");
        let stamp = here[0].stamp.expect("a payload");
        let was_sent_again = there.iter().any(|publish| publish.stamp == Some(stamp));
        assert_eq!(was_sent_again, *refused == 0, "{body} {flag}");
    });
}

#[test]
fn how_long_nothing_was_accepted_and_nothing_came_is_told() {
    let stop_at = Some((20, Duration::from_secs(3)));
    let responses = PublishResponses { stop_at, ..PublishResponses::default() };
    let stub = Stub::start(Faults { responses, ..Faults::default() });
    let ran = loadgen(&stub.load("load", "-c 2 -r 40 --slo 'publish_pause<1s'"));
    ran.assert_faults(&[]);
    assert!(ran.figure("/publishing/longest_pause_ms") >= 3_000.0, "{}", ran.stdout);
    // Its way to the subscriber may take one event longer than the next.
    assert!(ran.figure("/trouble/longest_silence_ms") >= 1_000.0, "{}", ran.stdout);
    ran.assert_reason("publish_pause<1s");
    let words = ran.words();
    assert!(words.contains("; longest silence ") && words.contains("; longest pause "), "{words}");
}

#[test]
fn servers_that_are_no_hub_are_found_out() {
    let (one, other) = (Stub::start(Faults::default()), Stub::start(Faults::default()));
    let flags = format!("{BODY} --failover -c 4 --publishers 2");
    let ran = loadgen(&both(&one, &other, &flags));
    ran.assert_ended(3, "wrong");
    // Each publisher is at one of them, and so is each subscriber.
    ran.assert_faults(&[("gaps", 4 * 20)]);
}
