//! Unix sockets, sockets that a supervisor has opened, and what the supervisor is told.

use std::any::Any;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::support::{EventStream, PATIENCE, PROGRAM, TestServer, client, eventually, own_address};

/// A program of a test; killed when it is dropped.
struct Started {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Started {
    fn new(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("a line").unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    async fn ends(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("it ends", async || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap().code()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket_in(folder: &TempDir) -> String {
    folder.path().join("fanfare.sock").display().to_string()
}

/// The program on a unix socket alone.
fn on_unix_socket(socket: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", &format!("unix:{socket}"), "--admin-listen", "127.0.0.1:0"]);
    command.args(["--drain-window", "0s"]);
    command
}

/// A stream over a unix socket, read up to its place.
async fn subscribe(socket: &str, topic: &str) -> UnixStream {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let request = format!("GET /events/{topic} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let head = until(&mut stream, "id: ").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    stream
}

async fn until(stream: &mut UnixStream, text: &str) -> String {
    let mut came = Vec::new();
    while !String::from_utf8_lossy(&came).contains(text) {
        let read = timeout(PATIENCE, stream.read_buf(&mut came)).await.expect("bytes in time");
        assert!(read.unwrap() > 0, "an end before {text:?}");
    }
    String::from_utf8(came).unwrap()
}

#[tokio::test]
async fn streams_over_a_unix_socket_and_over_tcp_get_the_same_events() {
    let folder = tempfile::tempdir().unwrap();
    let socket = socket_in(&folder);
    // Clients of a unix socket have no address, and so the limit of an address is not for them.
    let flags = ["--connections-per-address", "2"];
    let server = TestServer::start_at(&format!("127.0.0.1:0,unix:{socket}"), &flags).await;
    let mut tcp = EventStream::open(server.get("/events/t")).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(subscribe(&socket, "t").await);
    }
    for n in 0..10 {
        server.publish("t", n.to_string()).await;
        assert_eq!(tcp.next().await.unwrap().data, n.to_string());
    }
    for stream in &mut streams {
        let text = until(stream, "data: 9\n").await;
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        let rest: Vec<_> = data.collect();
        assert_eq!(rest, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    }
    server.stop().await;
    assert!(!Path::new(&socket).exists(), "it is removed at the end");
    let mut rest = String::new();
    streams[0].read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("retry: ") && rest.ends_with("0\r\n\r\n"), "it ends in order: {rest}");
}

#[tokio::test]
async fn curl_publishes_and_reads_over_a_unix_socket_with_both_versions_of_http() {
    let folder = tempfile::tempdir().unwrap();
    let socket = socket_in(&folder);
    let mut program = Started::new(&mut on_unix_socket(&socket));
    assert_eq!(program.line(), format!("listening on unix:{socket}"));
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let curl = |arguments: &[&str]| {
            let mut curl = Command::new("curl");
            curl.args(["--disable", "--silent", "--show-error", "--unix-socket", &socket]);
            curl.args([version, "--no-buffer"]).args(arguments).arg("http://localhost/events/t");
            curl
        };
        let mut reader = Started::new(&mut curl(&[]));
        // The first line is the comment that a stream begins with.
        assert!(reader.line().starts_with(':'), "{version}");
        let published = curl(&["--data", version]).output().unwrap();
        assert!(published.status.success());
        let expected = format!("data: {version}");
        while reader.line() != expected {}
    }
}

#[tokio::test]
async fn readers_of_its_own_need_a_port_and_files_and_the_answer_says_which_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let socket = socket_in(&folder);
    let begin = |socket: &str| {
        let mut curl = Command::new("curl");
        curl.args(["--disable", "--silent", "--request", "POST", "--unix-socket", socket]);
        let response = curl.arg("http://localhost/reader-runs").output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&response.stdout).unwrap()
    };
    let mut portless = Started::new(&mut on_unix_socket(&socket));
    portless.line();
    let problem = begin(&socket);
    assert_eq!(problem["status"], 409, "{problem}");
    assert_eq!(problem["type"], "urn:fanfare:problem:no-plain-listener");

    let narrow = folder.path().join("narrow.sock").display().to_string();
    let mut limited = Command::new("prlimit");
    limited.args(["--nofile=1024", PROGRAM, "--listen", "127.0.0.1:0"]);
    limited.args(["--listen", &format!("unix:{narrow}"), "--admin-listen", "127.0.0.1:0"]);
    let mut limited = Started::new(&mut limited);
    limited.line();
    let problem = begin(&narrow);
    assert_eq!(problem["status"], 429, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("2000 open files") && detail.contains("LimitNOFILE"), "{detail}");
}

#[tokio::test]
async fn a_socket_that_a_killed_server_left_is_replaced_and_one_that_is_served_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let socket = socket_in(&folder);
    let mut first = Started::new(&mut on_unix_socket(&socket));
    first.line();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let second = on_unix_socket(&socket).output().unwrap();
    assert_eq!(second.status.code(), Some(64));
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.contains(&socket) && message.contains("another server"), "{message}");
    subscribe(&socket, "t").await;

    first.signal(Signal::KILL);
    first.ends().await;
    assert!(Path::new(&socket).exists());
    let mut third = Started::new(&mut on_unix_socket(&socket));
    third.line();
    subscribe(&socket, "t").await;
    third.signal(Signal::TERM);
    assert_eq!(third.ends().await, Some(0));
    assert!(!Path::new(&socket).exists());
}

#[tokio::test]
async fn sockets_that_systemd_has_opened_are_served_in_the_place_of_the_flag() {
    let folder = tempfile::tempdir().unwrap();
    let socket = socket_in(&folder);
    let free = own_address();
    let mut activate = Command::new("systemd-socket-activate");
    activate.args(["-l", &free.to_string(), "-l", &socket, PROGRAM]);
    // The flag names a port that cannot be had.
    activate.args(["--listen", "127.0.0.1:1", "--admin-listen", "127.0.0.1:0"]);
    activate.args(["--drain-window", "0s"]);
    let mut program = Started::new(&mut activate);
    // It is started by the first connection, which it serves.
    let url = format!("http://{free}/events/t");
    eventually("somebody listens", async || tokio::net::TcpStream::connect(free).await.is_ok())
        .await;
    let mut tcp = EventStream::open(client().get(&url)).await;
    assert_eq!(program.line(), format!("listening on http://{free}"));
    assert_eq!(program.line(), format!("listening on unix:{socket}"));
    let mut unix = subscribe(&socket, "t").await;
    let published = client().post(&url).body("for both").send().await.unwrap();
    assert_eq!(published.status(), 200);
    assert_eq!(tcp.next().await.unwrap().data, "for both");
    until(&mut unix, "data: for both\n").await;
    program.signal(Signal::TERM);
    program.ends().await;
    assert!(Path::new(&socket).exists(), "the file is the supervisor's");
}

#[tokio::test]
async fn a_socket_that_others_can_reach_is_refused_without_keys_whoever_has_opened_it() {
    let free = own_address();
    let mut activate = Command::new("systemd-socket-activate");
    activate.args(["-l", &format!("0.0.0.0:{}", free.port()), PROGRAM]);
    let mut program = Started::new(activate.args(["--admin-listen", "127.0.0.1:0"]));
    eventually("somebody listens", async || tokio::net::TcpStream::connect(free).await.is_ok())
        .await;
    assert_eq!(program.ends().await, Some(64));
}

#[tokio::test]
async fn a_connection_that_systemd_has_accepted_itself_is_refused_with_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    let socket = socket_in(&folder);
    let free = own_address();
    for address in [free.to_string(), socket.clone()] {
        let mut activate = Command::new("systemd-socket-activate");
        activate.args(["--accept", "-l", &address, PROGRAM, "--admin-listen", "127.0.0.1:0"]);
        activate.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut supervisor = activate.spawn().expect("it starts");
        let said = BufReader::new(supervisor.stderr.take().unwrap()).lines();
        let mut connections: Vec<Box<dyn Any>> = Vec::new();
        eventually("it listens", async || {
            if address == socket {
                connections
                    .extend(UnixStream::connect(&socket).await.ok().map(|it| Box::new(it) as _));
            } else {
                let connected = tokio::net::TcpStream::connect(free).await.ok();
                connections.extend(connected.map(|it| Box::new(it) as _));
            }
            !connections.is_empty()
        })
        .await;
        let refusal = said.map(Result::unwrap).find(|line| line.contains("LISTEN_FDS"));
        supervisor.kill().unwrap();
        supervisor.wait().unwrap();
        let refusal = refusal.expect("the program says why it does not start");
        assert!(refusal.contains("is a connection") && refusal.contains("Accept=no"), "{refusal}");
    }
}

#[tokio::test]
async fn a_client_of_a_unix_socket_that_never_reads_its_responses_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let socket = socket_in(&folder);
    let flags = ["--peer-timeout", "500ms", "--send-buffer", "16KiB"];
    let server = TestServer::start_at(&format!("127.0.0.1:0,unix:{socket}"), &flags).await;
    let mut idle = subscribe(&socket, "t").await;
    let mut stuck = Vec::new();
    for _ in 0..3 {
        let mut connection = UnixStream::connect(&socket).await.unwrap();
        let request = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
        connection.write_all(request.as_bytes()).await.unwrap();
        stuck.push(connection);
    }
    let opened = async || server.figure("fanfare_connections_opened_total").await == 4.0;
    eventually("all have come", opened).await;
    let left = async || server.figure("fanfare_connections").await == 1.0;
    eventually("those that read nothing are given up", left).await;
    // A stream on which nothing is sent is not taken for one of them.
    server.publish("t", "still there").await;
    until(&mut idle, "data: still there\n").await;
    for mut connection in stuck {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, connection.read_to_end(&mut rest)).await.expect("an end");
        assert!(read.is_err() || !rest.is_empty());
        assert!(rest.len() < 64 << 10, "no more than the buffer was sent: {}", rest.len());
    }
}

#[tokio::test]
async fn the_supervisor_is_told_when_the_server_serves_and_when_it_begins_to_drain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let notified = UnixDatagram::bind(&path).unwrap();
    notified.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut message = [0; 1_000];
        let count = notified.recv(&mut message).expect("a message in time");
        String::from_utf8(message[..count].to_vec()).unwrap()
    };
    let socket = socket_in(&folder);
    let mut program = Started::new(on_unix_socket(&socket).env("NOTIFY_SOCKET", &path));
    assert_eq!(next().trim(), "READY=1");
    subscribe(&socket, "t").await;
    program.signal(Signal::TERM);
    assert_eq!(next().trim(), "STOPPING=1");
    assert_eq!(program.ends().await, Some(0));
}
