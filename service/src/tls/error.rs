//! Why a certificate cannot be served, and what to do.

use thiserror::Error;

/// Why a certificate and its key cannot be served.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Unreadable { path: String, reason: String },
    /// It has something else in it.
    #[error(
        "{path} has no certificate; give a PEM file that begins with the certificate of this server, and has those of its issuers behind it"
    )]
    NoCertificate { path: String },
    /// It has a certificate that is none.
    #[error("the certificate in {path} cannot be read: {reason}; have it issued again")]
    BadCertificate { path: String, reason: String },
    /// The key is missing, or locked.
    #[error(
        "{path} has no private key that can be used; give a PEM file with one that has no password (BEGIN PRIVATE KEY)"
    )]
    NoKey { path: String },
    /// It is of a kind that TLS does not use, or too short.
    #[error("the key in {path} cannot be used: {reason}; use one of ECDSA P-256, or of RSA")]
    BadKey { path: String, reason: String },
    /// They were not made together.
    #[error(
        "the key in {key} is not the one of the certificate in {certificate}; give the two that belong together"
    )]
    KeyDoesNotFit { certificate: String, key: String },
    /// No client would take it.
    #[error("the certificate in {path} expired at {expired}; have it renewed")]
    Expired { path: String, expired: String },
    /// No client would take it yet.
    #[error(
        "the certificate in {path} is not valid before {begins}; check the clock of this machine, or wait"
    )]
    NotYetValid { path: String, begins: String },
    /// The library refuses the two for another reason.
    #[error("the certificate in {path} cannot be served: {reason}; have it issued again")]
    Refused { path: String, reason: String },
}

impl CertificateError {
    /// The file that is to be looked at.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Unreadable { path, .. }
            | Self::NoCertificate { path }
            | Self::BadCertificate { path, .. }
            | Self::NoKey { path }
            | Self::BadKey { path, .. }
            | Self::KeyDoesNotFit { key: path, .. }
            | Self::Expired { path, .. }
            | Self::NotYetValid { path, .. }
            | Self::Refused { path, .. } => path,
        }
    }
}
