//! Against the server that it was made for: every way to publish, many topics, streams that are cut
//! and resumed, slow readers, and the server's own figures.
//!
//! Nothing may be missing and nothing may come twice, whatever is done to the streams.

use crate::support::{Fanfare, loadgen};

#[test]
fn everything_arrives_at_every_subscriber() {
    let server = Fanfare::start();
    let ran = loadgen(&server.load("load", "-c 20 -r 20 --slo delivery_ratio==1 --slo gaps==0"));
    ran.assert_all_arrived(20);
    assert_eq!(ran.count("/publishing/sent"), 20);
    assert_eq!(ran.count("/delivery/received"), 400);
    assert_eq!(
        ran.count("/delivery/completion/complete"),
        ran.count("/delivery/completion/events")
    );
    let goals = ran.at("/goals").as_array().expect("a list");
    assert!(goals.len() == 2 && goals.iter().all(|goal| goal["met"] == true), "{goals:?}");
    let first = ran.stdout.lines().next().unwrap_or_default();
    // Of a busy machine the run may say that it was the limit itself.
    let verdict = match ran.text("/verdict/outcome") {
        "fine" => "PASS".to_owned(),
        other => other.to_uppercase(),
    };
    assert!(first.starts_with(&format!("{verdict} (exit code {})", ran.code)), "{}", ran.stdout);
}

#[test]
fn a_raw_body_a_form_and_lines_of_json_are_all_accepted() {
    let server = Fanfare::start();
    for (style, path) in
        [("raw", "/events/load"), ("form", "/.well-known/mercure"), ("ndjson", "/events")]
    {
        let (subscribe, publish) = (server.url("/events/load"), server.url(path));
        let ran = loadgen(&format!(
            "run --subscribe {subscribe} --publish {publish} --publish-style {style} -c 10 -r 100 \
             -d 1s --warmup 0s"
        ));
        ran.assert_all_arrived(10);
        assert_eq!(ran.text("/publishing/style"), style);
        assert_eq!(ran.count("/delivery/received"), 1000, "{style}");
    }
}

#[test]
fn each_subscriber_may_have_a_topic_of_its_own() {
    let server = Fanfare::start();
    let ran = loadgen(&server.load("own{n}", "-c 20 -r 100"));
    ran.assert_all_arrived(20);
    assert_eq!(ran.count("/subscribers/topics"), 20);
    // Each event has one reader.
    assert_eq!(ran.count("/delivery/received"), ran.count("/publishing/sent"));
}

#[test]
fn topics_may_be_loved_unequally() {
    let server = Fanfare::start();
    let flags = "--topics 50 --popularity zipf:1.1 -c 60 -r 200";
    let ran = loadgen(&server.load("many{topic}", flags));
    ran.assert_all_arrived(60);
    assert_eq!(ran.count("/subscribers/topics"), 50);
    assert_eq!(ran.count("/delivery/received"), server.figure("fanfare_events_delivered_total"));
}

#[test]
fn streams_that_are_cut_again_and_again_get_every_event_once() {
    let server = Fanfare::start();
    let flags = "-c 20 -r 100 -d 2s --cut-every 300ms --retry 20ms";
    let ran = loadgen(&server.load("cut", flags).replacen("-d 1s ", "", 1));
    ran.assert_all_arrived(20);
    let cuts = ran.count("/trouble/cut_fin") + ran.count("/trouble/cut_rst");
    assert!(ran.count("/trouble/cut_fin") > 0 && ran.count("/trouble/cut_rst") > 0, "{cuts}");
    assert_eq!(ran.count("/trouble/reconnects") + ran.count("/trouble/away"), cuts);
    assert!(ran.count("/trouble/resumed") > 0);
    assert_eq!(ran.count("/delivery/received"), 20 * ran.count("/publishing/sent"));
    // The first streams and those that came back, as the server counts them.
    assert_eq!(
        server.figure("fanfare_streams_opened_total"),
        20 + ran.count("/trouble/reconnects"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_storm_cuts_its_share_of_the_streams_at_once() {
    let server = Fanfare::start();
    let flags = "-c 20 -r 50 --storm-at 400ms --storm-share 0.5 --retry 20ms";
    let ran = loadgen(&server.load("storm", flags));
    ran.assert_all_arrived(20);
    // Which ones is spread evenly over the subscribers, so their number is the share but for one.
    let cuts = ran.count("/trouble/cut_in_storm");
    assert!((9..=11).contains(&cuts), "{cuts}");
    assert_eq!(ran.count("/trouble/reconnects"), cuts);
}

#[test]
fn readers_with_faults_are_counted_apart_and_do_not_harm_the_others() {
    let server = Fanfare::start();
    let flags = "-c 20 -r 50 --payload 1kB --slow-share 0.2 --slow-rate 2kB --stopped-share 0.1 \
                 --vanished-share 0.1";
    let ran = loadgen(&server.load("slow", flags));
    ran.assert_all_arrived(20);
    let sent = ran.count("/publishing/sent");
    let mut hindered = 0;
    // Which ones is spread evenly over the subscribers, so their number is the share but for one.
    for (class, share) in [("slow", 4), ("stopped", 2), ("vanished", 2)] {
        let of = |what: &str| ran.count(&format!("/trouble/classes/{class}/{what}"));
        let subscribers = of("subscribers");
        assert!(subscribers.abs_diff(share) <= 1, "{class}: {subscribers}");
        assert_eq!(of("expected"), subscribers * sent, "{class}");
        hindered += subscribers;
    }
    assert_eq!(ran.count("/delivery/received"), (20 - hindered) * sent);
    let of = |class: &str, what: &str| ran.count(&format!("/trouble/classes/{class}/{what}"));
    assert!((1..of("slow", "expected")).contains(&of("slow", "received")), "some, but not all");
    assert_eq!((of("stopped", "received"), of("vanished", "received")), (0, 0));
}

#[test]
fn the_servers_process_and_its_metrics_are_watched_on_request() {
    let server = Fanfare::start();
    let flags = format!(
        "-c 20 -r 200 --server-pid {} --server-metrics http://{}/metrics",
        server.pid(),
        server.admin
    );
    let ran = loadgen(&server.load("watched", &flags));
    ran.assert_all_arrived(20);
    assert_eq!(ran.count("/server/process/pid"), u64::from(server.pid()));
    assert!(ran.text("/server/process/command").contains("fanfare"));
    assert!(ran.figure("/server/process/cpu_seconds") > 0.0);
    assert!(ran.count("/server/process/memory_connected") > 1 << 20);
    let metrics = ran.at("/server/metrics").as_array().expect("a list");
    let change = |series: &str| {
        let found = metrics.iter().find(|change| change["series"] == series).expect(series);
        found["after"].as_f64().expect("a figure") - found["before"].as_f64().expect("a figure")
    };
    assert_eq!(
        change("fanfare_events_published_total{source=\"raw\"}"),
        ran.figure("/publishing/sent")
    );
    assert_eq!(change("fanfare_events_delivered_total"), ran.figure("/delivery/received"));
}

#[test]
fn a_goal_that_is_missed_and_a_server_that_is_not_there_have_codes_of_their_own() {
    let server = Fanfare::start();
    let ran = loadgen(&server.load("load", "-c 2 -r 10 --slo delivery.p50<1ns"));
    assert!(matches!(ran.code, 2 | 4), "{}", ran.stdout);
    assert_eq!(ran.at("/goals/0/met"), false);
    let gone = server.load("load", "-c 2 -r 10 --attempts 1");
    drop(server);
    let ran = loadgen(&gone);
    assert_eq!((ran.code, ran.text("/verdict/outcome")), (5, "unreachable"), "{}", ran.stdout);
    assert_eq!(ran.count("/subscribers/failures/connection refused"), 2);
}
