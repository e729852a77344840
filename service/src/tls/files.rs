//! The files of a certificate and its key, and whether they are still the same.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate of this server, and those of its issuers.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// By what a file that was written anew, or put in the place of another, is told from the one before.
/// Links are followed: certbot and Kubernetes exchange those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FileVersion {
    modified: (i64, i64),
    /// Of its owner and its rights, too.
    changed: (i64, i64),
    inode: u64,
    bytes: u64,
}

impl CertificateFiles {
    pub(super) fn versions(&self) -> [FileVersion; 2] {
        [FileVersion::of(&self.certificate), FileVersion::of(&self.key)]
    }
}

impl FileVersion {
    /// A file that is not there has a version too.
    fn of(path: &Path) -> Self {
        fs::metadata(path).map_or_else(
            |_| Self::default(),
            |file| Self {
                modified: (file.mtime(), file.mtime_nsec()),
                changed: (file.ctime(), file.ctime_nsec()),
                inode: file.ino(),
                bytes: file.len(),
            },
        )
    }
}
