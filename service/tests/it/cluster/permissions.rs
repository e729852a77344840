//! Brokers that let a server do only what it needs: by the block of docs/cluster.md, and with an account that an
//! operator has signed.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::brokers::Brokers;
use super::{FIXED, publish, stream_after};
use crate::support::{PROGRAM, Program, client};

const PAGE: &str = include_str!("../../../../docs/cluster.md");
const ACCOUNTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/nats/.built/accounts");

/// The configuration that the page tells operators to write.
fn block() -> &'static str {
    let begin = PAGE.find("```\naccounts {").expect("the block of the page") + 4;
    &PAGE[begin..][..PAGE[begin..].find("```").expect("its end")]
}

/// The subjects that it allows publishing to.
fn subjects() -> Vec<&'static str> {
    let (_, list) = block().split_once("publish: [").expect("its subjects");
    let (list, _) = list.split_once(']').expect("their end");
    list.split_whitespace().collect()
}

fn flags<'a>(urls: &'a str, access: &[&'a str]) -> Vec<&'a str> {
    [&FIXED[..], &["--nats-unsafe", "--nats", urls], access].concat()
}

/// What it says instead of starting.
fn refusal(brokers: &Brokers, access: &[&str]) -> String {
    let urls = brokers.urls();
    let fixed = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let output = Command::new(PROGRAM).args(fixed).args(flags(&urls, access)).output();
    let output = output.expect("it runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(64), "{said}");
    said
}

/// Two servers deliver what is published at the other one.
async fn it_works(brokers: &Brokers, access: &[&str]) {
    let (urls, client) = (brokers.urls(), client());
    let nodes = [(); 2].map(|()| Program::start(&flags(&urls, access)));
    for (node, data) in nodes.iter().zip(["one", "two"]) {
        let (status, body) = publish(&client, node, "t", data).await;
        assert_eq!(status, 200, "{body}");
    }
    for node in &nodes {
        let mut stream = stream_after(&client, node, "t", "earliest").await;
        assert_eq!(stream.data(2).await, ["one", "two"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_allows_is_enough_and_each_subject_that_is_missing_is_named_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let user = folder.path().join("user").display().to_string();
    fs::write(&user, "fanfare:exchange this\n").expect("it is written");
    let access = ["--nats-user-file", user.as_str()];
    it_works(&Brokers::one_with(block()).await, &access).await;
    assert!(subjects().len() > 5, "{:?}", subjects());
    let inboxes = "\"_INBOX.>\"";
    for missing in subjects().into_iter().chain([inboxes]) {
        let config = block().replacen(missing, "\"nothing\"", 1);
        let brokers = Brokers::one_with(&config).await;
        let said = refusal(&brokers, &access);
        let start = missing.trim_matches('"').trim_end_matches(['*', '>']);
        let verb = if missing == inboxes { "subscribe" } else { "publish" };
        assert!(said.contains(&format!("do not let this server {verb} to `{start}")), "{said}");
        assert!(said.contains("has to be allowed to publish to `$JS.API.STREAM.INFO.fanfare`"));
        assert!(!said.contains("exchange this"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_the_stream_needs_no_permission_to_make_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| {
        let path = folder.path().join(name).display().to_string();
        fs::write(&path, format!("{name}:exchange this\n")).expect("it is written");
        path
    };
    // Another user of the same account, who may do all but that.
    let users = block().split_once("users: [").expect("its users").1;
    let user = &users[..users.rfind("]\n    }\n}").expect("their end")];
    let other =
        user.replace("user: fanfare", "user: other").replace("STREAM.CREATE", "STREAM.NAMES");
    let brokers = Brokers::one_with(&block().replace(user, &(user.to_owned() + &other))).await;
    let said = refusal(&brokers, &["--nats-user-file", &file("other")]);
    assert!(said.contains("do not let this server publish to `$JS.API.STREAM.CREATE"), "{said}");
    it_works(&brokers, &["--nats-user-file", &file("fanfare")]).await;
    let urls = brokers.urls();
    let node = Program::start(&flags(&urls, &["--nats-user-file", &file("other")]));
    assert_eq!(publish(&client(), &node, "t", "three").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_an_operator_has_signed_is_used_by_a_file_of_credentials() {
    assert!(Path::new(ACCOUNTS).exists(), "there is no {ACCOUNTS}; `make setup-tests` builds it");
    let allowed = subjects().join(",").replace('"', "");
    let make = |publish: &str| {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Command::new(ACCOUNTS).arg(folder.path()).args([publish, "_INBOX.>"]).status();
        assert!(made.expect("it runs").success());
        folder
    };
    let folder = make(&allowed);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = fs::read_to_string(path("operator.conf")).expect("it was made");
    let brokers = Brokers::one_with(&config).await;
    it_works(&brokers, &["--nats-credentials", &path("fanfare.creds")]).await;
    let stranger = make(&allowed);
    let stranger = stranger.path().join("fanfare.creds").display().to_string();
    let without = path("without-jetstream.creds");
    for (credentials, expected) in
        [(stranger.as_str(), "lets this one in"), (without.as_str(), "for the account too")]
    {
        let said = refusal(&brokers, &["--nats-credentials", credentials]);
        assert!(said.contains(expected), "{said}");
    }
    let limited = make(&allowed.replace("fanfare.events", "nothing"));
    let path = |name: &str| limited.path().join(name).display().to_string();
    let config = fs::read_to_string(path("operator.conf")).expect("it was made");
    let brokers = Brokers::one_with(&config).await;
    let said = refusal(&brokers, &["--nats-credentials", &path("fanfare.creds")]);
    assert!(said.contains("do not let this server publish to `fanfare.events`"), "{said}");
}
