//! How the server begins and ends, tried on the real program.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{EventStream, PATIENCE, PROGRAM, Program, TestServer, eventually};

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn the_program_serves_says_it_is_ready_and_ends_in_order() {
    let mut program = Program::start(&["--drain-window", "0s"]);
    let client = client();
    for path in ["/healthz", "/readyz"] {
        let url = format!("{}{path}", program.admin);
        eventually(path, async || {
            client.get(&url).send().await.is_ok_and(|response| response.status() == 200)
        })
        .await;
    }
    let stream = client.get(format!("{}/events/t", program.url)).send().await.unwrap();
    program.signal(Signal::TERM);
    let text = stream.text().await.unwrap();
    let retry = text.rsplit_once("\n\nretry: ").and_then(|(_, rest)| rest.strip_suffix("\n\n"));
    let retry: u32 = retry.unwrap_or_else(|| panic!("{text}")).parse().unwrap();
    assert!((1_000..=5_000).contains(&retry), "{retry}");
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test]
async fn who_presses_ctrl_c_while_nobody_is_connected_does_not_wait() {
    let mut program = Program::start(&["--drain-window", "1h"]);
    program.signal(Signal::INT);
    assert_eq!(program.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_the_program_at_once() {
    let mut program = Program::start(&["--drain-window", "1h"]);
    let client = client();
    let url = format!("{}/events/t", program.url);
    let streams = [client.get(&url).send().await.unwrap(), client.get(&url).send().await.unwrap()];
    program.signal(Signal::INT);
    let ready = format!("{}/readyz", program.admin);
    eventually("it says that it drains", async || {
        client.get(&ready).send().await.is_ok_and(|response| response.status() == 503)
    })
    .await;
    assert_eq!(
        client.get(format!("{}/healthz", program.admin)).send().await.unwrap().status(),
        200
    );
    assert_eq!(program.child.try_wait().unwrap(), None);
    program.signal(Signal::TERM);
    // As shells and supervisors know it: 128, and 15 for the signal that it was.
    assert_eq!(program.exit_code().await, Some(143));
    drop(streams);
}

#[tokio::test]
async fn a_start_that_cannot_work_says_what_would() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let cases: [(&[&str], &str); 9] = [
        (&["--listen", &taken], "something else listens there"),
        (&["--admin-listen", &taken, "--listen", "127.0.0.1:0"], "--admin-listen"),
        (&["--listen", "0.0.0.0:0"], "--open"),
        (&["--listen", "127.0.0.1:0,[::]:0"], "loopback address"),
        (&["--listen", "nowhere"], "write nowhere:8080"),
        (&["--retry", "5s..1s"], "ends before it begins"),
        (&["--log-level", "=?"], "--log-level"),
        (&["--cors-origin", "https://a.example/path"], "leave out what stands behind"),
        (&["--body-max", "1KiB"], "--event-data-max"),
    ];
    for (flags, advice) in cases {
        let output = Command::new(PROGRAM).args(flags).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{flags:?}");
        assert!(message.contains(advice), "{flags:?}: {message}");
        assert!(output.stdout.is_empty(), "{flags:?}: nothing listens, so nothing is announced");
    }
}

#[tokio::test]
async fn settings_come_from_the_environment_too_and_a_flag_wins() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let run = |flags: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.env("FANFARE_LISTEN", &taken).args(flags);
        String::from_utf8(command.output().unwrap().stderr).unwrap()
    };
    assert!(run(&[]).contains(&taken));
    assert!(run(&["--listen", "0.0.0.0:1"]).contains("0.0.0.0:1"));
    let mut help = Command::new(PROGRAM);
    let help = String::from_utf8(help.arg("--help").output().unwrap().stdout).unwrap();
    let flags =
        help.lines().filter(|line| line.trim_start().starts_with("--") && line.contains('<'));
    let flags = flags.filter(|line| !line.contains("--help") && !line.contains("--version"));
    let variables = help.matches("[env: FANFARE_").count();
    assert_eq!(flags.count(), variables, "every flag has a variable:\n{help}");
}

#[tokio::test]
async fn streams_are_closed_one_after_another_over_the_window() {
    const STREAMS: usize = 20;
    let mut server = TestServer::start_with(&["--drain-window", "6s"]).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(server.get("/events/t").send().await.unwrap());
    }
    server.ask_to_stop();
    let mut ends = Vec::new();
    let mut readers = tokio::task::JoinSet::new();
    for stream in streams {
        readers.spawn(async move {
            let text = stream.text().await.unwrap();
            (text, tokio::time::Instant::now())
        });
    }
    while let Some(end) = readers.join_next().await {
        let (text, at) = end.unwrap();
        assert!(text.contains("retry: "), "{text}");
        ends.push(at);
    }
    ends.sort();
    ends.dedup_by(|later, earlier| *later - *earlier < Duration::from_millis(50));
    // Two shards close one each at a time; how far apart is for a bench, that they are apart is not.
    assert!(ends.len() >= 3, "all at once: {} moments", ends.len());
    server.stop().await;
}

#[tokio::test]
async fn clients_of_a_server_that_ends_lose_nothing_that_the_next_one_still_has() {
    let server = TestServer::start_at_own_address(&[]).await;
    let address = server.address.to_string();
    let id = server.publish("t", "before").await;
    server.stop().await;
    let server = TestServer::start_at(&address, &[]).await;
    server.publish("t", "while you were away").await;
    let request = server.get("/events/t").header("Last-Event-ID", id);
    let mut stream = EventStream::open(request).await;
    let gap = stream.next().await.unwrap();
    assert_eq!(gap.event.as_deref(), Some("fanfare-gap"), "the old log is gone, and that is told");
    assert_eq!(stream.data(1).await, ["while you were away"]);
}

/// Exits are waited for with the patience of a test; what is asserted is the order: the server ends
/// while these connections are still open on this side, and without having to cut anything.
#[tokio::test]
async fn connections_that_carry_nothing_do_not_hold_up_the_end() {
    use tokio::io::AsyncWriteExt as _;
    let flags = ["--headers-timeout", "1h", "--body-timeout", "1h", "--drain-window", "1s"];
    let server = TestServer::start_with(&flags).await;
    let mut open = Vec::new();
    for beginning in ["", "PRI * HT", "GET / HTTP/1.1\r\nhost: loc"] {
        let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        open.push(stream);
    }
    eventually("they are all there", async || {
        server.figure("fanfare_connections_opened_total").await >= 3.0
    })
    .await;
    tokio::time::timeout(PATIENCE, server.stop()).await.expect("when the window has ended");
    drop(open);
}
