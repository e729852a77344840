//! A certificate and its key, read from their files and checked.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;

use super::error::CertificateError;
use super::files::CertificateFiles;

/// No chain of certificates is as large; a device that never ends is not read for ever.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// What handshakes offer, the better one first.
const APPLICATION_PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// A certificate that is served.
#[derive(Debug)]
pub(super) struct CertificatePair {
    pub(super) config: Arc<ServerConfig>,
    pub(super) expires: SystemTime,
}

impl CertificatePair {
    /// Reads and checks the two files.
    pub(super) fn read(
        files: &CertificateFiles,
        now: SystemTime,
    ) -> Result<Self, CertificateError> {
        let chain = read_chain(&files.certificate)?;
        let expires = check_validity(&files.certificate, &chain, now)?;
        let key = read_key(&files.key)?;
        let config = server_config(files, chain, key)?;
        Ok(Self { config: Arc::new(config), expires })
    }
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let pem = read_file(path)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| CertificateError::BadCertificate {
        path: path.display().to_string(),
        reason: error.to_string(),
    })?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate { path: path.display().to_string() });
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(&read_file(path)?)
        .map_err(|_| CertificateError::NoKey { path: path.display().to_string() })
}

fn read_file(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable =
        |reason: String| CertificateError::Unreadable { path: path.display().to_string(), reason };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// Until when the first of the chain, which is our own, is valid.
fn check_validity(
    path: &Path,
    chain: &[CertificateDer<'static>],
    now: SystemTime,
) -> Result<SystemTime, CertificateError> {
    let path = path.display().to_string();
    let Some(own) = chain.first() else { return Err(CertificateError::NoCertificate { path }) };
    let validity = match parse_x509_certificate(own) {
        Ok((_, certificate)) => certificate.validity().clone(),
        Err(error) => {
            return Err(CertificateError::BadCertificate { path, reason: error.to_string() });
        }
    };
    let (begins, expires) = (time_of(validity.not_before), time_of(validity.not_after));
    let written = |time| humantime::format_rfc3339_seconds(time).to_string();
    if now >= expires {
        return Err(CertificateError::Expired { path, expired: written(expires) });
    }
    if now < begins {
        return Err(CertificateError::NotYetValid { path, begins: written(begins) });
    }
    Ok(expires)
}

/// What lies before 1970 is as long ago as 1970.
fn time_of(time: ASN1Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or_default())
}

fn server_config(
    files: &CertificateFiles,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, CertificateError> {
    let refused = |error: rustls::Error| CertificateError::Refused {
        path: files.certificate.display().to_string(),
        reason: error.to_string(),
    };
    let provider: Arc<CryptoProvider> = Arc::new(default_provider());
    let key =
        provider.key_provider.load_private_key(key).map_err(|error| CertificateError::BadKey {
            path: files.key.display().to_string(),
            reason: error.to_string(),
        })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // Of a key that does not tell its public half nothing can be said.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(CertificateError::KeyDoesNotFit {
                certificate: files.certificate.display().to_string(),
                key: files.key.display().to_string(),
            });
        }
        Err(error) => return Err(refused(error)),
    }
    // A name that is not in the certificate is served the same: it is the client that decides
    // whether it talks to whom it meant.
    let resolver = rustls::sign::SingleCertAndKey::from(certified);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(refused)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = APPLICATION_PROTOCOLS.map(Vec::from).into();
    config.ticketer = Ticketer::new().map_err(refused)?;
    Ok(config)
}
