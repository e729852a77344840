//! Settings as people, compose files and service managers give them, tried on the real program.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use clap::CommandFactory as _;
use fanfare::config::Cli;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{PROGRAM, Program, eventually, own_address, own_port};

const ANY_PORT: &str = "127.0.0.1:0";

/// The program, with the addresses that it says it listens on; killed when it is dropped.
struct Started {
    child: Child,
    listening: Vec<String>,
    admin: Vec<String>,
}

impl Started {
    fn new(command: &mut Command) -> Self {
        let command = command.arg("--demos=false").env("NO_PROXY", "127.0.0.1,::1");
        let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let (mut listening, mut admin) = (Vec::new(), Vec::new());
        // All addresses are written at once, those of the admin listener last.
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        while admin.is_empty() || !stdout.buffer().is_empty() {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "it ended: {:?}", child.wait());
            let line = line.trim();
            listening.extend(line.strip_prefix("listening on ").map(str::to_owned));
            admin.extend(line.strip_prefix("admin on ").map(str::to_owned));
        }
        Self { child, listening, admin }
    }

    async fn is_healthy_everywhere(&self) {
        for url in &self.admin {
            let url = format!("{url}/healthz");
            eventually(&url, async || responses(&url).await).await;
        }
        for url in &self.listening {
            assert!(responses(&format!("{url}/stream-nothing")).await, "{url}");
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) async fn responses(url: &str) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.is_ok()
}

fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{message}");
    assert!(output.stdout.is_empty(), "nothing listens, so nothing is announced");
    message
}

/// Every variable, of every command, from the commands themselves.
fn variables() -> Vec<(String, String)> {
    let command = Cli::command();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let args = commands.flat_map(clap::Command::get_arguments);
    let mut variables: Vec<_> = args
        .filter_map(|arg| {
            let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy());
            let variable = arg.get_env()?.to_string_lossy().into_owned();
            Some((variable, defaults.collect::<Vec<_>>().join(",")))
        })
        .collect();
    variables.sort();
    variables.dedup();
    assert!(variables.len() > 30, "{variables:?}");
    variables
}

#[tokio::test]
async fn an_empty_variable_is_one_that_is_not_set() {
    for empty in ["", " \n"] {
        let mut command = Command::new(PROGRAM);
        command.args(["--listen", ANY_PORT, "--admin-listen", ANY_PORT]);
        command.envs(variables().into_iter().map(|(name, _)| (name, empty)));
        Started::new(&mut command).is_healthy_everywhere().await;
    }
}

#[tokio::test]
async fn white_space_around_the_value_of_a_variable_is_forgiven() {
    let mut command = Command::new(PROGRAM);
    let spaced = variables().into_iter().map(|(name, value)| (name, format!(" {value}\n")));
    command.envs(spaced).args(["--listen", ANY_PORT, "--admin-listen", ANY_PORT]);
    Started::new(&mut command).is_healthy_everywhere().await;
}

#[tokio::test]
async fn a_complaint_about_a_variable_names_it() {
    let cases = [
        ("FANFARE_SHARDS", "many", "--shards"),
        ("FANFARE_OPEN", "maybe", "--open"),
        ("FANFARE_LISTEN", "127.0.0.1:1,http://x", "--listen"),
        ("FANFARE_LOG_LEVEL", "inof", "--log-level"),
    ];
    for (variable, value, flag) in cases {
        for line in [&[][..], &["serve"]] {
            let message = refused(Command::new(PROGRAM).args(line).env(variable, value));
            assert!(message.contains(variable) && message.contains(flag), "{message}");
        }
        let line = [format!("{flag}=@?!")];
        let message = refused(Command::new(PROGRAM).args(line).env(variable, value));
        assert!(!message.contains(variable), "a flag wins, so it is the one at fault: {message}");
    }
}

#[tokio::test]
async fn booleans_of_compose_files_are_understood() {
    for open in ["1", "TRUE", "yes", "on"] {
        let mut command = Command::new(PROGRAM);
        command.args(["--listen", "0.0.0.0:0", "--admin-listen", ANY_PORT]);
        Started::new(command.env("FANFARE_OPEN", open)).is_healthy_everywhere().await;
    }
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", "0.0.0.0:0", "--admin-listen", ANY_PORT]);
    assert!(refused(command.env("FANFARE_OPEN", "0")).contains("--open"));
}

#[tokio::test]
async fn old_names_of_settings_are_understood_and_a_log_line_says_the_new_ones() {
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", ANY_PORT, "--admin-listen", ANY_PORT, "--demos=false"]);
    command.args(["--head-max", "1KiB", "--drain-window", "0s"]);
    command.env("FANFARE_LOG_EVENTS", "7").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let admin = lines.find_map(|line| line.unwrap().strip_prefix("admin on ").map(str::to_owned));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = client.get(format!("{}/metrics", admin.unwrap())).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("\nfanfare_retained_events_limit 7\n"));
    // In order, so that all its lines are written.
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    eventually("it has ended", async || child.try_wait().unwrap().is_some()).await;
    let mut logs = String::new();
    child.stderr.take().unwrap().read_to_string(&mut logs).unwrap();
    child.wait().unwrap();
    for (old, new) in
        [("--head-max", "--headers-max"), ("FANFARE_LOG_EVENTS", "FANFARE_RETAIN_EVENTS")]
    {
        assert!(logs.contains(&format!("{old} is called {new} now")), "{logs}");
    }
    assert_eq!(logs.lines().filter(|line| line.contains("WARN")).count(), 2, "{logs}");
}

#[tokio::test]
async fn a_name_is_listened_on_at_each_of_its_addresses() {
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", "localhost:0", "--admin-listen", "localhost:0"]);
    let started = Started::new(&mut command);
    assert!(started.listening.iter().any(|url| url.starts_with("http://127.0.0.1:")));
    assert_eq!(started.listening.len(), started.admin.len());
    started.is_healthy_everywhere().await;
}

#[tokio::test]
async fn a_port_alone_is_listened_on_at_all_addresses_and_has_to_be_open() {
    let mut command = Command::new(PROGRAM);
    let message = refused(command.args(["--listen", ":0", "--admin-listen", ANY_PORT]));
    assert!(message.contains("--listen :0") && message.contains("--open"), "{message}");

    let mut command = Command::new(PROGRAM);
    command.args(["--listen", ":0", "--open", "--admin-listen", ANY_PORT]);
    let started = Started::new(&mut command);
    let port = started.listening[0].rsplit_once(':').unwrap().1;
    let ipv4 = format!("http://127.0.0.1:{port}/");
    assert!(responses(&ipv4).await, "{:?}", started.listening);
    if started.listening[0].contains("[::]") {
        assert!(responses(&format!("http://[::1]:{port}/")).await);
    }
}

#[tokio::test]
async fn all_addresses_of_ipv4_and_of_ipv6_can_be_listened_on_beside_each_other() {
    if std::net::UdpSocket::bind("[::]:0").is_err() {
        return;
    }
    // The port has to be one number for both.
    let free = own_port();
    let both = format!("0.0.0.0:{free},[::]:{free}");
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", &both, "--open", "--admin-listen", ANY_PORT]);
    let started = Started::new(&mut command);
    assert_eq!(started.listening.len(), 2);
    assert!(responses(&format!("http://127.0.0.1:{free}/")).await);
    assert!(responses(&format!("http://[::1]:{free}/")).await);
}

#[tokio::test]
async fn a_health_check_finds_the_server_by_what_the_server_was_given() {
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", ANY_PORT, "--admin-listen", ":0"]);
    let started = Started::new(&mut command);
    started.is_healthy_everywhere().await;
    let port = started.admin[0].rsplit_once(':').unwrap().1;
    for admin in [format!(":{port}"), format!("localhost:{port}")] {
        let mut check = Command::new(PROGRAM);
        let status = check.arg("healthcheck").env("FANFARE_ADMIN_LISTEN", &admin).status();
        assert_eq!(status.unwrap().code(), Some(0), "{admin}");
    }
}

#[tokio::test]
async fn a_request_to_reload_ends_nothing_and_is_answered_in_the_log() {
    let (program, lines) = Program::start_logged(&[]);
    let url = format!("{}/healthz", program.admin);
    eventually("it serves", async || responses(&url).await).await;
    program.signal(Signal::HUP);
    let mut lines = BufReader::new(lines).lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("reloaded")).expect("a line before the end");
    assert!(line.contains("INFO"), "{line}");
    assert!(responses(&url).await, "it goes on");
}

#[tokio::test]
async fn a_server_whose_output_nobody_reads_goes_on() {
    let (program, lines) = Program::start_logged(&["--log-level", "debug"]);
    let url = format!("{}/healthz", program.admin);
    eventually("it serves", async || responses(&url).await).await;
    drop(lines);
    for _ in 0..20 {
        program.signal(Signal::HUP);
        assert!(responses(&format!("{}/", program.url)).await);
    }
    assert!(responses(&url).await);
}

#[tokio::test]
async fn a_server_without_standard_output_and_error_serves() {
    let free = || own_address().to_string();
    let (listen, admin) = (free(), free());
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"exec "$0" "$@" >&- 2>&-"#, PROGRAM]);
    let shell = shell.args(["--listen", &listen, "--admin-listen", &admin]);
    let started = Started {
        child: shell.spawn().expect("a shell"),
        listening: vec![format!("http://{listen}")],
        admin: vec![format!("http://{admin}")],
    };
    started.is_healthy_everywhere().await;
    kill_process(Pid::from_child(&started.child), Signal::HUP).unwrap();
    started.is_healthy_everywhere().await;
}

#[tokio::test]
async fn help_whose_reader_has_seen_enough_is_no_failure() {
    let mut child = Command::new(PROGRAM);
    let mut child =
        child.arg("--help").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut message = String::new();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert_eq!((child.wait().unwrap().code(), message.as_str()), (Some(0), ""));
}
