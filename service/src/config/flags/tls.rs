//! The certificate of the public listeners.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::config::ConfigError;
use crate::tls::{CertificateError, CertificateFiles, CertificateStore};

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsFlags {
    /// File with the certificate of this server and those of its issuers, in PEM; with it the public
    /// listeners speak HTTPS. Read again on SIGHUP, and when it or its key changes
    #[arg(long, env = "FANFARE_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// File with the key of that certificate, in PEM, without a password
    #[arg(long, env = "FANFARE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

impl TlsFlags {
    pub(super) fn is_given(&self) -> bool {
        self.tls_cert.is_some() && self.tls_key.is_some()
    }

    /// The certificate, read and checked; `None` for plain HTTP.
    pub(super) fn certificates(&self) -> Result<Option<Arc<CertificateStore>>, ConfigError> {
        let missing = |flag, problem| Err(ConfigError::OutOfRange { flag, problem });
        let files = match (&self.tls_cert, &self.tls_key) {
            (None, None) => return Ok(None),
            (Some(_), None) => {
                return missing(
                    "--tls-key",
                    "is missing: give the file with the key of --tls-cert",
                );
            }
            (None, Some(_)) => {
                return missing(
                    "--tls-cert",
                    "is missing: give the file with the certificate of --tls-key",
                );
            }
            (Some(certificate), Some(key)) => {
                CertificateFiles { certificate: certificate.clone(), key: key.clone() }
            }
        };
        let flag_of = |error: &CertificateError| {
            let key = files.key.display().to_string();
            if error.path() == key { "--tls-key" } else { "--tls-cert" }
        };
        match CertificateStore::load(files.clone()) {
            Ok(store) => Ok(Some(Arc::new(store))),
            Err(error) => Err(ConfigError::Certificate { flag: flag_of(&error), error }),
        }
    }
}
