//! Names and passwords in addresses are sent as basic authentication, and shown nowhere.

use std::fs;

use crate::support::{Faults, Stub, loadgen};

/// `us@er:p:w secret`, as RFC 7617 has it sent.
const SENT: &str = "Basic dXNAZXI6cDp3IHNlY3JldA==";

#[test]
fn a_name_and_a_password_are_sent_to_each_server_and_shown_nowhere() {
    let (stub, page) = (Stub::start(Faults::default()), Stub::start(Faults::default()));
    let with = |url: String| url.replace("http://", "http://us%40er:p%3Aw%20secret@");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let line = format!(
        "run --subscribe {} --publish {} --server-metrics {} -c 2 -r 20 -d 500ms --warmup 0s \
         --json {} --html {} --markdown {} --csv {}",
        with(stub.url("/t/x")),
        with(stub.url("/t/x")),
        with(page.url("/metrics")),
        path("a.json"),
        path("a.html"),
        path("a.md"),
        path("a.csv"),
    );
    let ran = loadgen(&line);
    // The second is that of a machine that was too busy.
    assert!([0, 4].contains(&ran.code), "{}{}", ran.stdout, ran.stderr);
    let sent = |requests: Vec<Option<String>>| {
        assert!(!requests.is_empty());
        assert!(requests.iter().all(|sent| sent.as_deref() == Some(SENT)), "{requests:?}");
    };
    sent(stub.store().requests().into_iter().map(|request| request.authorization).collect());
    sent(stub.store().publishes().into_iter().map(|one| one.authorization).collect());
    sent(page.store().requests().into_iter().map(|request| request.authorization).collect());
    let files = ["a.json", "a.html", "a.md", "a.csv"].map(|name| fs::read_to_string(path(name)));
    let files = files.map(|text| text.expect("it is written"));
    for text in [&ran.stdout, &ran.stderr].into_iter().chain(&files) {
        for secret in ["secret", "us%40er", "us@er", "dXNAZXI6"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(files[0].contains("http://(not shown)@127.0.0.1:"), "{}", files[0]);
}

#[test]
fn what_cannot_be_sent_is_refused_without_being_shown() {
    let here = "--subscribe http://127.0.0.1:9/x";
    let cases = [
        (
            "run --subscribe http://a%3Ab:secret@127.0.0.1:9/".to_owned(),
            "a user's name with a colon",
        ),
        ("run --subscribe http://a:secret%0A@127.0.0.1:9/".to_owned(), "control characters"),
        (
            "run --subscribe http://a:secret@127.0.0.1:9/ --token t".to_owned(),
            "only one can be sent",
        ),
        (
            format!("run {here} --publish http://a:secret@127.0.0.1:9/ --publish-token t"),
            "only one can",
        ),
        ("run --subscribe http://a:secret/x@127.0.0.1/".to_owned(), "invalid port number"),
        ("run --subscribe http:a:secret@127.0.0.1/".to_owned(), "write it as http://HOST/PATH"),
        (format!("run {here} --server-metrics https://a:secret@127.0.0.1:9/"), "plain http only"),
        ("run --subscribe http://a:secret@192.0.2.1/".to_owned(), "--i-own-this-target"),
    ];
    for (line, words) in cases {
        let ran = loadgen(&line);
        assert_eq!(ran.code, 1, "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(words), "{line}: {}", ran.stderr);
        assert!(!ran.stderr.contains("secret"), "{line}: {}", ran.stderr);
    }
}
