//! Handshakes that are slow, that come by the thousand, that are none, or that ask for what is not there.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::scene::{DRIP, connect_bluntly, until_closed};
use super::{UnderAttack, client_hello};
use crate::support::PATIENCE;

/// How many connections make an attack that is not about their number.
const MANY: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_are_slow_end_with_the_time_for_a_head() {
    let mut attacked = UnderAttack::start(&["--headers-timeout", "1s"]).await;
    let hello = client_hello::usual(&attacked.scene.certificates);
    attacked
        .suffers(3 * MANY, |number, address| {
            let hello = hello.clone();
            async move {
                let mut socket = connect_bluntly(address).await;
                let (mut reading, mut writing) = socket.split();
                let speak = async {
                    let said = match number % 3 {
                        0 => &[][..],
                        1 => &hello[..hello.len() / 2],
                        _ => {
                            // A byte at a time, each long before the time is over.
                            for byte in &hello {
                                if writing.write_all(&[*byte]).await.is_err() {
                                    break;
                                }
                                sleep(DRIP).await;
                            }
                            &[]
                        }
                    };
                    let _ = writing.write_all(said).await;
                    std::future::pending::<()>().await;
                };
                let mut said = Vec::new();
                tokio::select! {
                    read = timeout(PATIENCE, reading.read_to_end(&mut said)) => {
                        read.expect("an end in time").ok();
                    }
                    () = speak => {}
                }
                assert!(said.is_empty(), "{said:?}");
            }
        })
        .await;
    assert_eq!(attacked.failed("timeout").await, 3 * MANY);
    attacked.assert_grew_at_most(10, "slow handshakes");
    attacked.assert_nothing_is_left("slow handshakes").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_handshakes_take_nothing_that_is_not_given_back() {
    const WAVES: usize = 2;
    const WAVE: usize = 5_000;
    let mut attacked = UnderAttack::start(&[]).await;
    let hello = client_hello::usual(&attacked.scene.certificates);
    let connectors = [&TLS12, &TLS13].map(|version| {
        let connector = attacked.scene.certificates.connector_of(&[version], &["http/1.1"]);
        let mut config = connector.config().as_ref().clone();
        config.resumption = Resumption::disabled();
        TlsConnector::from(Arc::new(config))
    });
    let completed = "fanfare_tls_handshakes_total";
    let before = attacked.count(completed).await;
    for wave in 1..=WAVES {
        attacked
            .suffers(WAVE, |number, address| {
                let (hello, connectors) = (hello.clone(), connectors.clone());
                async move {
                    let mut socket = connect_bluntly(address).await;
                    match number % 4 {
                        // Completed, and closed at once.
                        version @ (0 | 1) => {
                            let name = ServerName::try_from("localhost").unwrap();
                            let shaken = connectors[version].connect(name, socket).await;
                            shaken.expect("a handshake");
                        }
                        // Ended in the middle of its first message, and behind the server's answer.
                        2 => socket.write_all(&hello[..hello.len() / 2]).await.unwrap(),
                        _ => {
                            socket.write_all(&hello).await.unwrap();
                            socket.read_exact(&mut [0; 100]).await.unwrap();
                        }
                    }
                }
            })
            .await;
        attacked.assert_nothing_is_left("very many handshakes").await;
        let done = attacked.count(completed).await - before;
        // The last message of TLS 1.3 is the client's, so that the server may find it gone.
        assert!((wave * WAVE / 4..=wave * WAVE / 2).contains(&done), "{done}");
        assert_eq!(done + attacked.failed("client").await, wave * WAVE);
        attacked.assert_grew_at_most(if wave == 1 { 16 } else { 4 }, "very many handshakes");
        attacked.remember_memory();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hellos_that_cannot_be_served_are_refused_each_with_its_reason() {
    let mut attacked = UnderAttack::start(&[]).await;
    let files = &attacked.scene.certificates;
    let no_protocol = files.connector(&["h3", "spdy/1"]).config().clone();
    let no_protocol = {
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = rustls::ClientConnection::new(no_protocol, name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    };
    let cases = [
        ("SSL 3.0", client_hello::of_version(0), "incompatible"),
        ("TLS 1.0", client_hello::of_version(1), "incompatible"),
        ("TLS 1.1", client_hello::of_version(2), "incompatible"),
        ("ALPN that nobody knows", no_protocol, "incompatible"),
        ("SSL 2.0", [&[0x80, 0x2E, 1, 0, 2][..], &[0; 43]].concat(), "malformed"),
        ("a hello that never ends", client_hello::endless(1 << 20), "malformed"),
        ("plain HTTP", b"GET /events/t HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(), "plain_http"),
        ("plain HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), "plain_http"),
    ];
    for (attack, hello, reason) in cases {
        let before = attacked.failed(reason).await;
        attacked
            .suffers(MANY, |_, address| {
                let hello = hello.clone();
                async move {
                    let mut socket = connect_bluntly(address).await;
                    // What is too long is not read to its end.
                    let _ = socket.write_all(&hello).await;
                    let said = until_closed(&mut socket).await;
                    // An alert, for some behind the first message, or an answer to plain HTTP.
                    let is_http = said.starts_with(b"HTTP/1.1 400 ");
                    assert!(said.len() < 200 || is_http, "{:?}", String::from_utf8_lossy(&said));
                }
            })
            .await;
        assert_eq!(attacked.failed(reason).await, before + MANY, "{attack}");
        attacked.assert_nothing_is_left(attack).await;
        attacked.assert_grew_at_most(10, attack);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hellos_as_long_as_can_be_are_read_and_bounded_when_they_stop() {
    const STOPPED: usize = 700;
    let mut attacked = UnderAttack::start(&["--headers-timeout", "3s"]).await;
    let whole = client_hello::padded(&attacked.scene.certificates, 60_000);
    attacked
        .suffers(MANY, |_, address| {
            let whole = whole.clone();
            async move {
                let mut socket = connect_bluntly(address).await;
                socket.write_all(&whole).await.unwrap();
                let mut first = [0; 6];
                socket.read_exact(&mut first).await.expect("an answer");
                // A handshake record with the server's first message.
                assert_eq!((first[0], first[5]), (22, 2));
            }
        })
        .await;
    attacked.assert_nothing_is_left("long hellos").await;
    let unfinished = client_hello::unfinished(&attacked.scene.certificates);
    for wave in 1..=2 {
        let mut stopped = Vec::new();
        for _ in 0..STOPPED {
            let mut socket = connect_bluntly(attacked.address()).await;
            socket.write_all(&unfinished).await.unwrap();
            stopped.push(socket);
        }
        attacked.rounds(5).await;
        for socket in &mut stopped {
            until_closed(socket).await;
        }
        attacked.assert_nothing_is_left("long hellos that stop").await;
        let ended = attacked.failed("timeout").await + attacked.failed("crowded_out").await;
        assert_eq!(ended, wave * STOPPED);
        // 512 at a time, each with some 70 KiB, and nothing for those who wait. What is given back serves
        // the next ones.
        attacked.assert_grew_at_most(if wave == 1 { 64 } else { 6 }, "long hellos that stop");
        attacked.remember_memory();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_shown_under_any_name_and_under_none_and_the_client_decides() {
    let mut attacked = UnderAttack::start(&[]).await;
    let connector = attacked.scene.certificates.connector(&["http/1.1"]);
    // An address is never told as the name of a server, and stands in the certificate.
    let completed = "fanfare_tls_handshakes_total";
    let before = attacked.count(completed).await;
    attacked
        .suffers(MANY, |_, address| {
            let connector = connector.clone();
            async move {
                let socket = connect_bluntly(address).await;
                let name = ServerName::from(address.ip());
                let mut stream = connector.connect(name, socket).await.expect("a handshake");
                let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
                stream.write_all(request).await.unwrap();
                let mut first = [0; 12];
                stream.read_exact(&mut first).await.expect("an answer");
                assert_eq!(&first, b"HTTP/1.1 200");
            }
        })
        .await;
    assert_eq!(attacked.count(completed).await, before + MANY);
    attacked.assert_nothing_is_left("no name").await;
    for name in ["elsewhere.example", "xn--nxasmq6b.example"] {
        let before = attacked.failed("rejected").await;
        attacked
            .suffers(MANY, |_, address| {
                let connector = connector.clone();
                async move {
                    let socket = connect_bluntly(address).await;
                    let name = ServerName::try_from(name).unwrap();
                    let (error, mut socket) =
                        connector.connect(name, socket).into_fallible().await.unwrap_err();
                    assert!(error.to_string().contains("not valid for name"), "{error}");
                    until_closed(&mut socket).await;
                }
            })
            .await;
        assert_eq!(attacked.failed("rejected").await, before + MANY, "{name}");
        attacked.assert_nothing_is_left(name).await;
    }
}
