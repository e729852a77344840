//! What the server says on standard error while it runs, as a log collector reads it.

use std::io::BufReader;
use std::io::Read as _;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::{Map, Value};
use tokio::time::timeout;

use crate::support::{
    EventStream, Http2, LogLines, PATIENCE, PROGRAM, Program, Wire, eventually, stream_request,
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// One line, as a collector wants it. Each of these names may stand in it only once.
#[derive(Debug, serde::Deserialize)]
struct Line {
    timestamp: String,
    level: String,
    message: String,
    target: String,
    #[serde(default)]
    span: Map<String, Value>,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// Ends the program and gives all that it has said.
async fn lines(mut program: Program, mut said: LogLines) -> Vec<Line> {
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        said.read_to_string(&mut text).map(|_| text)
    });
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    let text = reader.join().unwrap().unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    lines.collect()
}

fn find<'a>(lines: &'a [Line], message: &str) -> &'a Line {
    let line = lines.iter().find(|line| line.message.starts_with(message));
    line.unwrap_or_else(|| panic!("no line `{message}` in {lines:#?}"))
}

#[tokio::test]
async fn every_line_of_a_run_is_an_object_that_a_log_collector_can_read() {
    let flags = ["--log-format", "json", "--log-level", "debug", "--connections", "2"];
    let (program, said) = Program::start_logged(&[&flags[..], &["--drain-window", "0s"]].concat());
    let client = client();
    let url = format!("{}/events/t", program.url);
    let mut stream = EventStream::open(client.get(&url)).await;
    let http2 = Http2::open_at(program.address()).await;
    let http2_stream = http2.stream("/events/t").await;
    for _ in 0..3 {
        assert_eq!(client.get(&url).send().await.unwrap().status(), 429);
    }
    drop((http2_stream, http2));
    eventually("there is room again", async || {
        client.post(&url).body("hello").send().await.unwrap().status() == 200
    })
    .await;
    assert_eq!(stream.data(1).await, ["hello"]);

    let lines = lines(program, said).await;
    for line in &lines {
        let time: jiff::Timestamp = line.timestamp.parse().unwrap();
        assert!(line.timestamp.ends_with('Z') && time.as_second() > 0, "{line:?}");
        assert!(matches!(&*line.level, "DEBUG" | "INFO" | "WARN" | "ERROR"), "{line:?}");
        assert!(!line.message.is_empty() && !line.target.is_empty(), "{line:?}");
        let nested = line.fields.values().find(|value| value.is_object() || value.is_array());
        assert!(nested.is_none(), "{line:?}");
    }
    for message in ["limits", "ready", "connection accepted", "answered", "draining", "ended"] {
        find(&lines, message);
    }
    let refused = find(&lines, "connections are refused because all are taken");
    assert_eq!(refused.level, "WARN");
    assert_eq!(refused.target, "fanfare::http::accept");
    assert_eq!(refused.fields["connections"], 2);
    assert_eq!(find(&lines, "draining").fields["streams"], 1);
    let same = lines.iter().filter(|line| line.message == refused.message).count();
    assert_eq!(same, 1, "the others are counted, and told with the next line");
}

#[tokio::test]
async fn requests_are_logged_with_the_trace_that_they_belong_to_and_without_their_topic() {
    let flags = ["--log-format", "json", "--log-level", "fanfare=debug", "--drain-window", "0s"];
    let (program, said) = Program::start_logged(&flags);
    let client = client();
    let requests = [
        ("/events/secret", Some(format!("00-{TRACE}-b7ad6b7169203331-01"))),
        ("/events/secret", Some(format!("00-{TRACE}-b7ad6b7169203331"))),
        ("/events/secret", None),
        ("/stream-time", None),
        ("/", Some(format!("00-{TRACE}-b7ad6b7169203331-01"))),
    ];
    for (path, parent) in &requests {
        let url = format!("{}{path}", program.url);
        let mut request =
            if path.contains("secret") { client.post(url).body("x") } else { client.get(url) };
        if let Some(parent) = parent {
            request = request.header("traceparent", parent);
        }
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    let lines = lines(program, said).await;
    let responded: Vec<&Line> = lines.iter().filter(|line| line.message == "answered").collect();
    let notified = responded.iter().map(|line| {
        assert_eq!(line.fields["status"], 200);
        assert!(line.fields["microseconds"].is_u64(), "{line:?}");
        let text = |name: &str| line.span.get(name).and_then(Value::as_str).unwrap_or("-");
        (text("http.request.method"), text("http.route"), text("trace_id"))
    });
    let expected = [
        ("POST", "/events/{topic}", TRACE),
        ("POST", "/events/{topic}", "-"),
        ("POST", "/events/{topic}", "-"),
        ("GET", "/stream-time", "-"),
    ];
    assert_eq!(notified.collect::<Vec<_>>(), expected, "pages have no line");
    assert!(!format!("{lines:?}").contains("secret"), "{lines:#?}");
}

#[tokio::test]
async fn at_info_requests_leave_no_line() {
    let flags = ["--log-format", "json", "--drain-window", "0s"];
    let (program, said) = Program::start_logged(&flags);
    let response = client().post(format!("{}/events/t", program.url)).body("x").send().await;
    assert_eq!(response.unwrap().status(), 200);
    let lines = lines(program, said).await;
    let said: Vec<&str> = lines.iter().map(|line| &*line.message).collect();
    assert_eq!(said, ["limits", "ready", "draining", "ended"]);
}

/// A pipe takes 64 KiB. The lines of a thousand requests are more, so a server that waited for its
/// reader would stand still long before the last.
#[tokio::test]
async fn a_log_that_nobody_reads_keeps_nobody_waiting() {
    let flags = ["--log-format", "json", "--log-level", "debug", "--drain-window", "0s"];
    let (mut program, _unread) = Program::start_logged(&flags);
    let client = client();
    let url = format!("{}/events/t", program.url);
    let mut stream = EventStream::open(client.get(&url)).await;
    for _ in 0..1_000 {
        let response = timeout(PATIENCE, client.post(&url).body("x").send()).await;
        assert_eq!(response.expect("an answer in time").unwrap().status(), 200);
        assert_eq!(stream.data(1).await, ["x"]);
    }
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
}

/// Clients decide how often these happen, so each is said once, with what an operator can do.
#[tokio::test]
async fn readers_and_connections_that_the_server_gives_up_are_warned_of_once() {
    let limits =
        ["--lag-bytes", "64KiB", "--send-buffer", "4KiB", "--connections-per-address", "4"];
    let flags = ["--log-format", "json", "--drain-window", "0s", "--shards", "1"];
    let (program, said) = Program::start_logged(&[&flags[..], &limits].concat());
    let mut stuck = Vec::new();
    for _ in 0..3 {
        let mut wire = Wire::open_at(program.address()).await;
        wire.say(stream_request("/events/t")).await;
        stuck.push(wire.stream().await);
    }
    // The publisher has the fourth connection, so others are refused.
    let client = client();
    let url = format!("{}/events/t", program.url);
    let publish = async || {
        let response = client.post(&url).body("x".repeat(1 << 20)).send().await.unwrap();
        assert_eq!(response.status(), 200);
    };
    publish().await;
    for _ in 0..2 {
        let refused = self::client().get(&program.url).send().await.unwrap();
        assert_eq!(refused.status(), 429);
    }
    eventually("all of them are given up", async || {
        publish().await;
        program.figure("fanfare_streams_closed_total{reason=\"slow\"}").await >= 3.0
    })
    .await;
    let lines = lines(program, said).await;
    let cases = [
        ("a slow reader was disconnected", "policy", Value::from("disconnect"), "--lag-bytes"),
        ("connections of an address", "per_address", 4.into(), "--connections-per-address"),
    ];
    for (message, field, value, advice) in cases {
        let said: Vec<_> = lines.iter().filter(|line| line.message.starts_with(message)).collect();
        let [line] = &said[..] else { panic!("{message}: {said:#?}") };
        assert_eq!((&*line.level, &line.fields[field]), ("WARN", &value));
        assert!(line.message.contains(advice), "{line:?}");
        assert!(!line.fields.contains_key("suppressed"), "it is the first: {line:?}");
    }
    assert_eq!(find(&lines, "connections of an address").fields["address"], "127.0.0.1");
}

/// Containers' standard output and standard error are collected together.
#[tokio::test]
async fn all_that_a_server_says_on_both_outputs_together_is_an_object_a_line() {
    let (reader, writer) = std::io::pipe().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("s").display());
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", "127.0.0.1:0", "--listen", &socket, "--admin-listen", "127.0.0.1:0"]);
    // An old name is hinted at, and what is too small is warned of.
    command.args(["--log-format", "json", "--drain-window", "0s", "--log-events", "7"]);
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    // Its own ends would keep the pipe open.
    drop(command);
    let mut lines: Vec<Line> = Vec::new();
    for line in std::io::BufRead::lines(BufReader::new(reader)) {
        let line = line.unwrap();
        lines.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
        if lines.last().unwrap().message == "ready" {
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, Signal::TERM).unwrap();
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let said: Vec<&str> = lines.iter().map(|line| &*line.message).collect();
    assert_eq!(said[1..], ["limits", "ready", "draining", "ended"]);
    let ready = find(&lines, "ready");
    let listening = ready.fields["listening"].as_str().unwrap();
    let (tcp, unix) = listening.split_once(", ").unwrap();
    assert!(tcp.starts_with("http://127.0.0.1:") && unix == socket, "{listening}");
    assert!(ready.fields["admin"].as_str().unwrap().starts_with("http://127.0.0.1:"));
}

#[test]
fn people_are_greeted_on_standard_output_and_machines_are_not() {
    for (format, expected) in [("text", true), ("json", false)] {
        let mut command = Command::new(PROGRAM);
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.args(["--log-format", format]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = std::io::BufRead::lines(BufReader::new(child.stderr.take().unwrap()));
        assert!(lines.any(|line| line.unwrap().contains("ready")));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let greeting = String::from_utf8(output.stdout).unwrap();
        assert_eq!(greeting.contains("subscribe  curl -N http://127.0.0.1:"), expected);
        assert_eq!(greeting.is_empty(), !expected, "{greeting}");
    }
}

#[test]
fn a_start_that_cannot_work_is_told_to_machines_too() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], [&str; 2]); 2] = [
        (&["--listen", &taken], [&taken, "--listen"]),
        // Settings that do not go together are found before there is a log.
        (&["--listen", "0.0.0.0:0"], ["0.0.0.0:0", "--open"]),
    ];
    for (flags, expected) in cases {
        let output = Command::new(PROGRAM)
            .args(["--admin-listen", "127.0.0.1:0", "--log-format", "json"])
            .args(flags)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64));
        let text = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<Line> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let last = lines.last().unwrap();
        assert_eq!((&*last.level, &*last.message), ("ERROR", "the server does not start"));
        let error = last.fields["error"].as_str().unwrap();
        assert!(expected.iter().all(|words| error.contains(words)), "{error}");
    }
}
