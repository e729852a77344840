//! Settings as people, compose files and service managers give them, tried on the real program.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use clap::CommandFactory as _;
use fanfare::config::Cli;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{PROGRAM, Program, eventually};

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

async fn responses(url: &str) -> bool {
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
    command.args(["--log-format=json", "--head-max", "1KiB"]);
    command.env("FANFARE_LOG_EVENTS", "7").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let admin = lines.find_map(|line| line.unwrap().strip_prefix("admin on ").map(str::to_owned));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = client.get(format!("{}/metrics", admin.unwrap())).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("\nfanfare_retained_events_limit 7\n"));
    child.kill().unwrap();
    let mut logs = String::new();
    child.stderr.take().unwrap().read_to_string(&mut logs).unwrap();
    child.wait().unwrap();
    for (old, new) in
        [("--head-max", "--headers-max"), ("FANFARE_LOG_EVENTS", "FANFARE_RETAIN_EVENTS")]
    {
        assert!(logs.contains(&format!("{old} is called {new} now")), "{logs}");
    }
    assert!(logs.lines().all(|line| line.starts_with('{')), "{logs}");
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
    // The port has to be one number for both, so it is one that was free a moment ago.
    let free = std::net::TcpListener::bind("[::]:0").unwrap().local_addr().unwrap().port();
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
    let free = || std::net::TcpListener::bind(ANY_PORT).unwrap().local_addr().unwrap().to_string();
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

/// A configuration file, that a test rewrites.
fn write(file: &std::path::Path, text: &str) {
    std::fs::write(file, text).unwrap();
}

const RELOADS: [&str; 2] = [
    r#"fanfare_config_reloads_total{outcome="applied"}"#,
    r#"fanfare_config_reloads_total{outcome="failed"}"#,
];

async fn reloaded(program: &Program, applied: f64, failed: f64) {
    program.signal(Signal::HUP);
    eventually("the settings are read again", async || {
        [program.figure(RELOADS[0]).await, program.figure(RELOADS[1]).await] == [applied, failed]
    })
    .await;
    let is_good = program.figure("fanfare_config_last_reload_successful").await;
    assert_eq!(is_good, if failed > 0.0 && applied < 3.0 { 0.0 } else { 1.0 });
}

#[tokio::test]
async fn a_reload_changes_keys_and_limits_for_the_next_request_and_a_bad_file_nothing() {
    const SECRETS: [&str; 2] =
        ["the first secret, with 32 bytes or more", "the second secret, with 32 bytes or more"];
    let folder = tempfile::tempdir().unwrap();
    let (config, secret) = (folder.path().join("fanfare.toml"), folder.path().join("secret"));
    let settings = |topic_max: &str| {
        format!("jwt-secret-file = {secret:?}\ntopic-max = \"{topic_max}\"\ndemos = false\n")
    };
    write(&secret, SECRETS[0]);
    write(&config, &settings("100B"));
    let (program, lines) = Program::start_logged(&["--config", config.to_str().unwrap()]);
    let token = |secret: &str| {
        let mut command = Command::new(PROGRAM);
        let made = command.args(["token", "--publish=*", "--jwt-secret", secret]).output().unwrap();
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let tokens = SECRETS.map(token);
    // One connection for all requests: a reload holds for those that are open, too.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let publish = async |token: &str, length: usize| {
        let url = format!("{}/events/{}", program.url, "t".repeat(length));
        let request = client.post(url).bearer_auth(token).body("x");
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(publish(&tokens[0], 100).await, 200);
    assert_eq!(publish(&tokens[0], 101).await, 400);
    assert_eq!(publish(&tokens[1], 1).await, 401);

    // The same file: what it names is read again.
    write(&secret, SECRETS[1]);
    reloaded(&program, 1.0, 0.0).await;
    assert_eq!(publish(&tokens[0], 1).await, 401);
    assert_eq!(publish(&tokens[1], 1).await, 200);
    write(&config, &settings("101B"));
    reloaded(&program, 2.0, 0.0).await;
    assert_eq!(publish(&tokens[1], 101).await, 200);

    // What cannot be used changes nothing, not even the part of it that could.
    write(&secret, "short");
    write(&config, &settings("1B"));
    reloaded(&program, 2.0, 1.0).await;
    assert_eq!(publish(&tokens[1], 101).await, 200);
    write(&secret, SECRETS[1]);
    let mut failed = 1.0;
    for bad in ["topic-maximum = 1\n", "shards = \"many\"\n", "demos = false\n"] {
        failed += 1.0;
        write(&config, bad);
        reloaded(&program, 2.0, failed).await;
    }
    assert_eq!(publish(&tokens[1], 101).await, 200);

    // What needs a restart stays, and is named.
    write(&config, &format!("{}listen = \"127.0.0.1:1\"\nshards = 1\n", settings("1B")));
    reloaded(&program, 3.0, failed).await;
    assert_eq!(publish(&tokens[1], 2).await, 400);
    drop(program);
    let lines: Vec<String> = BufReader::new(lines).lines().map(Result::unwrap).collect();
    let has = |parts: &[&str]| {
        assert!(
            lines.iter().any(|line| parts.iter().all(|part| line.contains(part))),
            "{parts:?} in {lines:#?}"
        );
    };
    has(&["ERROR", "needs at least 32", "nothing has changed"]);
    has(&["ERROR", "no key for tokens is left"]);
    has(&["ERROR", "--shards", "line 1."]);
    has(&["ERROR", "line 1: there is no setting `topic-maximum`; did you mean `topic-max`?"]);
    has(&["WARN", "need a restart", "listen, shards"]);
}

#[tokio::test]
async fn a_reload_changes_which_lines_are_logged() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("fanfare.toml");
    write(&config, "log-level = \"info\"\n");
    let (program, lines) = Program::start_logged(&["--config", config.to_str().unwrap()]);
    write(&config, "log-level = \"debug\"\n");
    reloaded(&program, 1.0, 0.0).await;
    assert!(responses(&format!("{}/", program.url)).await);
    write(&config, "log-level = \"error\"\n");
    reloaded(&program, 2.0, 0.0).await;
    drop(program);
    let lines: Vec<String> = BufReader::new(lines).lines().map(Result::unwrap).collect();
    assert!(
        lines.iter().any(|line| line.contains("DEBUG") && line.contains("connection accepted"))
    );
    let applied = lines.iter().filter(|line| line.contains("the settings were reloaded"));
    assert_eq!(applied.count(), 1, "the second one is no error: {lines:#?}");
}

#[tokio::test]
async fn settings_are_checked_without_a_start_and_printed_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("fanfare.toml");
    let run = |command: &str| {
        let output = Command::new(PROGRAM).arg(command).arg("--config").arg(&config).output();
        let output = output.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    write(&config, "jwt-secret = \"a secret that is nobody's business here\"\nlisten = \":1\"\n");
    assert_eq!(run("check-config"), (Some(0), "the settings can be used\n".to_owned()));
    let (code, printed) = run("config");
    assert_eq!(code, Some(0));
    assert!(
        printed.contains("listen = [\":1\"]  # ") && !printed.contains("business"),
        "{printed}"
    );
    write(
        &config,
        "jwt-secret = \"a secret that is nobody's business here\"\nretain-age = \"x\"\n",
    );
    for command in ["check-config", "config"] {
        let (code, message) = run(command);
        assert_eq!(code, Some(64), "{message}");
        assert!(message.contains("--retain-age") && message.contains(", line 2."), "{message}");
        assert!(!message.contains("business"), "{message}");
    }
    // A variable overrides the file, and an empty one does not.
    write(&config, "retain-events = 1\npolicy = \"conflate\"\n");
    let mut command = Command::new(PROGRAM);
    command.args(["config", "--retain-age=1h"]).env("FANFARE_CONFIG", &config);
    command.env("FANFARE_POLICY", "catch-up").env("FANFARE_RETAIN_EVENTS", " ");
    let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
    for line in [
        "policy = [\"catch-up\"]  # environment variable FANFARE_POLICY",
        &format!("retain-events = 1  # {}, line 1", config.display()),
        "retain-age = \"1h\"  # command line",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
    write(&config, "listen = \":1\"\n");
    let (code, message) = run("check-config");
    assert!(code == Some(64) && message.contains("--jwt-secret-file"), "{message}");
}

#[test]
fn the_document_of_the_configuration_lists_all_settings_as_the_program_does() {
    const DOCUMENT: &str = include_str!("../../../docs/configuration.md");
    let list = Command::new(PROGRAM).args(["config", "--list"]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let (_, document) = DOCUMENT.split_once("## All settings").unwrap();
    let tables = document.split_once("-->").unwrap().1.trim();
    for (line, expected) in tables.lines().zip(list.lines()) {
        assert_eq!(line, expected, "write anew what `fanfare config --list` prints");
    }
    assert_eq!(tables.lines().count(), list.trim().lines().count());
    // Help has the same flags with the same defaults.
    let help = Command::new(PROGRAM).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let rows = tables.lines().filter(|line| line.starts_with("| `"));
    for row in rows {
        let row = row.replace("\\|", "or");
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let (flag, variable, default) = (cells[1], cells[2], cells[3]);
        assert!(help.contains(&format!("--{flag} ")), "{flag}");
        assert!(help.contains(&format!("[env: {variable}")), "{variable}");
        assert!(default.is_empty() || help.contains(&format!("[default: {default}]")), "{row}");
    }
}

#[tokio::test]
async fn the_schema_of_the_configuration_file_is_met_by_the_settings_in_force() {
    let schema = Command::new(PROGRAM).args(["config", "--list", "schema"]).output().unwrap();
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    let printed = Command::new(PROGRAM).arg("config").output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let keys = printed.lines().filter_map(|line| line.split_once(" = "));
    let keys: Vec<_> = keys.map(|(key, _)| key.trim_start_matches("# ")).collect();
    assert!(keys.len() > 30, "{printed}");
    for key in keys {
        assert!(properties.contains_key(key), "{key}");
    }
}
