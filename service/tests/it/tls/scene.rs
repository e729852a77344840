//! A server with a certificate, in this process or in one of its own.
//!
//! One issuer signs all certificates of a scene, so that a client that trusts it takes each of them,
//! and none that anybody else made.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

use super::clients::{SecureHttp2, SecureWire, connect};
use crate::support::{Program, TestServer};

pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// A folder with an issuer's certificate, and with one that it has signed, and its key.
pub(super) struct Certificates {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Certificates {
    /// With a certificate for this machine that is valid for a day.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "the issuer of a test");
        let key = KeyPair::generate().unwrap();
        put(&folder.path().join("issuer.pem"), &params.self_signed(&key).unwrap().pem());
        let certificates = Self { folder, issuer: Issuer::new(params, key) };
        certificates.renew();
        certificates
    }

    /// Puts another certificate, with another key, in the place of the one before.
    pub(super) fn renew(&self) {
        self.renew_until(SystemTime::now() + DAY);
    }

    pub(super) fn renew_until(&self, expires: SystemTime) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = (SystemTime::now() - 10 * DAY).into();
        params.not_after = expires.into();
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.issuer).unwrap();
        put(&self.path("cert.pem"), &signed.pem());
        put(&self.path("key.pem"), &key.serialize_pem());
    }

    pub(super) fn spoil_key(&self) {
        put(&self.path("key.pem"), &KeyPair::generate().unwrap().serialize_pem());
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What clients trust.
    pub(super) fn issuer(&self) -> String {
        self.path("issuer.pem").display().to_string()
    }

    /// The flags of a server that serves it.
    pub(super) fn flags(&self) -> [String; 4] {
        let path = |name| self.path(name).display().to_string();
        ["--tls-cert".to_owned(), path("cert.pem"), "--tls-key".to_owned(), path("key.pem")]
    }

    /// A client that trusts the issuer and offers these protocols.
    pub(super) fn connector(&self, protocols: &[&str]) -> TlsConnector {
        self.connector_of(rustls::ALL_VERSIONS, protocols)
    }

    /// The same, of these versions of TLS.
    pub(super) fn connector_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("issuer.pem")).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }
}

fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// A server with a certificate of its own.
pub(crate) struct SecureServer {
    pub(crate) server: TestServer,
    pub(super) certificates: Certificates,
}

impl SecureServer {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let certificates = Certificates::new();
        let tls = certificates.flags();
        let all: Vec<&str> = tls.iter().map(String::as_str).chain(flags.iter().copied()).collect();
        Self { server: TestServer::start_with(&all).await, certificates }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.server.address.port())
    }

    /// A connection that speaks HTTP/1.1.
    pub(super) async fn connect(&self) -> SecureWire {
        let connector = self.certificates.connector(&["http/1.1"]);
        SecureWire::over(connect(&connector, self.server.address, None).await)
    }

    /// A stream on a connection of its own, of which nothing has been read but its beginning.
    pub(super) async fn subscribe(&self, topic: &str) -> SecureWire {
        let mut wire = self.connect().await;
        wire.ask(&format!("/events/{topic}")).await;
        wire.until("id: ").await;
        wire
    }

    /// Publishes, and gives the id.
    pub(crate) async fn publish(&self, topic: &str, data: &str) -> String {
        self.connect().await.publish(topic, data).await
    }
}

/// The real program with a certificate, for what only a process has: signals, files, memory.
pub(super) struct SecureProgram {
    pub(super) program: Program,
    pub(super) certificates: Certificates,
    pub(super) address: SocketAddr,
}

impl SecureProgram {
    pub(super) fn start(flags: &[&str]) -> Self {
        let certificates = Certificates::new();
        let tls = certificates.flags();
        let all: Vec<&str> = tls.iter().map(String::as_str).chain(flags.iter().copied()).collect();
        let program = Program::start_with_one_heap(&all);
        let address = program.url.strip_prefix("https://").expect("a URL").parse().unwrap();
        Self { program, certificates, address }
    }

    pub(super) async fn connect(&self) -> SecureWire {
        let connector = self.certificates.connector(&["http/1.1"]);
        SecureWire::over(connect(&connector, self.address, None).await)
    }

    pub(super) async fn connect_http2(&self) -> SecureHttp2 {
        let connector = self.certificates.connector(&["h2"]);
        SecureHttp2::over(connect(&connector, self.address, None).await).await
    }

    /// What a new connection is shown.
    pub(super) async fn served_certificate(&self) -> Vec<u8> {
        let wire = self.connect().await;
        wire.stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }
}
