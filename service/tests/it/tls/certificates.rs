//! Certificates are exchanged while streams are open, and bad ones are not taken.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use rustix::process::Signal;

use super::clients::connect;
use super::scene::{Certificates, DAY, SecureServer};
use crate::support::{PROGRAM, Program, eventually};

const RELOADED: &str = "fanfare_tls_certificate_reloads_total{result=\"success\"}";
const NOT_RELOADED: &str = "fanfare_tls_certificate_reloads_total{result=\"failure\"}";
const EXPIRES: &str = "fanfare_tls_certificate_expiry_timestamp_seconds";

#[tokio::test]
async fn a_certificate_that_cannot_be_served_leaves_the_one_before_in_its_place() {
    let scene = SecureServer::start(&[]).await;
    let before = served_certificate(&scene).await;
    let expires = scene.server.figure(EXPIRES).await;
    let spoils: [fn(&Certificates); 2] =
        [Certificates::spoil_key, |served| served.renew_until(SystemTime::now() - DAY)];
    for (failures, spoil) in spoils.into_iter().enumerate() {
        spoil(&scene.certificates);
        let failed = (failures + 1) as f64;
        let tried = async || scene.server.figure(NOT_RELOADED).await == failed;
        eventually("it is tried", tried).await;
        assert_eq!(served_certificate(&scene).await, before);
        assert_eq!(scene.server.figure(EXPIRES).await, expires);
    }
    scene.certificates.renew_until(SystemTime::now() + 30 * DAY);
    eventually("a good one is taken", async || scene.server.figure(RELOADED).await == 1.0).await;
    assert_ne!(served_certificate(&scene).await, before);
    assert!(scene.server.figure(EXPIRES).await > expires);
}

#[tokio::test]
async fn a_request_to_reload_takes_the_certificate_at_once_and_says_so() {
    let certificates = Certificates::new();
    let flags = certificates.flags();
    let (program, lines) = Program::start_logged(&flags.each_ref().map(String::as_str));
    assert!(program.url.starts_with("https://"), "{}", program.url);
    assert!(program.admin.starts_with("http://"), "{}", program.admin);
    eventually("it serves", async || program.figure("fanfare_ready").await == 1.0).await;
    certificates.renew_until(SystemTime::now() + 30 * DAY);
    program.signal(Signal::HUP);
    eventually("it is reloaded", async || program.figure(RELOADED).await >= 1.0).await;
    let mut lines = BufReader::new(lines).lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("certificate reloaded")).expect("a line");
    assert!(line.contains("INFO") && line.contains("cert.pem"), "{line}");
}

#[test]
fn a_server_does_not_start_with_a_certificate_that_no_client_would_take() {
    type Spoil = fn(&Certificates);
    let cases: [(Spoil, &str); 4] = [
        (|files| files.renew_until(SystemTime::now() - DAY), "--tls-cert: the certificate in"),
        (|files| files.renew_until(SystemTime::now() - DAY), "expired at"),
        (Certificates::spoil_key, "--tls-key: the key in"),
        (|files| std::fs::remove_file(files.path("cert.pem")).unwrap(), "No such file"),
    ];
    for (spoil, expected) in cases {
        let certificates = Certificates::new();
        spoil(&certificates);
        let message = refusal(&certificates.flags());
        assert!(message.contains(expected), "{message}");
    }
    let flags = Certificates::new().flags();
    assert!(refusal(&flags[..2]).contains("--tls-key is missing"));
    assert!(refusal(&flags[2..]).contains("--tls-cert is missing"));
}

/// What the program says when it does not start.
fn refusal(flags: &[String]) -> String {
    let mut command = Command::new(PROGRAM);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]).args(flags);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    String::from_utf8(output.stderr).unwrap()
}

/// What a new connection is shown.
async fn served_certificate(scene: &SecureServer) -> Vec<u8> {
    let connector = scene.certificates.connector(&["http/1.1"]);
    let stream = connect(&connector, scene.server.address, None).await;
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}
