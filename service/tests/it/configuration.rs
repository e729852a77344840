//! The configuration file and reloading it, tried on the real program.

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use rustix::process::Signal;

use crate::settings::responses;
use crate::support::{LogLines, PROGRAM, Program, eventually};

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

/// With this file, and its log lines, which have to be read.
fn start_logged(config: &std::path::Path) -> (Program, LogLines) {
    Program::start_logged(&["--config", config.to_str().unwrap(), "--drain-window", "0s"])
}

/// Ends it in order, and gives all that it has logged: what is counted may have yet to be written.
async fn end(mut program: Program, lines: LogLines) -> Vec<String> {
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    BufReader::new(lines).lines().map(Result::unwrap).collect()
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
    let (program, lines) = start_logged(&config);
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
    let lines = end(program, lines).await;
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
async fn a_reload_changes_the_limit_of_an_address_for_clients_behind_a_proxy_too() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("fanfare.toml");
    write(&config, "");
    let flags = ["--config", config.to_str().unwrap(), "--trusted-proxy", "127.0.0.1"];
    let program = Program::start(&flags);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let stream = || {
        let request = client.get(format!("{}/events/t", program.url));
        request.header("x-forwarded-for", "192.0.2.1").send()
    };
    let _open = [stream().await.unwrap(), stream().await.unwrap()];
    for (applied, (limit, expected)) in [(2, 200), (1, 429), (0, 200)].into_iter().enumerate() {
        write(&config, &format!("connections-per-address = {limit}\n"));
        program.signal(Signal::HUP);
        let applied = (applied + 1) as f64;
        eventually("it is read", async || program.figure(RELOADS[0]).await == applied).await;
        let held = match limit {
            1 => Some(stream().await.unwrap()),
            _ => None,
        };
        assert_eq!(stream().await.unwrap().status().as_u16(), expected, "{limit}");
        drop(held);
    }
}

#[tokio::test]
async fn settings_that_do_not_go_together_with_those_that_stay_are_refused_with_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("fanfare.toml");
    write(&config, "");
    let (program, lines) = start_logged(&config);
    write(&config, "body-max = \"512MiB\"\nbodies-max = \"1GiB\"\n");
    reloaded(&program, 0.0, 1.0).await;
    let lines = end(program, lines).await;
    let named = |line: &&String| line.contains("need a restart: bodies-max");
    assert!(lines.iter().any(|line| named(&line)), "{lines:#?}");
}

#[tokio::test]
async fn a_reload_changes_which_lines_are_logged() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("fanfare.toml");
    write(&config, "log-level = \"info\"\n");
    let (program, lines) = start_logged(&config);
    write(&config, "log-level = \"debug\"\n");
    reloaded(&program, 1.0, 0.0).await;
    assert!(responses(&format!("{}/", program.url)).await);
    write(&config, "log-level = \"error\"\n");
    reloaded(&program, 2.0, 0.0).await;
    let lines = end(program, lines).await;
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

#[tokio::test]
async fn a_certificate_that_cannot_be_used_any_more_does_not_keep_keys_from_being_exchanged() {
    const SECRETS: [&str; 2] =
        ["the first secret, with 32 bytes or more", "the second secret, with 32 bytes or more"];
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    write(&file("cert.pem"), &made.cert.pem());
    write(&file("key.pem"), &made.signing_key.serialize_pem());
    write(&file("secret"), SECRETS[0]);
    let paths = ["cert.pem", "key.pem", "secret"].map(|name| file(name).display().to_string());
    let flags = ["--tls-cert", &paths[0], "--tls-key", &paths[1], "--jwt-secret-file", &paths[2]];
    let program = Program::start(&flags);
    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true);
    let client = client.build().unwrap();
    let status = async |secret: &str| {
        let mut command = Command::new(PROGRAM);
        let made = command.args(["token", "--publish=*", "--jwt-secret", secret]).output().unwrap();
        let token = String::from_utf8(made.stdout).unwrap();
        let request = client.post(format!("{}/events/t", program.url)).bearer_auth(token.trim());
        request.body("x").send().await.unwrap().status().as_u16()
    };
    assert_eq!((status(SECRETS[0]).await, status(SECRETS[1]).await), (200, 401));
    write(&file("cert.pem"), "no certificate any more");
    write(&file("secret"), SECRETS[1]);
    reloaded(&program, 1.0, 0.0).await;
    assert_eq!((status(SECRETS[0]).await, status(SECRETS[1]).await), (401, 200));
    let failed = r#"fanfare_tls_certificate_reloads_total{result="failure"}"#;
    eventually("it is told", async || program.figure(failed).await >= 1.0).await;
}
