//! What is said of a server that cannot be watched, by what it answers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use super::super::admin_client::AdminClient;
use super::*;
use crate::auth::token::Secret;
use crate::config::TopSettings;

const DENIED: &str = r#"{"type":"about:blank","title":"Unauthorized","status":401,"detail":"this needs the token of --admin-token-file"}"#;

/// A server that answers each path with a status and a body.
fn serve(answers: &'static [(&'static str, &'static str, &'static str)]) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let line = lines.next().unwrap().unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            let answer = answers.iter().find(|(path, _, _)| line.contains(path));
            let (_, status, body) = answer.unwrap_or_else(|| panic!("{line}"));
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}");
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        }
    });
    format!("http://{address}")
}

fn sample(admin: &str, token: Option<&str>) -> Result<StatusSample, String> {
    let settings = TopSettings {
        admin: admin.parse().unwrap(),
        token: token.map(|token| Secret::from(token.to_owned())),
        interval: Duration::from_secs(1),
        once: true,
        json: false,
        colours: false,
    };
    AdminClient::new(&settings).unwrap().sample().map_err(|error| error.to_string())
}

#[test]
fn each_reason_not_to_show_a_server_has_its_next_step() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let cases: [(String, Option<&str>, &[&str]); 6] = [
        (format!("http://{free}"), None, &["cannot reach", "Connection refused", "--admin"]),
        // The public listener.
        (
            serve(&[("/status", "404 Not Found", r#"{"detail":"there is no page here"}"#)]),
            None,
            &["no page of an admin listener", "it answered 404 Not Found", "not that of --listen"],
        ),
        (
            serve(&[("/status", "404 Not Found", "no")]),
            None,
            &["no page of an admin", "404", "--listen"],
        ),
        (serve(&[("/status", "200 OK", "<html>")]), None, &["it is no JSON", "--admin-listen"]),
        (serve(&[("/status", "200 OK", "{}")]), None, &["missing field `version`"]),
        (
            serve(&[("/status", "200 OK", STATUS), ("/streams", "401 Unauthorized", DENIED)]),
            Some("wrong"),
            &["answered 401", "this needs the token", "is what --token-file names"],
        ),
    ];
    for (admin, token, expected) in cases {
        let message = sample(&admin, token).unwrap_err();
        for words in expected {
            assert!(message.contains(words), "{words}: {message}");
        }
    }
}

#[test]
fn without_a_token_the_server_is_shown_and_of_the_streams_why_they_are_not() {
    let admin = serve(&[("/status", "200 OK", STATUS), ("/streams", "401 Unauthorized", DENIED)]);
    let reason = sample(&admin, None).unwrap().streams.unwrap_err();
    assert!(reason.ends_with("give the file with it with --token-file"), "{reason}");
    let admin =
        serve(&[("/status", "200 OK", STATUS), ("/streams?sort=lag&limit=100", "200 OK", STREAMS)]);
    assert_eq!(sample(&admin, None).unwrap().streams.unwrap().streams.len(), 3);
}
