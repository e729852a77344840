//! HTTP/2 without TLS, many streams over one connection: as right as HTTP/1.1, over as many
//! connections as were asked for and no more.

use crate::support::{Fanfare, NoContent, loadgen};

const CONNECTIONS: &str = "fanfare_connections_opened_total";

#[test]
fn streams_share_connections_and_everything_arrives() {
    let server = Fanfare::start();
    let ran = loadgen(&server.load("load", "--http 2 --streams 20 -c 60 -r 50"));
    ran.assert_all_arrived(60);
    assert_eq!(ran.text("/subscribers/protocol"), "HTTP/2, 20 streams a connection");
    assert_eq!(server.figure("fanfare_streams_opened_total"), 60);
    assert_eq!(ran.count("/connecting/tcp/count"), 3);
    // One more publishes.
    assert_eq!(server.figure(CONNECTIONS), 3 + 1);
    assert_eq!(ran.count("/delivery/received"), server.figure("fanfare_events_delivered_total"));
    let seconds = ran.at("/seconds").as_array().expect("a list");
    let by_second: u64 = seconds.iter().map(|second| second["received"].as_u64().unwrap()).sum();
    assert_eq!(by_second, ran.count("/delivery/received"));
}

#[test]
fn streams_that_are_cut_resume_on_the_connection_that_goes_on() {
    let server = Fanfare::start();
    let flags = "--http 2 --streams 10 -c 20 -r 100 --cut-every 300ms --retry 20ms";
    let ran = loadgen(&server.load("cut", flags));
    ran.assert_all_arrived(20);
    assert_eq!(ran.count("/delivery/received"), 20 * ran.count("/publishing/sent"));
    let cuts = ran.count("/trouble/cut_fin") + ran.count("/trouble/cut_rst");
    assert!(cuts > 0, "{}", ran.stdout);
    assert_eq!(ran.count("/trouble/reconnects") + ran.count("/trouble/away"), cuts);
    assert!(ran.count("/trouble/resumed") > 0);
    // Only streams were cut: no connection was made again.
    assert_eq!(server.figure(CONNECTIONS), 2 + 1);
}

#[test]
fn who_is_told_not_to_come_back_asks_once() {
    let server = NoContent::over("h2");
    let ran = loadgen(&format!(
        "run --subscribe http://{}/events -c 3 --http 2 --attempts 5 --retry 10ms -d 1s --warmup 0s",
        server.address
    ));
    assert_eq!((ran.code, server.request_count()), (5, 3), "{}", ran.stdout);
}

#[test]
fn a_slow_stream_does_not_hold_up_those_beside_it() {
    let server = Fanfare::start();
    let flags = "--http 2 --streams 10 -c 10 -r 100 --payload 2kB --slow-share 0.2 \
                 --stopped-share 0.2";
    let ran = loadgen(&server.load("slow", flags));
    ran.assert_all_arrived(10);
    assert_eq!(server.figure(CONNECTIONS), 1 + 1);
    let of = |class: &str, what: &str| ran.count(&format!("/trouble/classes/{class}/{what}"));
    let hindered = of("slow", "subscribers") + of("stopped", "subscribers");
    assert_eq!(ran.count("/delivery/received"), (10 - hindered) * ran.count("/publishing/sent"));
    assert_eq!(of("stopped", "received"), 0);
}
