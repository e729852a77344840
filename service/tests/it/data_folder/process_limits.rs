//! What the process may do with files: how large they may be, how many may be open, and where it may make them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use tokio::net::TcpStream;

use super::failing_disks::{SMALL_SEGMENTS, readiness, refusal};
use super::{accepted_id, flags, publish, retained, still_lives};
use crate::support::{EventStream, PROGRAM, Program, client, eventually};

/// The exit code of a start that the settings or the machine do not allow (`EX_USAGE`).
const USAGE: Option<i32> = Some(64);

/// As `prlimit` has it: a limit that can be raised again.
const SMALLER_THAN_A_SEGMENT: &str = "--fsize=10485760:unlimited";

/// From now on its files may be so large.
fn limit_file_size(server: &Program, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(Pid::from_child(&server.child)), Resource::Fsize, limit).expect("it runs");
}

#[tokio::test]
async fn where_files_may_not_be_so_large_events_are_refused_until_they_may_and_readers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (data, lines) = (folder.path().join("data"), folder.path().join("lines"));
    let mut command = Command::new("sh");
    let script = format!("exec prlimit {SMALLER_THAN_A_SEGMENT} \"$0\" \"$@\" 2>\"$LINES\"");
    command.args(["-c", &script, PROGRAM]).env("LINES", &lines);
    let mut server = Program::start_by(command, &flags(&data, &["--heartbeat", "200ms"]));
    let client = client();
    let stream = client.get(format!("{}/events/t", server.url));
    let mut stream = EventStream::open(stream).await;
    // The first one begins a segment. Later there is one, and the limit ends in the middle of it.
    for (limit, taken) in [(None, "first"), (Some(2_000), "second")] {
        if limit.is_some() {
            limit_file_size(&server, limit);
        }
        for _ in 0..3 {
            let data = format!("{:.<5000}", "refused");
            let response = publish(&client, &server.url, "t", &data).await;
            assert_eq!(refusal(response).await, "log-unavailable", "{limit:?}");
        }
        let (status, text) = readiness(&client, &server.admin).await;
        assert_eq!(status, 200, "its subscribers are served: {text}");
        still_lives(&client, &server.url).await;
        limit_file_size(&server, None);
        accepted_id(publish(&client, &server.url, "t", taken).await).await;
        assert_eq!(stream.data(1).await, [taken]);
    }
    eventually("the log names the limit, and what to do", async || {
        let said = fs::read_to_string(&lines).unwrap();
        let line = said.lines().find(|line| line.contains("over the limit of the size of files"));
        line.is_some_and(|line| line.contains("10485760 bytes; raise that limit (`ulimit -f`"))
    })
    .await;

    // Whatever has reached the limit, such as the file to which its log goes.
    server.signal(Signal::XFSZ);
    still_lives(&client, &server.url).await;
    server.signal(Signal::KILL);
    server.exit_code().await;
    server = Program::start(&flags(&data, &[]));
    assert_eq!(retained(&client, &server.url, "t", "second").await, ["first", "second"]);
}

#[tokio::test]
async fn with_few_files_all_connections_of_both_listeners_are_taken_and_the_log_has_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("prlimit");
    command.args(["--nofile=160", PROGRAM]);
    // Connections that say nothing stay as long as the test.
    let more = ["--shards", "1", "--headers-timeout", "10m"];
    let more = [&SMALL_SEGMENTS[..], &more].concat();
    let server = Program::start_by(command, &flags(folder.path(), &more));
    let publisher = client();
    accepted_id(publish(&publisher, &server.url, "t", "first").await).await;
    let limit = server.figure("fanfare_connections_limit").await;
    assert!(limit > 1.0, "{limit}");

    let mut others = Vec::new();
    for _ in 0..limit as usize - 1 + 64 {
        others.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let refused = "fanfare_connections_rejected_total{reason=\"limit\"}";
    eventually("all are taken, and as many are refused as can be at a time", async || {
        server.figure("fanfare_connections").await == limit && server.figure(refused).await == 64.0
    })
    .await;
    // As many as it serves at a time, and each may stay for ten seconds.
    let admin = server.admin.strip_prefix("http://").unwrap();
    for _ in 0..32 {
        others.push(TcpStream::connect(admin).await.unwrap());
    }
    let mut published = vec!["first".to_owned()];
    for number in 0..20 {
        // Six fill a segment.
        let data = format!("{number:.<10000}");
        accepted_id(publish(&publisher, &server.url, "t", &data).await).await;
        published.push(data);
    }
    drop(others);
    let newest = published.last().unwrap();
    assert!(retained(&publisher, &server.url, "t", newest).await == published);
}

/// The exit code of a server that does not start, and what it says.
fn refused_start(command: &mut Command, folder: &Path) -> (Option<i32>, String) {
    command.args([PROGRAM, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    let output = command.args(flags(folder, &[])).output().unwrap();
    assert!(output.stdout.is_empty(), "nothing listens, so nothing is announced");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_server_with_too_few_files_for_itself_is_refused_with_what_to_raise() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (12, "cannot begin to serve: Too many open files (os error 24); raise the limits"),
        (64, "the process may have 64 files open, and needs "),
    ];
    for (files, why) in cases {
        let limit = format!("--nofile={files}");
        let (code, message) = refused_start(Command::new("prlimit").arg(limit), folder.path());
        assert_eq!(code, USAGE, "{files}: {message}");
        assert!(message.contains(why) && message.contains("ulimit -n"), "{files}: {message}");
    }
}

#[tokio::test]
async fn a_folder_in_which_no_file_can_be_made_is_refused_at_the_start_and_not_at_the_next_segment()
{
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let mut server = Program::start(&flags(&folder, &[]));
    accepted_id(publish(&client(), &server.url, "t", "first").await).await;
    server.signal(Signal::KILL);
    server.exit_code().await;

    fs::set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
    // Root would be asked for no permission.
    let mut unprivileged = Command::new("setpriv");
    unprivileged.arg("--bounding-set=-dac_override,-dac_read_search");
    let (code, message) = refused_start(&mut unprivileged, &folder);
    assert_eq!(code, USAGE, "{message}");
    let expected = format!("cannot open the event log in {}: ", folder.display());
    assert!(message.contains(&expected), "{message}");
    for part in ["no file can be made in it: Permission denied", "let the user of the server write"]
    {
        assert!(message.contains(part), "{message}");
    }

    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    let names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name == "meta.new"), "{names:?}");
    let server = Program::start(&flags(&folder, &[]));
    assert_eq!(retained(&client(), &server.url, "t", "first").await, ["first"]);
}
