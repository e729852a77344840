//! Tokens: who may publish and subscribe, in both dialects, wherever the token stands.

/// The end of a token.
mod endings;
/// What tokens grant, and what is seen without one.
mod granting;
/// Keys of an issuer that are fetched from its URL.
mod jwks;
/// Every defect in every place.
mod matrix;
/// Where a token stands in a request, and who may have put it there.
mod places;
/// What a client learns of the tokens that are needed.
mod refusals;
/// Keys and commands.
mod settings;
/// Tickets, which stand for tokens in URLs.
mod tickets;

use std::process::Command;

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{EventStream, Http2, PROGRAM, TestServer, eventually, form};

pub(crate) const HUB: &str = "/.well-known/mercure";
const METADATA: &str = "/.well-known/oauth-protected-resource/.well-known/mercure";
pub(crate) const SECRET: &str = "a secret of draft-07, for tests, with 32 bytes or more";
const ISSUER_SECRET: &str = "a secret of an issuer, for tests, with 32 bytes or more";
const ISSUER: &str = "https://issuer.example";
const PUBLIC_URL: &str = "http://localhost:8080";
pub(crate) const LEGACY: [&str; 2] = ["--jwt-secret", SECRET];
pub(crate) const ACCESS: [&str; 6] =
    ["--issuer", ISSUER, "--issuer-secret", ISSUER_SECRET, "--public-url", PUBLIC_URL];

/// A token as `fanfare token` makes it.
fn token(flags: &[&str]) -> String {
    let made = Command::new(PROGRAM).arg("token").args(flags).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

pub(crate) fn legacy(flags: &[&str]) -> String {
    token(&[&LEGACY, flags].concat())
}

pub(crate) fn access(flags: &[&str]) -> String {
    token(&[&ACCESS, flags].concat())
}

async fn start(flags: &[&[&str]]) -> TestServer {
    TestServer::start_with(&flags.concat()).await
}

fn publish(server: &TestServer, topic: &str, data: &str) -> RequestBuilder {
    let request = server.post(HUB).header("content-type", "application/x-www-form-urlencoded");
    request.body(form(&[("topic", topic), ("data", data), ("private", "on")]))
}

async fn refusal(request: RequestBuilder) -> (u16, String, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert!(status >= 400, "a stream was opened");
    let challenge = challenge(&response);
    let text = response.text().await.unwrap();
    let problem: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
    (status, challenge, problem["detail"].as_str().unwrap().to_owned())
}

fn challenge(response: &Response) -> String {
    let value = response.headers().get(WWW_AUTHENTICATE);
    value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
}
