//! What a client may do once there is TLS: ask for new keys without end, or for another handshake.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::UnderAttack;
use super::scene::connect_bluntly;
use crate::support::PATIENCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_key_updates_ends_its_connection_or_is_served_like_other_bytes() {
    const CONNECTIONS: usize = 24;
    const UPDATES: usize = 2_000;
    // On a busy machine a storm takes longer than a head may by default.
    let mut attacked = UnderAttack::start(&["--headers-timeout", "5m"]).await;
    let connector = attacked.scene.certificates.connector(&["http/1.1"]);
    attacked
        .suffers(CONNECTIONS, |number, address| {
            let connector = connector.clone();
            async move {
                let socket = connect_bluntly(address).await;
                let name = ServerName::try_from("localhost").unwrap();
                let mut stream = connector.connect(name, socket).await.expect("a handshake");
                let head = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx-long: ";
                stream.write_all(head).await.unwrap();
                let sends_bytes = number % 2 == 0;
                for _ in 0..UPDATES {
                    stream.get_mut().1.refresh_traffic_keys().expect("other keys");
                    let byte = if sends_bytes { &b"x"[..] } else { b"" };
                    if stream.write_all(byte).await.is_err() || stream.flush().await.is_err() {
                        break;
                    }
                }
                let _ = stream.write_all(b"\r\n\r\n").await;
                let mut rest = Vec::new();
                let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("an end");
                let said = String::from_utf8_lossy(&rest);
                assert_eq!(said.starts_with("HTTP/1.1 200 OK"), sends_bytes, "{ended:?}: {said}");
            }
        })
        .await;
    // Those that sent nothing else have broken the rules: behind their handshake, or with it, where all of it
    // came at once.
    let mut broken = 0;
    for reason in ["protocol", "tls_handshake"] {
        let series = format!("fanfare_connections_closed_total{{reason=\"{reason}\"}}");
        broken += attacked.count(&series).await;
    }
    assert_eq!(broken, CONNECTIONS / 2);
    attacked.assert_grew_at_most(10, "key updates");
    attacked.assert_nothing_is_left("key updates").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_handshake_on_a_connection_of_tls_1_2_is_refused() {
    const CONNECTIONS: usize = 8;
    let mut attacked = UnderAttack::start(&[]).await;
    let issuer = attacked.scene.certificates.issuer();
    attacked
        .suffers(CONNECTIONS, |_, address| {
            let issuer = issuer.clone();
            async move {
                let asked = tokio::task::spawn_blocking(move || {
                    let mut openssl = Command::new("openssl");
                    openssl.args(["s_client", "-tls1_2", "-CAfile", &issuer, "-connect"]);
                    openssl.arg(address.to_string()).args(["-servername", "localhost"]);
                    openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
                    let mut client = openssl.spawn().expect("openssl");
                    // A line with this letter alone asks for another handshake. The pipe stays open,
                    // because its end would be that of the client.
                    let mut commands = client.stdin.take().unwrap();
                    commands.write_all(b"R\n").unwrap();
                    let status = client.wait().unwrap();
                    let mut said = String::new();
                    client.stdout.unwrap().read_to_string(&mut said).unwrap();
                    client.stderr.unwrap().read_to_string(&mut said).unwrap();
                    (status, said)
                });
                let (status, said) = timeout(PATIENCE, asked).await.expect("an end").unwrap();
                assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
                assert!(
                    said.contains("RENEGOTIATING") && said.contains("no renegotiation"),
                    "{said}"
                );
                assert!(!status.success());
            }
        })
        .await;
    attacked.assert_nothing_is_left("renegotiation").await;
}
