//! The certificate that is served now, and the files that it came from.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::time::Instant;

use super::error::CertificateError;
use super::files::{CertificateFiles, FileVersion};
use super::pair::CertificatePair;

/// The certificate that is served now.
#[derive(Debug)]
pub struct CertificateStore {
    files: CertificateFiles,
    current: ArcSwap<CertificatePair>,
    versions: Mutex<SeenVersions>,
    /// Held while the files are read, so that the last one who reads them is the last who stores.
    reading: Mutex<()>,
}

#[derive(Debug, Default)]
struct SeenVersions {
    /// Those that were read last, whether they could be used or not.
    read: [FileVersion; 2],
    /// Those of the last look.
    looked: [FileVersion; 2],
    /// When those that were read last could not be used. A certificate may only not be valid yet, or a
    /// file not have been readable for a moment.
    failed: Option<Instant>,
}

/// After how long files that could not be used are read again, though they have not changed.
const RETRY: Duration = Duration::from_secs(60);

impl CertificateStore {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// Says what is wrong with them and what to do.
    pub fn load(files: CertificateFiles) -> Result<Self, CertificateError> {
        let versions = files.versions();
        let pair = CertificatePair::read(&files, SystemTime::now())?;
        Ok(Self {
            files,
            current: ArcSwap::from_pointee(pair),
            versions: Mutex::new(SeenVersions { read: versions, looked: versions, failed: None }),
            reading: Mutex::default(),
        })
    }

    /// Reads the files again; what was served is served on if they cannot be used.
    ///
    /// # Errors
    /// Says what is wrong with them and what to do.
    pub fn reload(&self) -> Result<(), CertificateError> {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // Before they are read: what is written meanwhile is then noticed.
        let versions = self.files.versions();
        let pair = CertificatePair::read(&self.files, SystemTime::now());
        let failed = pair.is_err().then(Instant::now);
        *self.versions.lock().unwrap_or_else(PoisonError::into_inner) =
            SeenVersions { read: versions, looked: versions, failed };
        self.current.store(Arc::new(pair?));
        Ok(())
    }

    /// Whether other files are there than those that were read last, and have been since the last
    /// look: of two files that are exchanged one after the other, the first alone is not taken. Also
    /// whether those could not be used a while ago.
    #[must_use]
    pub fn look_for_change(&self) -> bool {
        let now = self.files.versions();
        let mut seen = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        let is_settled = seen.looked == now;
        seen.looked = now;
        let is_due = seen.failed.is_some_and(|at| at.elapsed() >= RETRY);
        is_settled && (seen.read != now || is_due)
    }

    /// What handshakes are made with now.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Until when the certificate is valid.
    #[must_use]
    pub fn expires(&self) -> SystemTime {
        self.current.load().expires
    }

    pub(super) fn files(&self) -> &CertificateFiles {
        &self.files
    }
}
