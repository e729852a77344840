//! Over a restart in order, and what keeps a server from starting.

use std::process::Command;

use rustix::process::Signal;

use super::start;
use crate::support::{EventStream, PROGRAM, Program, client, eventually, frame};

async fn publish(program: &Program, topic: &str, data: &str) -> String {
    let request = client().post(format!("{}/events/{topic}", program.url)).body(data.to_owned());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_client_goes_on_after_its_last_id_however_the_server_ended() {
    for signal in [Signal::TERM, Signal::KILL] {
        let folder = tempfile::tempdir().unwrap();
        let mut program = start(folder.path(), &[]);
        let first = publish(&program, "news", "one").await;
        let second = publish(&program, "news", "two").await;
        program.signal(signal);
        program.exit_code().await;

        let program = start(folder.path(), &[]);
        let third = publish(&program, "news", "three").await;
        let url = format!("{}/events/news", program.url);
        let mut stream =
            EventStream::open(client().get(&url).header("Last-Event-ID", &first)).await;
        assert_eq!(stream.resumed_after.as_deref(), Some(first.as_str()), "exactly");
        for (id, data) in [(&second, "two"), (&third, "three")] {
            let event = stream.next().await.unwrap();
            assert_eq!((event.id.as_ref(), event.data.as_str()), (Some(id), data));
        }
        assert!(first < second && second < third);
        let mut all = EventStream::open(client().get(format!("{url}?lastEventID=earliest"))).await;
        assert_eq!(all.data(3).await, ["one", "two", "three"]);
        assert!(frame(&third, "three").contains(&third));
    }
}

#[tokio::test]
async fn an_event_that_is_sent_again_after_a_crash_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let publish = async |program: &Program, data: &str| {
        let body = format!("{{\"topic\":\"orders\",\"id\":\"order-1\",\"data\":\"{data}\"}}");
        let request = client().post(format!("{}/events", program.url));
        let request = request.header("content-type", "application/x-ndjson").body(body);
        request.send().await.unwrap().text().await.unwrap()
    };
    let mut program = start(folder.path(), &[]);
    let first = publish(&program, "paid").await;
    assert!(first.contains("order-1") && !first.contains("repeat"), "{first}");
    program.signal(Signal::KILL);
    program.exit_code().await;
    let program = start(folder.path(), &[]);
    publish(&program, "paid").await;
    let other = publish(&program, "cancelled").await;
    assert!(other.contains("409") || other.contains("duplicate"), "{other}");
    let url = format!("{}/events/orders?lastEventID=earliest", program.url);
    let mut stream = EventStream::open(client().get(url)).await;
    assert_eq!(stream.data(1).await, ["paid"]);
    let url = format!("{}/events/orders", program.url);
    client().post(url).body("last").send().await.unwrap();
    assert_eq!(stream.data(1).await, ["last"], "nothing stands between them");
}

fn refusal(folder: &str) -> String {
    let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let output = Command::new(PROGRAM).args(ports).args(["--data-dir", folder]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn one_process_has_the_folder_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = start(folder.path(), &[]);
    let message = refusal(folder.path().to_str().unwrap());
    let pid = program.child.id().to_string();
    assert!(message.contains("used by another process") && message.contains(&pid), "{message}");
    program.signal(Signal::KILL);
    program.exit_code().await;
    let program = start(folder.path(), &[]);
    eventually("it takes events", async || {
        let url = format!("{}/events/news", program.url);
        client().post(url).body("one").send().await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_and_nothing_in_it_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let message = refusal(file.to_str().unwrap());
    assert!(message.contains("cannot make the data folder"), "{message}");

    std::fs::write(folder.path().join("meta"), "not of a log, and long enough to be one").unwrap();
    let message = refusal(folder.path().to_str().unwrap());
    assert!(message.contains("meta is corrupt at byte 0"), "{message}");
    assert!(message.contains("Restore the folder from a backup"), "{message}");
}

#[test]
fn what_is_said_of_a_data_folder_is_refused_without_one() {
    for flag in ["--sync=never", "--retain-memory=64MiB"] {
        let output = Command::new(PROGRAM).args(["check-config", flag]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{message}");
        assert!(message.contains("give one with --data-dir"), "{message}");
    }
}
