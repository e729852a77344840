//! A front that ends TLS and passes the bytes inside on, in both directions, to a server that
//! speaks none. It offers one protocol by ALPN and knows nothing of what is said.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::scratch;

/// A front; it ends when it is dropped.
pub(crate) struct TlsFront {
    pub(crate) address: SocketAddr,
    folder: TempDir,
    _runtime: Runtime,
}

impl TlsFront {
    /// Before this server, for `h2` or `http/1.1`.
    pub(crate) fn before(server: SocketAddr, protocol: &str) -> Self {
        let (folder, runtime) = (scratch(), Runtime::new().expect("a runtime"));
        let CertifiedKey { cert, signing_key } = certificate();
        std::fs::write(folder.path().join("cert.pem"), cert.pem()).expect("written");
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .expect("a certificate with its key");
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("it is bound");
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(acceptor.clone(), client, server));
            }
        });
        Self { address, folder, _runtime: runtime }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// The file of the certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

async fn pass(acceptor: TlsAcceptor, client: TcpStream, server: SocketAddr) {
    // A client that does not like the certificate goes away; that is what some tests are about.
    let Ok(mut inside) = acceptor.accept(client).await else { return };
    let Ok(mut outside) = TcpStream::connect(server).await else { return };
    let _ = copy_bidirectional(&mut inside, &mut outside).await;
}

/// A certificate of another authority, for a client that must not trust the server.
pub(crate) fn write_other_certificate(path: &Path) {
    std::fs::write(path, certificate().cert.pem()).expect("written");
}

fn certificate() -> CertifiedKey<rcgen::KeyPair> {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    generate_simple_self_signed(names).expect("a certificate")
}
