//! What an operator may expect of nginx, HAProxy and Caddy in front of the server, with our files.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use super::proxy::Kind;
use super::stream::{Event, Stream, TOPIC, request};
use crate::support::client::{body, client, publish};
use crate::support::process::Fanfare;
use crate::support::{eventually, eventually_within};

/// Far shorter than the silence that the proxies allow here.
const HEARTBEAT: [&str; 2] = ["--heartbeat", "500ms"];

#[test]
fn each_event_arrives_before_the_next_one_is_published() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&[]);
        let proxy = kind.start_patiently(&server);
        let mut stream = Stream::open(proxy.address, None);
        for number in 0..20 {
            let data = format!("event {number}");
            let id = publish(server.address, TOPIC, &data);
            let expected = Event { id, data, ..Event::default() };
            assert_eq!(stream.next(), Some(expected), "{kind:?}");
        }
    }
}

#[test]
fn a_silent_stream_lives_as_long_as_there_are_heartbeats() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&HEARTBEAT);
        // So much that a busy machine does not make a silence of it.
        let proxy = kind.start_with_silence(&server, "6s");
        let mut stream = Stream::open(proxy.address, None);
        // One begins the stream, and the fifteen behind it take longer than the proxy allows, whatever the
        // jitter.
        assert!(stream.comments(16), "{kind:?}");
        publish(server.address, TOPIC, "still there");
        assert_eq!(stream.next().map(|event| event.data).as_deref(), Some("still there"));
    }
}

#[test]
fn a_stream_without_heartbeats_is_ended_by_the_proxy() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&["--heartbeat", "0s"]);
        let proxy = kind.start(&server);
        let mut stream = Stream::open(proxy.address, None);
        assert_eq!(stream.next(), None, "{kind:?}");
        eventually("the server sees it", || server.figure("fanfare_subscribers") == 0.0);
    }
}

#[test]
fn a_client_resumes_through_the_proxy() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&[]);
        let proxy = kind.start(&server);
        let seen = publish(server.address, TOPIC, "seen");
        publish(server.address, TOPIC, "missed");
        let response = request(proxy.address, Some(&seen));
        assert_eq!(response.headers()["last-event-id"], seen.as_str(), "{kind:?}");
        let mut stream = Stream::of(response);
        assert_eq!(stream.next().map(|event| event.data).as_deref(), Some("missed"));
    }
}

#[test]
fn status_and_headers_of_the_server_come_through() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&[]);
        let proxy = kind.start(&server);
        let stream = request(proxy.address, None);
        assert_eq!(stream.headers()["cache-control"], "no-store", "{kind:?}");
        assert!(!stream.headers().contains_key("content-encoding"), "{kind:?}");
        let no_topic = format!("http://{}/.well-known/mercure", proxy.address);
        for (url, status) in [(no_topic, 400), (format!("http://{}/nowhere", proxy.address), 404)] {
            let response = client().get(url).call().unwrap();
            assert_eq!(response.status(), status, "{kind:?}");
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            assert!(body(response).contains("\"detail\""), "{kind:?}");
        }
    }
}

#[test]
fn the_server_sees_a_client_go_away_before_it_has_anything_to_send() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&["--heartbeat", "0s"]);
        let proxy = kind.start_patiently(&server);
        let stream = Stream::open(proxy.address, None);
        eventually("it is there", || server.figure("fanfare_subscribers") == 1.0);
        drop(stream);
        // Sooner than the minute after which the proxy ends a silent stream.
        eventually_within(Duration::from_secs(30), &format!("{kind:?}: it has left"), || {
            server.figure("fanfare_subscribers") == 0.0
        });
    }
}

#[test]
fn nobody_publishes_through_the_proxy() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&[]);
        let proxy = kind.start(&server);
        let response = client().post(format!("http://{}/events/t", proxy.address)).send("x");
        assert_eq!(response.unwrap().status(), 403, "{kind:?}");
        assert_eq!(server.figure("fanfare_retained_events"), 0.0, "{kind:?}");
    }
}

#[test]
fn a_page_of_another_origin_may_ask_first_and_then_resume() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&["--cors-origin", "https://app.example"]);
        let proxy = kind.start(&server);
        let mut preflight = client().options(format!("http://{}/events/t", proxy.address));
        for (name, value) in [
            ("origin", "https://app.example"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "last-event-id"),
        ] {
            preflight = preflight.header(name, value);
        }
        let response = preflight.call().unwrap();
        assert!(response.status().is_success(), "{kind:?}: {}", response.status());
        let allowed = |header: &str| response.headers()[header].to_str().unwrap().to_lowercase();
        assert_eq!(allowed("access-control-allow-origin"), "https://app.example", "{kind:?}");
        assert!(allowed("access-control-allow-methods").contains("get"), "{kind:?}");
        assert!(allowed("access-control-allow-headers").contains("last-event-id"), "{kind:?}");
    }
}

#[test]
fn a_proxy_that_has_been_told_its_name_serves_no_other() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&["--open"]);
        let proxy = kind.start_for_one_name(&server);
        let url = format!("http://{}/", proxy.address);
        for (host, status) in [
            ("push.example", 200),
            ("PUSH.example:8000", 200),
            ("elsewhere.example", 421),
            ("127.0.0.1", 421),
        ] {
            let response = client().get(&url).header("host", host).call().unwrap();
            assert_eq!(response.status(), status, "{kind:?}: {host}");
        }
    }
}

#[test]
fn an_error_of_the_servers_own_stays_an_error() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&["--connections", "1", "--retry-on-reject=false"]);
        // Its stream is silent while the other proxy starts.
        let full = kind.start_patiently(&server);
        let stream = Stream::open(full.address, None);
        eventually("it is there", || server.figure("fanfare_subscribers") == 1.0);
        let draining = kind.start_to(refusing(), server.admin);
        for (proxy, status) in [(full, 429), (draining, 503)] {
            let refused = request(proxy.address, None);
            assert_eq!(refused.status(), status, "{kind:?}");
            assert_eq!(refused.headers()["content-type"], "application/problem+json", "{kind:?}");
        }
        drop(stream);
    }
}

/// Answers as a server does that has just begun to drain, under `--retry-on-reject=false`. A real one
/// closes its port in the same moment, so it cannot be met there when a test wants it.
fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            head.take_while(|line| !line.is_empty()).for_each(drop);
            let response = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\
                          content-type: application/problem+json\r\nconnection: close\r\n\r\n{}";
            // Whoever only looked whether somebody listens is gone.
            let _ = stream.write_all(response.as_bytes());
        }
    });
    address
}

#[test]
fn without_a_server_a_stream_is_told_to_come_back_and_anything_else_gets_an_error() {
    for kind in Kind::ALL {
        let server = Fanfare::start(&["--drain-window", "0s"]);
        let proxy = kind.start(&server);
        server.process.terminate();
        assert!(server.process.wait().success());
        let stream = request(proxy.address, None);
        assert_eq!(stream.status(), 200, "{kind:?}: a browser gives up for ever on an error");
        assert_eq!(stream.headers()["content-type"], "text/event-stream", "{kind:?}");
        assert_eq!(body(stream), "retry: 3000\n\n", "{kind:?}");
        let page = client().get(format!("http://{}/", proxy.address)).call().unwrap();
        assert!(page.status().is_server_error(), "{kind:?}: {}", page.status());
    }
}
