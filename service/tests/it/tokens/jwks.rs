use std::sync::{Arc, Mutex};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Made for tests; it guards nothing.
const KEY: &[u8] = include_bytes!("../../../src/auth/token/tests/ed.pem");

fn signing() -> EncodingKey {
    EncodingKey::from_ed_pem(KEY).unwrap()
}

fn set(key_id: &str) -> String {
    let mut key = Jwk::from_encoding_key(&signing(), Algorithm::EdDSA).unwrap();
    key.common.key_id = Some(key_id.to_owned());
    json!({ "keys": [key] }).to_string()
}

/// A token of 1.0 to publish everything with, signed with the key of that name.
fn token(key_id: &str) -> String {
    let header = Header {
        typ: Some("at+jwt".into()),
        kid: Some(key_id.to_owned()),
        ..Header::new(Algorithm::EdDSA)
    };
    let claims = json!({
        "iss": ISSUER,
        "aud": format!("{PUBLIC_URL}{HUB}"),
        "exp": get_current_timestamp() + 600,
        "authorization_details": [{
            "type": "https://mercure.rocks/authorization-detail",
            "actions": ["publish"],
            "topics": [{ "match": "*" }],
        }],
    });
    jsonwebtoken::encode(&header, &claims, &signing()).unwrap()
}

/// The server of an issuer: what it answers can be changed.
#[derive(Clone)]
struct IssuerServer {
    url: String,
    /// A status with fields of the header, and a body.
    response: Arc<Mutex<(String, String)>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl IssuerServer {
    async fn start(head: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}/jwks", listener.local_addr().unwrap()),
            response: Arc::new(Mutex::new((head.to_owned(), body.to_owned()))),
            requests: Arc::default(),
        };
        tokio::spawn(server.clone().serve(listener));
        server
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let Ok(byte) = socket.read_u8().await else { break };
                request.push(byte);
            }
            self.requests.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
            let (head, body) = self.response.lock().unwrap().clone();
            let length = body.len();
            let response = format!(
                "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            let _ = socket.write_all(response.as_bytes()).await;
        }
    }

    fn answer(&self, head: &str, body: &str) {
        *self.response.lock().unwrap() = (head.to_owned(), body.to_owned());
    }

    fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

async fn start_for(issuer: &IssuerServer) -> TestServer {
    let flags = ["--issuer", ISSUER, "--public-url", PUBLIC_URL, "--issuer-jwks", &issuer.url];
    start(&[&flags]).await
}

async fn status(server: &TestServer, token: &str) -> u16 {
    let request = publish(server, "t", "x").bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn keys_come_from_the_url_of_the_issuer() {
    let issuer = IssuerServer::start("200 OK\r\netag: \"1\"", &set("a")).await;
    let server = start_for(&issuer).await;
    eventually("the keys are fetched", async || status(&server, &token("a")).await == 200).await;
    assert_eq!(status(&server, &token("b")).await, 401, "no such key");
    let fetches = r#"fanfare_jwks_fetches_total{outcome="fetched"}"#;
    assert_eq!(server.stats([fetches, "fanfare_jwks_failing"]).await, [1.0, 0.0]);
    assert_eq!(issuer.requests(), 1, "an unknown key does not make it be asked at once");
    server.stop().await;
}

#[tokio::test]
async fn a_token_of_an_issuer_that_was_not_reached_yet_is_asked_to_come_again() {
    let cases = [
        ("500 Internal Server Error", String::new()),
        ("302 Found\r\nlocation: /elsewhere", set("a")),
        ("200 OK", "no set".to_owned()),
        ("200 OK", r#"{"keys": []}"#.to_owned()),
        ("200 OK", " ".repeat((256 << 10) + 1)),
        ("304 Not Modified", String::new()),
    ];
    for (head, body) in cases {
        let issuer = IssuerServer::start(head, &body).await;
        let server = start_for(&issuer).await;
        eventually("it fails", async || server.figure("fanfare_jwks_failing").await == 1.0).await;
        let response = publish(&server, "t", "x").bearer_auth(token("a")).send().await.unwrap();
        assert_eq!(response.status(), 503, "{head}");
        assert!(response.headers().contains_key("retry-after"), "{head}");
        issuer.answer("200 OK", &set("a"));
        eventually("they are fetched", async || status(&server, &token("a")).await == 200).await;
        eventually("it is seen", async || server.figure("fanfare_jwks_failing").await == 0.0).await;
        server.stop().await;
    }
}
