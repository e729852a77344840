//! An application of axum with the hub in it: the program that the recipe prints is an example of the crate.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;
use tempfile::tempdir;

use super::recipe::files_in;
use crate::clients::run;
use crate::peers::Process;
use crate::support::{EventStream, PROGRAM, client};

#[test]
fn the_program_that_is_printed_is_the_one_that_is_tried() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/axum.rs");
    let example = fs::read_to_string(path).unwrap();
    // The first line is for the lints of this repository.
    let (_, program) = example.split_once("\n\n").unwrap();
    assert_eq!(files_in("axum"), [("main.rs".to_owned(), program.to_owned())]);
}

/// Built by Cargo, which has built it already where all tests are run: `--workspace`, because with the features
/// that this package alone asks of its dependencies, all of them would be compiled once more.
fn built() -> PathBuf {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--locked", "--offline", "--workspace", "--example", "axum"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    run(cargo.current_dir(env!("CARGO_MANIFEST_DIR")));
    Path::new(PROGRAM).with_file_name("examples").join("axum")
}

struct Application {
    process: Process,
    url: String,
    streams: String,
}

impl Application {
    async fn start(mut command: Command) -> Self {
        command.args(["127.0.0.1:0", "127.0.0.1:0"]);
        let mut process = Process::start("axum", command);
        let mut address = async |before: &str| {
            let line = process.expect_line().await;
            let address = line.trim().strip_prefix(before);
            address.unwrap_or_else(|| panic!("{line}")).to_owned()
        };
        let url = address("application on ").await;
        let streams = address("streams on ").await;
        Self { process, url, streams }
    }

    async fn change(&self, order: u32, id: &str, status: &str, last: bool) -> (StatusCode, String) {
        let body = json!({"id": id, "status": status, "last": last}).to_string();
        let request = client().post(format!("{}/orders/{order}", self.url));
        let request = request.header("content-type", "application/json").body(body);
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    fn stream(&self, order: u32) -> RequestBuilder {
        client().get(format!("{}/events/orders/{order}", self.streams))
    }
}

#[tokio::test]
async fn what_a_route_publishes_is_streamed_resumed_and_ended() {
    let application = Application::start(Command::new(built())).await;
    let published = application.change(7, "7/paid", "paid", false).await;
    assert_eq!(published, (StatusCode::OK, "7/paid\n".to_owned()));
    let again = application.change(7, "7/paid", "paid", false).await;
    assert_eq!(again, (StatusCode::OK, "7/paid was there already\n".to_owned()));
    let (status, why) = application.change(7, "7/paid", "cancelled", false).await;
    assert_eq!(status, StatusCode::CONFLICT, "{why}");

    let request = application.stream(7).header("last-event-id", "earliest");
    let response = request.header("origin", &application.url).send().await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], application.url);
    let mut stream = EventStream::from_response(response);
    let event = stream.next().await.unwrap();
    assert_eq!(event.event.as_deref(), Some("status"));
    assert_eq!((event.id.as_deref(), &*event.data), (Some("7/paid"), r#"{"status":"paid"}"#));
    drop(stream);

    application.change(7, "7/packed", "packed", false).await;
    let mut resumed =
        EventStream::open(application.stream(7).header("last-event-id", "7/paid")).await;
    assert_eq!(resumed.data(1).await, [r#"{"status":"packed"}"#]);
    application.change(7, "7/sent", "sent", true).await;
    assert_eq!(resumed.data(1).await, [r#"{"status":"sent"}"#]);
    assert_eq!(resumed.next().await.unwrap().event.as_deref(), Some("fanfare-end"));
    while resumed.next().await.is_some() {}
    let request = application.stream(7).header("last-event-id", "7/sent");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let (status, why) = application.change(7, "7/lost", "lost", false).await;
    assert_eq!(status, StatusCode::CONFLICT, "{why}");

    let from_outside = client().post(format!("{}/events/orders/7", application.streams));
    assert_eq!(from_outside.body("no").send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn it_ends_in_order_with_streams_open_and_nothing_of_its_process_is_taken_over() {
    let folder = tempdir().unwrap();
    let supervisor = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    supervisor.set_nonblocking(true).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -n 300 && exec \"$@\"", "sh"]).arg(built());
    command.env("NOTIFY_SOCKET", folder.path().join("notify"));
    command.env("FANFARE_RETAIN_EVENTS", "many").env("FANFARE_CONFIG", "/nowhere/fanfare.toml");
    command.env("FANFARE_OPEN", "neither");
    let application = Application::start(command).await;
    application.change(8, "8/paid", "paid", false).await;
    let request = application.stream(8).header("last-event-id", "earliest");
    let mut stream = EventStream::open(request).await;
    assert_eq!(stream.data(1).await, [r#"{"status":"paid"}"#]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", application.process.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("300"), "{files}");

    application.process.interrupt();
    let end = stream.next().await.unwrap();
    assert!(end.retry.is_some(), "{end:?}");
    assert_eq!(stream.next().await, None);
    assert_eq!(application.process.finish().await, ["ended in order\n"]);
    assert!(supervisor.recv(&mut [0; 64]).is_err(), "the supervisor of the program was told");
}
