//! No secret and no token is ever shown: in no log line, whatever the level, in no response and in
//! no metric.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Client;
use rustix::process::Signal;

use crate::support::{Http2, PROGRAM, Program, form};

const SECRET: &str = "the secret of draft-07: it is shown to nobody";
const ISSUER_SECRET: &str = "the secret of an issuer: it is shown to nobody";
const ADMIN_TOKEN: &str = "the-token-of-the-admin-listener-is-shown-to-nobody";
const ISSUER: &str = "https://issuer.example";
const LEGACY: [&str; 2] = ["--jwt-secret", SECRET];
const ACCESS: [&str; 6] =
    ["--issuer", ISSUER, "--issuer-secret", ISSUER_SECRET, "--public-url", "http://localhost:8080"];

fn token(flags: &[&str]) -> String {
    let made = Command::new(PROGRAM).arg("token").args(flags).output().unwrap();
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// A good one of each dialect, and one that is signed with another secret.
fn tokens() -> [String; 3] {
    let grants = ["--publish", "t", "--subscribe", "t"];
    [
        token(&[&LEGACY[..], &grants].concat()),
        token(&[&ACCESS[..], &grants].concat()),
        token(&["--jwt-secret", "another secret, which is of no use here", "--publish", "t"]),
    ]
}

/// What gives a secret away: itself, and as it would look encoded. Of a token its signature does,
/// since anybody can write the rest.
fn traces_of(name: &str, secret: &str) -> Vec<(String, String)> {
    let secret = secret.rsplit('.').next().unwrap();
    let bytes = format!("{:?}", secret.as_bytes());
    // Where text stands before it, Base64 begins at another bit: so without the first characters.
    let shifted = |by: usize| STANDARD_NO_PAD.encode(&secret.as_bytes()[by..])[..24].to_owned();
    let forms = [
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        shifted(1),
        shifted(2),
        bytes[1..bytes.len() - 1].to_owned(),
    ];
    forms.into_iter().map(|form| (format!("{name} as {form:.20}…"), form)).collect()
}

/// Sends a token in each place, for what it grants and what it does not.
async fn use_token(
    client: &Client,
    program: &Program,
    (kind, token): (&str, &str),
    shown: &mut BTreeMap<String, String>,
) {
    let url = |path: &str| format!("{}{path}", program.url);
    let query = form(&[("authorization", token)]);
    let cookie = format!("mercureAuthorization={token}");
    let bearer = format!("Bearer {token}");
    // The response to HEAD says as much as that to GET, and ends.
    let requests = [
        client.head(url("/events/t")).bearer_auth(token),
        client.get(url("/events/elsewhere?poll")).header("authorization", format!("Basic {token}")),
        client.head(url(&format!("/events/t?{query}"))),
        client.head(url("/events/t")).header("cookie", &cookie),
        client.post(url("/events/t")).bearer_auth(token).body("x"),
        client.post(url("/events/u")).bearer_auth(token).body("x"),
        client.post(url(&format!("/events/t?{query}"))).body("x"),
        client.post(url("/events/t")).header("cookie", &cookie).body("x"),
    ];
    for (number, request) in requests.into_iter().enumerate() {
        let response = request.send().await.unwrap();
        let headers = format!("{:?}", response.headers());
        shown.insert(
            format!("response {number}, {kind}"),
            headers + &response.text().await.unwrap(),
        );
    }
    let http2 = Http2::open_at(program.address()).await;
    let paths = ["/nowhere".to_owned(), format!("/nowhere?{query}")];
    for path in paths {
        let fields = [("authorization", bearer.as_str()), ("cookie", &cookie)];
        let (status, text) = http2.get(&path, &fields).await;
        shown.insert(format!("HTTP/2 {path:.10}, {kind}"), format!("{status} {text}"));
    }
}

/// Uses the token of the admin listener, rightly and wrongly.
async fn use_admin_token(client: &Client, admin: &str, shown: &mut BTreeMap<String, String>) {
    let level = client.put(format!("{admin}/log-level")).body("trace");
    let requests = [
        client.get(format!("{admin}/status")).bearer_auth(ADMIN_TOKEN),
        client.get(format!("{admin}/streams")).bearer_auth(ADMIN_TOKEN),
        level.bearer_auth(ADMIN_TOKEN),
        client.get(format!("{admin}/streams")).header("authorization", ADMIN_TOKEN),
        client.get(format!("{admin}/streams")).bearer_auth(format!("{ADMIN_TOKEN}, {ADMIN_TOKEN}")),
        client.get(format!("{admin}/streams?token={ADMIN_TOKEN}")),
        client.get(format!("{admin}/{ADMIN_TOKEN}")).bearer_auth(ADMIN_TOKEN),
    ];
    for (number, request) in requests.into_iter().enumerate() {
        let response = request.send().await.unwrap();
        assert_eq!(response.status() == 200, number < 3, "request {number}");
        let headers = format!("{:?}", response.headers());
        let text = headers + &response.text().await.unwrap();
        shown.insert(format!("response {number} of the admin listener"), text);
    }
}

/// A ticket for a token, if there is one, after it was used in each place, rightly and wrongly.
async fn use_ticket(
    client: &Client,
    server: &str,
    token: &str,
    shown: &mut BTreeMap<String, String>,
) -> Option<String> {
    let issued = client.post(format!("{server}/tickets")).bearer_auth(token).send().await.unwrap();
    let is_issued = issued.status() == 201;
    let ticket = issued.text().await.unwrap();
    let requests = [
        client.head(format!("{server}/events/t?ticket={ticket}")),
        client.head(format!("{server}/nowhere?ticket={ticket}")),
        client.post(format!("{server}/events/t?ticket={ticket}")).body("x"),
        client.head(format!("{server}/events/t?ticket={ticket}A")),
    ];
    for (number, request) in requests.into_iter().enumerate().filter(|_| is_issued) {
        let response = request.send().await.unwrap();
        let headers = format!("{:?}", response.headers());
        let text = headers + &response.text().await.unwrap();
        shown.insert(format!("response {number} to the ticket {ticket:.8}"), text);
    }
    is_issued.then_some(ticket)
}

#[tokio::test]
async fn no_secret_and_no_token_is_in_logs_responses_and_metrics() {
    let [good, access, wrong] = tokens();
    let flags = ["--log-level", "trace", "--log-format", "json", "--explain-tokens"];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, ADMIN_TOKEN).unwrap();
    let admin = ["--admin-token-file", file.path().to_str().unwrap(), "--drain-window", "0s"];
    let (mut program, mut said) =
        Program::start_logged(&[&flags[..], &LEGACY, &ACCESS, &admin].concat());
    let lines = std::thread::spawn(move || {
        let mut text = String::new();
        said.read_to_string(&mut text).map(|_| text)
    });
    let mut shown = BTreeMap::new();
    let mut tickets = Vec::new();
    let client = Client::builder().no_proxy().build().unwrap();
    for (kind, token) in [("good", &good), ("access", &access), ("wrong", &wrong)] {
        use_token(&client, &program, (kind, token), &mut shown).await;
        tickets.extend(use_ticket(&client, &program.url, token, &mut shown).await);
    }
    use_admin_token(&client, &program.admin, &mut shown).await;
    let metrics = client.get(format!("{}/metrics", program.admin)).send().await.unwrap();
    shown.insert("metrics".into(), metrics.text().await.unwrap());
    program.signal(Signal::TERM);
    assert_eq!(program.exit_code().await, Some(0));
    let log = lines.join().unwrap().unwrap();
    assert!(log.lines().count() > 50 && log.contains("a token was refused"), "{log}");
    shown.insert("log".into(), log);

    assert_eq!(tickets.len(), 2);
    let secrets = [
        ("the secret of draft-07", SECRET),
        ("the secret of the issuer", ISSUER_SECRET),
        ("the token of the admin listener", ADMIN_TOKEN),
        ("a good token", &good),
        ("an access token", &access),
        ("a wrong token", &wrong),
        ("a ticket of a good token", &tickets[0]),
        ("a ticket of an access token", &tickets[1]),
    ];
    for (name, trace) in secrets.iter().flat_map(|(name, secret)| traces_of(name, secret)) {
        for (place, text) in &shown {
            let found = text.lines().find(|line| line.contains(&trace));
            assert_eq!(found, None, "{name} is in {place}");
        }
    }
}
