//! The certificate of the public listener: read, checked, served, and exchanged while streams are
//! open.
//!
//! A certificate and its key are taken together or not at all: they are read and checked first, and
//! then exchanged in one step, so that a handshake finds one pair or the other. What is open keeps
//! the keys that it was opened with. Session tickets go with the pair, because whoever exchanges a
//! key that was lost wants nothing to outlive it.

mod error;
mod files;
mod pair;
mod reload;
mod store;
#[cfg(test)]
mod tests;

pub use error::CertificateError;
pub use files::CertificateFiles;
pub use reload::CertificateReload;
pub use store::CertificateStore;
