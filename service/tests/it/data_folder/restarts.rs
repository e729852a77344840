//! Restarts in order and out of order, and folders that cannot be used.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use super::{accepted_id, flags, publish, retained};
use crate::support::{EventStream, PROGRAM, Program, client};

/// The exit code of a start that the settings or the machine do not allow (`EX_USAGE`).
const USAGE: i32 = 64;

/// Ends a server, and starts the next one with the same folder.
async fn restart(mut server: Program, signal: Signal, folder: &Path) -> Program {
    server.signal(signal);
    server.exit_code().await;
    Program::start(&flags(folder, &[]))
}

#[tokio::test]
async fn a_restart_keeps_events_and_ids_and_a_client_goes_on_after_its_last_id() {
    for signal in [Signal::TERM, Signal::KILL] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Program::start(&flags(folder.path(), &[]));
        let client = client();
        let mut ids = Vec::new();
        for data in ["1", "2", "3"] {
            ids.push(accepted_id(publish(&client, &server.url, "t", data).await).await);
            accepted_id(publish(&client, &server.url, "another", data).await).await;
        }
        let custom = publish(&client, &server.url, "t?id=custom", "4").await;
        ids.push(accepted_id(custom).await);
        let mut quiet = EventStream::open(client.get(format!("{}/events/quiet", server.url))).await;
        server = restart(server, signal, folder.path()).await;
        while quiet.next().await.is_some() {}
        let place = quiet.last_id.expect("a place");
        let after = accepted_id(publish(&client, &server.url, "t", "5").await).await;
        accepted_id(publish(&client, &server.url, "quiet", "new").await).await;
        assert!(after > ids[2], "{signal:?}: ids go on: {after} after {}", ids[2]);
        ids.push(after);
        for (index, id) in ids.iter().enumerate() {
            let request = client.get(format!("{}/events/t", server.url));
            let mut stream = EventStream::open(request.header("Last-Event-ID", id)).await;
            assert_eq!(stream.resumed_after.as_ref(), Some(id), "{signal:?}");
            for (number, id) in ids.iter().enumerate().skip(index + 1) {
                let event = stream.next().await.unwrap();
                assert_eq!((event.id.as_ref(), event.event), (Some(id), None), "{signal:?}");
                assert_eq!(event.data, (number + 1).to_string(), "{signal:?}");
            }
        }
        let request = client.get(format!("{}/events/quiet", server.url));
        let mut quiet = EventStream::open(request.header("Last-Event-ID", &place)).await;
        assert_eq!(quiet.resumed_after, Some(place), "{signal:?}");
        assert_eq!(quiet.data(1).await, ["new"], "{signal:?}");
    }
}

#[tokio::test]
async fn an_event_with_an_id_of_its_own_that_is_sent_again_after_a_restart_is_a_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Program::start(&flags(folder.path(), &[]));
    let client = client();
    for signal in [Signal::TERM, Signal::KILL] {
        let id = format!("order-{signal:?}");
        let path = format!("{signal:?}?id={id}");
        for _ in 0..2 {
            let answer = publish(&client, &server.url, &path, "paid").await;
            assert_eq!(accepted_id(answer).await, id);
            server = restart(server, signal, folder.path()).await;
        }
        let other = publish(&client, &server.url, &path, "refunded").await;
        assert_eq!(other.status(), 409);
        let topic = format!("{signal:?}");
        accepted_id(publish(&client, &server.url, &topic, "last").await).await;
        assert_eq!(retained(&client, &server.url, &topic, "last").await, ["paid", "last"]);
    }
}

#[test]
fn a_folder_that_another_process_has_is_refused_with_its_process_id() {
    let folder = tempfile::tempdir().unwrap();
    let first = Program::start(&flags(folder.path(), &[]));
    let (code, message) = refused_start(folder.path());
    assert_eq!(code, Some(USAGE), "{message}");
    let owner = format!("is used by another process ({})", first.child.id());
    assert!(message.contains(&owner), "{message}");
    drop(first);
    Program::start(&flags(folder.path(), &[]));
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a folder").unwrap();
    let (taken, lock) = (folder.path().join("taken"), folder.path().join("taken/LOCK"));
    std::fs::create_dir_all(lock).unwrap();
    let cases = [
        (file.join("below"), "cannot make the data folder"),
        (file, "cannot make the data folder"),
        (taken, "cannot lock"),
    ];
    for (path, why) in cases {
        let (code, message) = refused_start(&path);
        assert_eq!(code, Some(USAGE), "{message}");
        let expected = format!("{why} {}", path.display());
        assert!(message.contains(&expected), "{message}");
    }
}

/// The exit code and the message of a server that does not start.
pub(super) fn refused_start(folder: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    let output = command.args(flags(folder, &[])).output().unwrap();
    assert!(output.stdout.is_empty(), "nothing listens, so nothing is announced");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_damaged_folder_is_refused_with_the_place_until_it_is_repaired_and_then_a_gap_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Program::start(&flags(folder.path(), &[]));
    let client = client();
    let mut ids = Vec::new();
    for data in ["1", "2", "3", "4"] {
        ids.push(accepted_id(publish(&client, &server.url, "t", data).await).await);
    }
    server.signal(Signal::KILL);
    server.exit_code().await;
    // In the batch of the first event, behind which others say that it was synced.
    let name = format!("{:020}.seg", 1);
    let file = File::options().write(true).open(folder.path().join(&name)).unwrap();
    file.write_all_at(b"damaged", 1_024 + 60).unwrap();

    let (code, message) = refused_start(folder.path());
    assert_eq!(code, Some(USAGE), "{message}");
    assert!(message.contains(&format!("{name} is corrupt at byte 1024")), "{message}");
    assert!(message.contains("--repair"), "{message}");

    let mut server = Program::start(&flags(folder.path(), &["--repair"]));
    for _ in 0..2 {
        let url = format!("{}/events/t?lastEventID=earliest", server.url);
        let mut stream = EventStream::open(client.get(url)).await;
        let gap = stream.next().await.unwrap();
        assert_eq!(gap.event.as_deref(), Some("fanfare-gap"));
        for (id, data) in ids.iter().zip(["1", "2", "3", "4"]).skip(1) {
            let event = stream.next().await.unwrap();
            assert_eq!((event.id.as_ref(), event.data.as_str()), (Some(id), data));
        }
        server = restart(server, Signal::TERM, folder.path()).await;
    }
}

#[test]
fn a_folder_of_something_else_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let meta = folder.path().join("meta");
    std::fs::write(&meta, "not of a log, and long enough to be one").unwrap();
    let (code, message) = refused_start(folder.path());
    assert_eq!(code, Some(USAGE), "{message}");
    assert!(message.contains("meta is corrupt at byte 0"), "{message}");
    assert!(message.contains("Restore the folder from a backup"), "{message}");
    assert!(std::fs::read_to_string(meta).unwrap().starts_with("not of a log"));
}

#[test]
fn what_is_said_of_a_data_folder_is_refused_without_one() {
    for flag in ["--sync=never", "--retain-memory=64MiB", "--repair"] {
        let output = Command::new(PROGRAM).args(["check-config", flag]).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(USAGE), "{message}");
        assert!(message.contains("give one with --data-dir"), "{message}");
    }
}
