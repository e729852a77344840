//! Through a proxy that speaks TLS, with a certificate that is signed by no authority: it is
//! accepted when a flag says so, and refused with a word that tells why when none does.

use crate::support::{
    Fanfare, NoContent, Ran, TlsFront, loadgen, scratch, start_with, write_other_certificate,
};

#[test]
fn subscribers_and_publishers_believe_anybody_when_told_to() {
    let server = Fanfare::start();
    let front = TlsFront::before(server.address, "http/1.1");
    let url = front.url("/events/load");
    let ran = loadgen(&format!(
        "run --subscribe {url} --publish {url} -c 10 -r 50 -d 1s --warmup 0s --insecure \
         --cut-every 300ms --retry 20ms"
    ));
    ran.assert_all_arrived(10);
    // Coming back is not connecting, though it takes a connection here.
    assert!(ran.count("/trouble/reconnects") > 0, "{}", ran.stdout);
    for phase in ["tcp", "tls", "head"] {
        assert_eq!(ran.count(&format!("/connecting/{phase}/count")), 10, "{phase}");
    }
    assert_eq!(ran.text("/subscribers/protocol"), "HTTP/1.1 over TLS");
    assert_eq!(server.figure("fanfare_events_published_total"), ran.count("/publishing/sent"));
}

#[test]
fn a_file_of_certificates_is_enough() {
    let server = Fanfare::start();
    let front = TlsFront::before(server.address, "http/1.1");
    let url = front.url("/events/load");
    let ran = loadgen(&format!(
        "run --subscribe {url} --publish {url} -c 10 -r 50 -d 1s --warmup 0s --ca {}",
        front.certificate().display()
    ));
    ran.assert_all_arrived(10);
}

#[test]
fn http2_over_tls_shares_connections_and_resumes() {
    let server = Fanfare::start();
    let front = TlsFront::before(server.address, "h2");
    let ran = loadgen(&format!(
        "run --subscribe {} --publish {} --http 2 --streams 10 -c 20 -r 50 -d 1s --warmup 0s \
         --cut-every 500ms --retry 20ms --insecure",
        front.url("/events/load"),
        server.url("/events/load"),
    ));
    ran.assert_all_arrived(20);
    assert_eq!(ran.text("/subscribers/protocol"), "HTTP/2 over TLS, 10 streams a connection");
    assert!(ran.count("/trouble/resumed") > 0, "{}", ran.stdout);
    assert_eq!(ran.count("/connecting/tls/count"), 2);
}

#[test]
fn who_is_told_not_to_come_back_asks_once() {
    for (protocol, version, name) in
        [("http/1.1", "1.1", "HTTP/1.1 over TLS"), ("h2", "2", "HTTP/2 over TLS")]
    {
        let server = NoContent::over(protocol);
        let front = TlsFront::before(server.address, protocol);
        let url = front.url("/events");
        let ran = loadgen(&format!(
            "run --subscribe {url} -c 3 --http {version} --insecure --attempts 5 --retry 10ms -d 1s \
             --warmup 0s"
        ));
        assert_eq!((ran.code, ran.text("/verdict/outcome")), (5, "unreachable"), "{version}");
        assert!(ran.text("/subscribers/protocol").starts_with(name), "{}", ran.stdout);
        assert_eq!(ran.count("/subscribers/failures/status 204"), 3, "{}", ran.stdout);
        assert_eq!(server.request_count(), 3, "{name}");
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_and_named() {
    let server = Fanfare::start();
    for (protocol, version) in [("http/1.1", "1.1"), ("h2", "2")] {
        let front = TlsFront::before(server.address, protocol);
        let flags = format!(
            "run --subscribe {} -c 3 -d 1s --warmup 0s --http {version} --attempts 1",
            front.url("/events/load")
        );
        let ran = believing_somebody_else(&flags);
        assert_eq!((ran.code, ran.text("/verdict/outcome")), (5, "unreachable"), "{version}");
        let failures = ran.at("/subscribers/failures").as_object().expect("kinds and counts");
        let kinds: Vec<_> = failures.keys().collect();
        assert!(
            matches!(kinds[..], [kind] if kind.contains("TLS") && kind.contains("certificate")),
            "{kinds:?}"
        );
        assert!(ran.stdout.contains("certificate"), "{}", ran.stdout);
    }
}

#[test]
fn nothing_is_published_to_whom_nobody_vouches_for() {
    let server = Fanfare::start();
    let front = TlsFront::before(server.address, "http/1.1");
    let ran = believing_somebody_else(&format!(
        "run --subscribe {} --publish {} -c 3 -d 1s --warmup 0s",
        server.url("/events/load"),
        front.url("/events/load")
    ));
    assert_eq!(ran.code, 5, "{}{}", ran.stdout, ran.stderr);
    let last = ran.stderr.lines().last().unwrap_or_default();
    assert!(last.contains("cannot publish to") && last.contains("certificate"), "{last}");
    assert_eq!(server.figure("fanfare_events_published_total"), 0);
}

/// With the certificates of the system replaced by one that has nothing to do with the front, so
/// that it makes no difference what the machine has.
fn believing_somebody_else(flags: &str) -> Ran {
    let folder = scratch();
    let other = folder.path().join("other.pem");
    write_other_certificate(&other);
    start_with(flags, |command| {
        command.env("SSL_CERT_FILE", &other).env_remove("SSL_CERT_DIR");
    })
    .wait()
}
