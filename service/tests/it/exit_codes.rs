//! What each command ends with, as shells, service managers and container engines read it. The
//! document for operators has the same table.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::CommandFactory as _;
use fanfare::config::Cli;
use rustix::process::Signal;

use crate::support::{PROGRAM, Program, RawStream, Wire, eventually, own_address, stream_request};

const DOCUMENT: &str = include_str!("../../../docs/operations.md");
const SECRET: &str = "a secret of draft-07, for tests, with 32 bytes or more";
const ANY_PORT: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

/// What it ended with, and what it said on standard error.
fn run(line: &[&str]) -> (i32, String) {
    let output = Command::new(PROGRAM).args(line).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("no signal"), said)
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// A data folder with an event, whose server has ended.
async fn data_folder(path: &str) {
    let mut program = Program::start(&["--data-dir", path, "--demos=false", "--drain-window=0s"]);
    let client = crate::support::client();
    for _ in 0..4 {
        let published = client.post(format!("{}/events/t", program.url)).body("x").send().await;
        assert_eq!(published.unwrap().status(), 200);
    }
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test]
async fn each_command_ends_with_the_code_that_the_table_for_operators_has() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| path(folder.path(), name);
    let (secret, whole, damaged) = (file("secret"), file("whole"), file("damaged"));
    data_folder(&whole).await;
    data_folder(&damaged).await;
    damage(Path::new(&damaged));
    let away = own_address().to_string();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let program = Program::start(&["--demos=false"]);
    let admin = program.admin.strip_prefix("http://").unwrap();
    let cases: &[(&[&str], i32)] = &[
        (&["--help"], 0),
        (&["--version"], 0),
        (&["serve", "--help"], 0),
        (&["--no-such-flag"], 64),
        (&["no-such-command"], 64),
        (&["--shards", "many"], 64),
        (&["--listen", "0.0.0.0:0"], 64),
        (&["--listen", &taken, "--admin-listen", "127.0.0.1:0"], 64),
        (&["serve", "--config", "/nowhere"], 64),
        (
            &[
                "serve",
                ANY_PORT[0],
                ANY_PORT[1],
                ANY_PORT[2],
                ANY_PORT[3],
                "--data-dir",
                "/proc/no",
            ],
            64,
        ),
        (&["check-config"], 0),
        (&["check-config", "--listen", "0.0.0.0:0"], 64),
        (&["config"], 0),
        (&["config", "--list"], 0),
        (&["config", "--shards", "many"], 64),
        (&["healthcheck", "--admin", admin], 0),
        (&["healthcheck", "--admin", admin, "--ready"], 0),
        (&["healthcheck", "--admin", &away], 1),
        (&["healthcheck", "--admin", "x"], 64),
        (&["top", "--once", "--admin", &away], 1),
        (&["top", "--once", "--admin", "x"], 64),
        (&["top", "--once", "--token-file", "/nowhere"], 64),
        (&["metrics", "--list"], 0),
        (&["metrics"], 64),
        (&["completions", "bash"], 0),
        (&["completions", "no-such-shell"], 64),
        (&["secret"], 0),
        (&["secret", "--file", &secret], 0),
        (&["secret", "--file", &secret, "--if-missing"], 0),
        (&["secret", "--file", &secret], 1),
        (&["secret", "--file", "/proc/no"], 1),
        (&["token", "--publish", "*", "--jwt-secret", SECRET], 0),
        (&["token", "--publish", "*", "--jwt-secret-file", "/nowhere"], 64),
        (&["token", "--publish", "*"], 64),
        (&["data", "stat", &whole], 0),
        (&["data", "stat", "/nowhere"], 64),
        (&["data", "check", &whole], 0),
        (&["data", "check", &damaged], 1),
        (&["data", "check", "/nowhere"], 64),
        (&["data", "export", &whole], 0),
        (&["data", "export", &damaged], 1),
    ];
    for (line, expected) in cases {
        let (code, said) = run(line);
        assert_eq!(code, *expected, "{line:?}: {said}");
        assert!(line[0] == "data" || (code == 0) == said.is_empty(), "{line:?}: {said}");
    }
}

/// Its first batch, behind which there are others: that is no write which a crash has cut.
fn damage(folder: &Path) {
    let segment = folder.join(format!("{:020}.seg", 1));
    let file = File::options().write(true).open(segment).unwrap();
    file.write_all_at(b"damaged", 1_024 + 60).unwrap();
}

#[tokio::test]
async fn a_server_that_is_told_once_ends_with_0_and_one_that_is_told_twice_with_its_signal() {
    for (signal, expected) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut program = Program::start(&["--drain-window", "60s", "--heartbeat", "0s"]);
        let mut wire = Wire::open_at(program.address()).await;
        wire.say(stream_request("/events/t")).await;
        let _stream: RawStream = wire.stream().await;
        program.signal(signal);
        eventually("it drains", async || program.figure("fanfare_draining").await == 1.0).await;
        program.signal(signal);
        assert_eq!(program.exit_code().await, Some(expected));
    }
    let mut program = Program::start(&["--drain-window", "0s"]);
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
}

#[test]
fn the_table_for_operators_has_a_row_for_each_command() {
    let (_, table) = DOCUMENT.split_once("| command | 0 | 1 | 64 |").expect("the table");
    let table = table.split("\n\n").next().unwrap();
    let has = |name: &str| table.contains(&format!("`{name}`"));
    let cli = Cli::command();
    for command in cli.get_subcommands().filter(|command| !command.is_hide_set()) {
        let below: Vec<_> = command.get_subcommands().collect();
        if below.is_empty() {
            assert!(has(command.get_name()), "{}", command.get_name());
        }
        for below in below {
            assert!(has(&format!("{} {}", command.get_name(), below.get_name())), "{below}");
        }
    }
}

#[test]
fn what_nobody_reads_is_no_failure() {
    for line in [&["config", "--list"][..], &["metrics", "--list"], &["secret"]] {
        let mut command = Command::new(PROGRAM);
        let mut child = command.args(line).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{line:?}");
    }
}
