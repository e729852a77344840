//! A hub that is wrong on purpose: it sends everything to everybody, puts fields into the stream as
//! they came, and refuses nobody. The suite has to see it.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt as _;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use crate::program::results;

async fn publish(State(events): State<broadcast::Sender<String>>, body: String) -> &'static str {
    let mut frame = "id: always:the-same\n".to_owned();
    for pair in body.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        match name {
            "data" => frame.push_str(&format!("data: {value}\n")),
            "type" => frame.push_str(&format!("event: {value}\n")),
            "retry" => frame.push_str(&format!("retry: {value}\n")),
            _ => {}
        }
    }
    // Nobody may be listening.
    let _ = events.send(format!("{frame}\n"));
    "always:the-same"
}

async fn subscribe(State(events): State<broadcast::Sender<String>>) -> Response {
    let frames = BroadcastStream::new(events.subscribe())
        .map(|frame| Ok::<_, Infallible>(frame.unwrap_or_default()));
    let body = Body::from_stream(frames);
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

#[test]
fn a_hub_that_is_wrong_fails_where_it_is_wrong_and_nowhere_else() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let hub = format!("http://{}/.well-known/mercure", listener.local_addr().unwrap());
    let (events, _) = broadcast::channel(1024);
    let router = Router::new()
        .route("/.well-known/mercure", get(subscribe).post(publish))
        .with_state(events);
    runtime.spawn(async { axum::serve(listener, router).await });

    // Long names, and one second, because much of what is waited for never comes.
    let secret = "a secret of thirty-two bytes or more";
    let (code, results) = results(&[
        "--hub",
        &hub,
        "--dialect",
        "1.0",
        "--anonymous",
        "--timeout",
        "1",
        "--jwt-secret",
        secret,
        "--issuer",
        "https://issuer.example",
        "--issuer-secret",
        secret,
        "--only",
        "R1,R2,R6,R7,R8,R9,R16,R20,R21,R26,R29,R30,R31,R32,R33,R34,R36,R37,R40,R47,R48,R49,R52,\
         R53,R56,R58,R60,R61,R66,R68,R70,R71,R83",
    ]);
    assert_eq!(code, 1);
    let of = |word: &str| -> Vec<&str> {
        let one = results
            .values()
            .filter(|one| one["result"] == word && one["id"].as_str().unwrap().starts_with("1.0/"));
        let mut ids: Vec<_> = one.map(|one| &one["id"].as_str().unwrap()[4..]).collect();
        ids.sort_by_key(|id| id[1..].parse::<u32>().unwrap());
        ids
    };
    assert_eq!(of("pass"), ["R1", "R37", "R40", "R66"]);
    assert_eq!(of("skipped"), ["R2", "R70", "R83"]);
    assert_eq!(
        of("fail"),
        [
            "R6", "R7", "R8", "R9", "R16", "R20", "R21", "R26", "R29", "R30", "R31", "R32", "R33",
            "R34", "R36", "R47", "R48", "R49", "R52", "R53", "R56", "R58", "R60", "R61", "R68",
            "R71"
        ]
    );
    let finding = &results["1.0/R36"];
    for part in ["sent", "expected", "came"] {
        assert!(finding[part].as_str().is_some_and(|text| !text.is_empty()), "{finding}");
    }
    assert_eq!(finding["check"], "publishing::the_topic_star_is_refused");
}
