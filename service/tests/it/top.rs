//! `fanfare top` beside a real server: what it prints of it, as text and as JSON, and what it says where
//! it may not look.

use std::process::Command;

use serde_json::Value;

use crate::support::{PROGRAM, Program, Wire, client, eventually, stream_request};

/// What it prints, and what it ended with.
fn top(program: &Program, flags: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["top", "--once", "--interval", "100ms", "--admin", &program.admin]).args(flags);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_shown_with_its_streams_and_what_it_retains() {
    let program = Program::start(&["--demos=false", "--policy", "conflate"]);
    let mut wire = Wire::open_at(program.address()).await;
    wire.say(stream_request("/events/news%2Ftoday")).await;
    let mut stream = wire.stream().await;
    stream.place().await;
    for _ in 0..3 {
        let published = client().post(format!("{}/events/news/today", program.url)).body("x");
        assert_eq!(published.send().await.unwrap().status(), 200);
    }
    eventually("they are delivered", async || {
        program.figure("fanfare_events_delivered_total").await == 3.0
    })
    .await;
    let (code, text, said) = top(&program, &[]);
    assert_eq!(code, Some(0), "{said}");
    for words in [
        "fanfare 0.1.0",
        "  ready",
        "streams 1 (0 blocked",
        "retains 3 events",
        "retained events ",
        "conflate ",
        " http/1.1 ",
        "news/today",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours in a pipe: {text}");

    let (code, text, said) = top(&program, &["--json"]);
    assert_eq!((code, text.lines().count()), (Some(0), 1), "{said}");
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["status"]["delivered"]["events_total"], 3);
    assert_eq!(json["streams"]["streams"][0]["selectors"][0], "news/today");
    assert!(json["per_second"]["delivered_events"].is_f64(), "{json:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_token_of_the_server_no_streams_are_shown_and_a_wrong_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let right = file("right", "a-token-of-the-admin-listener-with-32-bytes-or-more\n");
    let wrong = file("wrong", "another-token-of-an-admin-listener-as-long-as-that\n");
    let program = Program::start(&["--demos=false", "--admin-token-file", &right]);
    let (code, text, said) = top(&program, &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(text.contains("not shown: ") && text.contains("--token-file"), "{text}");
    let (code, text, said) = top(&program, &["--token-file", &right]);
    assert_eq!(code, Some(0), "{said}");
    assert!(!text.contains("not shown"), "{text}");
    let (code, text, said) = top(&program, &["--token-file", &wrong]);
    assert_eq!((code, text.as_str()), (Some(1), ""));
    assert!(said.contains("answered 401") && said.contains("--admin-token-file"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_listener_is_no_admin_listener_and_is_told_so() {
    let program = Program::start(&["--demos=false"]);
    let output = Command::new(PROGRAM).args(["top", "--once", "--admin", &program.url]).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("it answered 404") && said.contains("not that of --listen"), "{said}");
}
