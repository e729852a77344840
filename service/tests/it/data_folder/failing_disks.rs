//! Disks that are full, and disks that fail.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use reqwest::{Client, Response};
use rustix::process::Signal;
use serde_json::Value;

use super::restarts::refused_start;
use super::{accepted_id, flags, publish, retained, still_lives};
use crate::support::{EventStream, PROGRAM, Program, client};

/// A file system that is there until it is dropped. Only root mounts file systems.
struct MountedDisk(tempfile::TempDir);

impl MountedDisk {
    /// One of 16 MiB in memory.
    fn in_memory() -> Self {
        Self::mount(&["-t", "tmpfs", "-o", "size=16m", "fanfare-test"])
    }

    /// The ext4 that is in a file. It can be written no more from its first error on.
    fn of_image(image: &Path) -> Self {
        Self::mount(&["-t", "ext4", "-o", "loop,errors=remount-ro", image.to_str().unwrap()])
    }

    fn mount(what: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(Command::new("mount").args(what).arg(folder.path()));
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// It has gone when this returns, so that its image can be mounted anew.
    fn unmount(self) {
        run(Command::new("umount").arg(self.path()));
    }
}

impl Drop for MountedDisk {
    fn drop(&mut self) {
        // Lazily: a server of a test that failed may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}, as root: {said}");
}

#[tokio::test]
async fn a_full_disk_refuses_events_until_there_is_room_and_readers_go_on() {
    let disk = MountedDisk::in_memory();
    let (folder, filler) = (disk.path().join("data"), disk.path().join("filler"));
    fs::write(&filler, vec![1; 12 << 20]).unwrap();
    let few = ["--retain-bytes", "8MiB"];
    let mut server = Program::start(&flags(&folder, &few));
    let client = client();
    let stream = client.get(format!("{}/events/t", server.url));
    let mut stream = EventStream::open(stream).await;
    let mut confirmed = Vec::new();
    let refused = publish_until_refused(&client, &server.url, &mut confirmed).await;
    assert_eq!(refusal(refused).await, "log-unavailable");
    assert!(confirmed.len() > 10, "{} were confirmed", confirmed.len());
    assert_eq!(stream.data(confirmed.len()).await, confirmed, "readers get what was confirmed");
    let (status, text) = readiness(&client, &server.admin).await;
    assert_eq!(status, 200, "its subscribers are served: {text}");
    assert_eq!(retained(&client, &server.url, "t", confirmed.last().unwrap()).await, confirmed);
    drop(stream);
    server.signal(Signal::KILL);
    server.exit_code().await;
    // It starts all the same, where not even its number fits into the lock file.
    while fs::OpenOptions::new().append(true).open(&filler).unwrap().write_all(&[1; 4_096]).is_ok()
    {
    }
    server = Program::start(&flags(&folder, &few));
    assert_eq!(retained(&client, &server.url, "t", confirmed.last().unwrap()).await, confirmed);
    let newest = format!("{}/events/t?last=1", server.url);
    let mut stream = EventStream::open(client.get(newest)).await;
    assert_eq!(stream.data(1).await, confirmed[confirmed.len() - 1..]);

    fs::remove_file(filler).unwrap();
    for number in 0..20 {
        let data = large(&format!("after {number}"));
        accepted_id(publish(&client, &server.url, "t", &data).await).await;
        confirmed.push(data);
    }
    assert_eq!(stream.data(20).await, confirmed[confirmed.len() - 20..]);
    server.signal(Signal::KILL);
    server.exit_code().await;
    server = Program::start(&flags(&folder, &few));
    assert_eq!(retained(&client, &server.url, "t", confirmed.last().unwrap()).await, confirmed);
}

#[tokio::test]
async fn a_file_system_that_becomes_read_only_ends_publishing_alone_and_all_is_there_when_it_is_not()
 {
    let images = tempfile::tempdir().unwrap();
    let image = images.path().join("image");
    fs::File::create(&image).unwrap().set_len(128 << 20).unwrap();
    run(Command::new("mkfs.ext4").arg("-q").arg(&image));
    let disk = MountedDisk::of_image(&image);
    let folder = disk.path().join("data");
    let more_than_memory = ["--retain-bytes", "48MiB", "--retain-memory", "16MiB"];
    let more = [&more_than_memory[..], &["--heartbeat", "200ms"]].concat();
    let mut server = Program::start(&flags(&folder, &more));
    let client = client();
    let mut confirmed: Vec<_> = (0..500).map(|number| large(&number.to_string())).collect();
    for data in &confirmed {
        accepted_id(publish(&client, &server.url, "t", data).await).await;
    }
    // As after an error of the disk below it.
    run(Command::new("mount").args(["-o", "remount,abort"]).arg(disk.path()));
    let first = publish(&client, &server.url, "t", "unknown").await;
    assert_eq!(refusal(first).await, "outcome-unknown");
    let (status, text) = readiness(&client, &server.admin).await;
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("the event log has failed: Read-only file system"), "{text}");
    let newest = confirmed.last().unwrap();
    let read = retained(&client, &server.url, "t", newest).await;
    assert!(read == confirmed, "{} of {} are read", read.len(), confirmed.len());
    assert!(server.figure("fanfare_storage_pages_read_total").await > 0.0, "from the disk too");
    still_lives(&client, &server.url).await;
    server.signal(Signal::KILL);
    server.exit_code().await;

    let (code, said) = refused_start(&folder);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("cannot lock") && said.contains("Read-only file system"), "{said}");
    disk.unmount();

    let disk = MountedDisk::of_image(&image);
    let server = Program::start(&flags(&disk.path().join("data"), &more));
    accepted_id(publish(&client, &server.url, "t", "after").await).await;
    let mut found = retained(&client, &server.url, "t", "after").await;
    found.retain(|data| data != "unknown");
    confirmed.push("after".to_owned());
    assert!(found == confirmed, "{} of {} are there", found.len(), confirmed.len());
}

/// What the system says when there is no room for a file, for the call by which segments get theirs.
const NO_ROOM: [&str; 6] = ["ENOSPC", "EDQUOT", "EFBIG", "EMFILE", "ENFILE", "ENOMEM"];

#[tokio::test]
async fn whatever_there_is_no_room_for_events_are_taken_again_when_there_is_some() {
    for error in NO_ROOM {
        let folder = tempfile::tempdir().unwrap();
        let (data, trace) = (folder.path().join("data"), folder.path().join("trace"));
        // The first call is for the segment that the first event begins.
        let inject = format!("fallocate:error={error}:when=2..4");
        let server = start_traced(&inject, &data, &trace, &SMALL_SEGMENTS);
        let client = client();
        let mut confirmed = Vec::new();
        for _ in 0..3 {
            let first = publish_until_failed(&client, &server.url, &mut confirmed).await;
            assert_eq!(refusal(first).await, "log-unavailable", "{error}");
        }
        let calls = fs::read_to_string(&trace).unwrap();
        assert_eq!(calls.matches("(INJECTED)").count(), 3, "{error}: {calls}");
        accepted_id(publish(&client, &server.url, "t", "there is room").await).await;
        let (status, text) = readiness(&client, &server.admin).await;
        assert_eq!(status, 200, "{error}: {text}");
        confirmed.push("there is room".to_owned());
        assert_eq!(
            retained(&client, &server.url, "t", "there is room").await,
            confirmed,
            "{error}"
        );
    }
}

/// What the system says where the call that makes room cannot be used, and how often: never, in this kernel
/// or file system; or not now, since a signal has come, a few times or whenever it is tried.
const NO_WAY: [(&str, &str); 4] =
    [("ENOSYS", "1+"), ("EOPNOTSUPP", "1+"), ("EINTR", "2..5"), ("EINTR", "1+")];

#[tokio::test]
async fn where_no_room_can_be_made_in_advance_events_are_taken_all_the_same() {
    for (error, when) in NO_WAY {
        let folder = tempfile::tempdir().unwrap();
        let (data, trace) = (folder.path().join("data"), folder.path().join("trace"));
        let inject = format!("fallocate:error={error}:when={when}");
        let mut server = start_traced(&inject, &data, &trace, &SMALL_SEGMENTS);
        let client = client();
        let mut confirmed = Vec::new();
        // More than two segments hold.
        for number in 0..40 {
            let event = format!("{number:.<5000}");
            accepted_id(publish(&client, &server.url, "t", &event).await).await;
            confirmed.push(event);
        }
        let calls = fs::read_to_string(&trace).unwrap();
        assert!(calls.contains("(INJECTED)"), "{error}, {when}: {calls}");
        let newest = confirmed.last().unwrap();
        let read = retained(&client, &server.url, "t", newest).await;
        assert!(read == confirmed, "{error}, {when}: {} are read", read.len());
        server.signal(Signal::KILL);
        server.exit_code().await;
        server = Program::start(&flags(&data, &SMALL_SEGMENTS));
        let read = retained(&client, &server.url, "t", newest).await;
        assert!(read == confirmed, "{error}, {when}: {} are there after a restart", read.len());
    }
}

/// Publishes until the first refusal, which it gives.
async fn publish_until_refused(
    client: &Client,
    url: &str,
    confirmed: &mut Vec<String>,
) -> Response {
    for number in 0..1_000 {
        let data = large(&number.to_string());
        let response = publish(client, url, "t", &data).await;
        if response.status() != 200 {
            return response;
        }
        confirmed.push(data);
    }
    panic!("the disk is never full");
}

/// Data of which 16 MiB hold some hundreds.
fn large(name: &str) -> String {
    format!("{name:.<50000}")
}

/// A failure that the system is told to give, and the mode in which the server meets it.
struct Failure {
    sync: &'static str,
    syscall: &'static str,
    /// It has been answered with an error when this was the call of one thread with this number.
    call: u32,
    /// Whoever publishes at that time learns that the outcome is unknown.
    is_met_by_publishers: bool,
}

const FAILURES: [Failure; 7] = [
    Failure { sync: "always", syscall: "fdatasync", call: 6, is_met_by_publishers: true },
    Failure { sync: "always", syscall: "pwrite64", call: 6, is_met_by_publishers: true },
    Failure { sync: "interval=20ms", syscall: "fdatasync", call: 4, is_met_by_publishers: false },
    Failure { sync: "never", syscall: "pwrite64", call: 6, is_met_by_publishers: true },
    // When the first segment is full: it is cut, and the next one gets its room and its name.
    Failure { sync: "always", syscall: "ftruncate", call: 1, is_met_by_publishers: true },
    Failure { sync: "always", syscall: "fallocate", call: 2, is_met_by_publishers: true },
    // The third one, because a start syncs the names in the folder twice.
    Failure { sync: "always", syscall: "fsync", call: 3, is_met_by_publishers: true },
];
/// Segments of 64 KiB, so that one is full soon.
pub(super) const SMALL_SEGMENTS: [&str; 2] = ["--retain-bytes", "512KiB"];

#[tokio::test]
async fn after_a_failure_of_the_disk_nothing_is_confirmed_and_a_restart_has_what_was_confirmed() {
    for failure in FAILURES {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let data = folder.path().join("data");
        let name = format!("--sync {} with {}", failure.sync, failure.syscall);
        let mut server = start_failing(&failure, &data, &trace);
        let client = client();
        let stream = client.get(format!("{}/events/t", server.url));
        let mut stream = EventStream::open(stream).await;

        let mut confirmed = Vec::new();
        let first = publish_until_failed(&client, &server.url, &mut confirmed).await;
        let expected =
            if failure.is_met_by_publishers { "outcome-unknown" } else { "log-unavailable" };
        assert_eq!(refusal(first).await, expected, "{name}");
        let calls = fs::read_to_string(&trace).unwrap();
        assert!(calls.contains("= -1 EIO (Input/output error) (INJECTED)"), "{name}: {calls}");
        for _ in 0..3 {
            let response = publish(&client, &server.url, "t", "afterwards").await;
            assert_eq!(refusal(response).await, "log-unavailable", "{name}");
        }
        let (status, text) = readiness(&client, &server.admin).await;
        assert_eq!(status, 503, "{name}: {text}");
        assert!(text.contains("the event log has failed"), "{name}: {text}");
        assert_eq!(stream.data(confirmed.len()).await, confirmed, "{name}");
        still_lives(&client, &server.url).await;

        server.signal(Signal::KILL);
        server.exit_code().await;
        server = Program::start(&flags(&data, &[]));
        accepted_id(publish(&client, &server.url, "t", "last").await).await;
        let mut kept = retained(&client, &server.url, "t", "last").await;
        kept.pop();
        // The event whose outcome is unknown may be there.
        let unknown = confirmed.len().to_string();
        kept.pop_if(|data| failure.is_met_by_publishers && *data == unknown);
        assert_eq!(kept, confirmed, "{name}");
    }
}

/// Starts a server whose disk is going to fail. The tracer runs beside it, so it is the child itself.
fn start_failing(failure: &Failure, folder: &Path, trace: &Path) -> Program {
    let Failure { sync, syscall, call, .. } = failure;
    let more = ["--sync", sync, "--heartbeat", "200ms"];
    let inject = format!("{syscall}:error=EIO:when={call}");
    start_traced(&inject, folder, trace, &[&more[..], &SMALL_SEGMENTS].concat())
}

/// Starts a server some of whose calls go wrong, as strace is told.
fn start_traced(inject: &str, folder: &Path, trace: &Path, more: &[&str]) -> Program {
    let (syscall, _) = inject.split_once(':').unwrap();
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "--seccomp-bpf", "-qq", "-e", &format!("trace={syscall}"), "-e"]);
    command.arg(format!("inject={inject}")).arg("-o").arg(trace);
    command.arg(PROGRAM);
    Program::start_by(command, &flags(folder, more))
}

/// Publishes its numbers until the first refusal, which it gives.
async fn publish_until_failed(client: &Client, url: &str, confirmed: &mut Vec<String>) -> Response {
    for number in 0..100_000 {
        let response = publish(client, url, "t", &number.to_string()).await;
        if response.status() != 200 {
            return response;
        }
        confirmed.push(number.to_string());
    }
    panic!("the disk never fails");
}

pub(super) async fn readiness(client: &Client, admin: &str) -> (u16, String) {
    let response = client.get(format!("{admin}/readyz")).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Why an event was refused for now: the last part of the type of the problem.
pub(super) async fn refusal(response: Response) -> String {
    assert_eq!(response.status(), 503);
    let problem: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let kind = problem["type"].as_str().unwrap_or_else(|| panic!("{problem}"));
    kind.rsplit(['/', ':', '#']).next().unwrap().to_owned()
}
