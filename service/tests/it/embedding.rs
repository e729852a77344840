//! Hubs inside of a program: several of them, what they are refused, and what is left of them.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use fanfare::embed::{Fanfare, FanfareBuilder, NewEvent, PublishError};
use tempfile::tempdir;
use tokio::net::TcpStream;

use crate::support::{EventStream, client, eventually, own_address};

fn hub() -> FanfareBuilder {
    Fanfare::builder()
        .setting("listen", "127.0.0.1:0")
        .setting("shards", "1")
        .setting("drain-window", "0s")
}

fn url(fanfare: &Fanfare, path: &str) -> String {
    format!("http://{}{path}", fanfare.addresses()[0])
}

async fn text(url: &str) -> String {
    client().get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn two_hubs_in_one_process_have_nothing_of_each_other() {
    let start = async || hub().setting("admin-listen", "127.0.0.1:0").start().await.unwrap();
    let hubs = [start().await, start().await];
    for (fanfare, data) in hubs.iter().zip(["one", "two"]) {
        fanfare.publisher().publish(NewEvent::on("news").data(data)).await.unwrap();
    }
    for (fanfare, data) in hubs.into_iter().zip(["one", "two"]) {
        let events = text(&url(&fanfare, "/events/news?poll")).await;
        let of_events = events.lines().filter(|line| line.starts_with("data:"));
        assert_eq!(of_events.collect::<Vec<_>>(), [format!("data: {data}")]);
        let admin = fanfare.admin_addresses()[0];
        let metrics = text(&format!("http://{admin}/metrics")).await;
        assert!(metrics.contains("\nfanfare_retained_events 1\n"), "{metrics}");
        fanfare.shutdown().await;
        assert!(TcpStream::connect(admin).await.is_err(), "the admin listener is still there");
    }
}

#[tokio::test]
async fn a_hub_that_has_started_is_ready_though_the_program_is_busy() {
    let fanfare = hub().setting("admin-listen", "127.0.0.1:0").start().await.unwrap();
    // Nothing of the runtime of this program gets a turn while it is asked.
    let mut admin = std::net::TcpStream::connect(fanfare.admin_addresses()[0]).unwrap();
    admin
        .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut response = String::new();
    admin.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    fanfare.shutdown().await;
}

#[tokio::test]
async fn the_log_lines_of_a_program_are_not_decided_on_by_the_hub_in_it() {
    let fanfare = hub().setting("admin-listen", "127.0.0.1:0").start().await.unwrap();
    let url = format!("http://{}/log-level", fanfare.admin_addresses()[0]);
    assert_eq!(text(&url).await.trim(), r#"{"filter":null}"#);
    let refused = client().put(&url).body("debug").send().await.unwrap();
    assert_eq!(refused.status(), 409);
    let problem = refused.text().await.unwrap();
    assert!(problem.contains("inside of a program"), "{problem}");
    fanfare.shutdown().await;
}

#[tokio::test]
async fn a_folder_and_an_address_are_refused_to_a_second_hub_and_free_behind_the_end_of_the_first()
{
    let folder = tempdir().unwrap();
    let on_disk = || hub().setting("data-dir", folder.path());
    let address = own_address().to_string();
    let first = on_disk().setting("listen", &address).start().await.unwrap();
    let error = on_disk().start().await.unwrap_err().to_string();
    assert!(error.contains(&*folder.path().to_string_lossy()), "{error}");
    let error = hub().setting("listen", &address).start().await.unwrap_err().to_string();
    assert!(error.contains("something else listens there"), "{error}");
    let publisher = first.publisher();
    publisher.publish(NewEvent::on("news").data("kept")).await.unwrap();
    first.shutdown().await;
    let late = publisher.publish(NewEvent::on("news").data("late")).await;
    assert_eq!(late, Err(PublishError::HasEnded));
    let again = Fanfare::builder().setting("listen", &address).setting("drain-window", "0s");
    let again = again.setting("data-dir", folder.path()).start().await.unwrap();
    let events = text(&url(&again, "/events/news?poll&lastEventID=earliest")).await;
    assert!(events.contains("data: kept\n") && !events.contains("late"), "{events}");
    again.shutdown().await;
}

#[tokio::test]
async fn a_hub_that_is_dropped_ends_its_streams_and_gives_back_its_address() {
    let address = own_address();
    let fanfare = hub().setting("listen", address.to_string()).start().await.unwrap();
    let publisher = fanfare.publisher();
    let mut stream = EventStream::open(client().get(url(&fanfare, "/events/news"))).await;
    publisher.publish(NewEvent::on("news").data("heard")).await.unwrap();
    assert_eq!(stream.data(1).await, ["heard"]);
    drop(fanfare);
    // A time to come back, and the end.
    while let Some(block) = stream.next().await {
        assert!(block.retry.is_some(), "{block:?}");
    }
    let gone = async || TcpStream::connect(address).await.is_err();
    eventually("the listener is closed", gone).await;
    let ended =
        async || publisher.publish(NewEvent::on("news")).await == Err(PublishError::HasEnded);
    eventually("nothing is published any more", ended).await;
}

#[tokio::test]
async fn a_setting_that_is_none_or_is_the_programs_own_is_refused_by_its_name() {
    let cases = [
        ("retain-event", "5", "there is no setting `retain-event`; did you mean `retain-events`?"),
        ("help", "", "there is no setting `help`"),
        ("retain-events", "many", "invalid value 'many' for '--retain-events"),
        ("listen", "0.0.0.0:0", "--listen 0.0.0.0:0 can be reached from other machines"),
        (
            "log-level",
            "debug",
            "`log-level` is nothing that a server inside of another program has",
        ),
        ("config", "/nowhere/fanfare.toml", "/nowhere/fanfare.toml cannot be read"),
    ];
    for (key, value, expected) in cases {
        let builder = Fanfare::builder().setting("demos", "false").setting(key, value);
        let error = builder.start().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{key}: {error}");
        assert!(!error.contains('\n') && !error.contains("--help"), "{key}: {error}");
    }
}

#[tokio::test]
async fn a_file_of_settings_is_read_and_what_the_program_says_goes_before_it() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("fanfare.toml");
    let file = "listen = \"127.0.0.1:0\"\nadmin-listen = \"127.0.0.1:0\"\nevent-data-max = 4\ndrain-window = \"1h\"\n";
    std::fs::write(&path, file).unwrap();
    let builder = Fanfare::builder().config_file(&path).setting("drain-window", "0s");
    let fanfare = builder.start().await.unwrap();
    assert_eq!(fanfare.admin_addresses().len(), 1);
    let long = fanfare.publisher().publish(NewEvent::on("news").data("12345")).await;
    assert!(long.unwrap_err().to_string().contains("the data has 5 bytes; send at most 4"));
    fanfare.shutdown().await;
    std::fs::write(&path, "log-format = \"json\"\n").unwrap();
    let error = Fanfare::builder().config_file(&path).start().await.unwrap_err().to_string();
    assert!(error.starts_with("`log-format`"), "{error}");
}

#[tokio::test]
async fn what_is_no_event_is_refused_with_the_reason() {
    let fanfare = hub().start().await.unwrap();
    let publisher = fanfare.publisher();
    let cases = [
        (NewEvent::on(""), "topic"),
        (NewEvent::on("*"), "`*` stands for every topic"),
        (NewEvent::on("news").and_on("fanfare/server"), "topics that begin with `fanfare/`"),
        (NewEvent::on("news").event_type("a\nb"), "the type holds a control character"),
        (NewEvent::on("news").id("earliest"), "id"),
        (NewEvent::on("news").retry(Duration::MAX), "retry is not a number of milliseconds"),
    ];
    for (event, expected) in cases {
        let refused = publisher.publish(event.clone()).await;
        let Err(PublishError::Refused { reason }) = &refused else {
            panic!("{event:?}: {refused:?}")
        };
        assert!(reason.contains(expected), "{event:?}: {reason}");
    }
    fanfare.shutdown().await;
}

#[tokio::test]
async fn a_private_event_is_seen_by_nobody_without_a_token() {
    let secret = "a secret that has at least 32 bytes";
    let keys = |hub: FanfareBuilder| {
        hub.setting("jwt-secret", secret).setting("anonymous-subscribe", "true")
    };
    let builder = keys(hub());
    let debug = format!("{builder:?}");
    assert!(debug.contains("jwt-secret") && !debug.contains(secret), "{debug}");
    let fanfare = builder.start().await.unwrap();
    let publisher = fanfare.publisher();
    publisher.publish(NewEvent::on("news").data("secret").private()).await.unwrap();
    publisher.publish(NewEvent::on("news").data("public")).await.unwrap();
    let events = text(&url(&fanfare, "/events/news?poll&lastEventID=earliest")).await;
    assert!(events.contains("data: public\n") && !events.contains("secret"), "{events}");
    fanfare.shutdown().await;
}
