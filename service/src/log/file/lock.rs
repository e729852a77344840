//! `LOCK`: one process at a time has the folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

const NAME: &str = "LOCK";

/// The lock of a folder, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct FolderLock(
    #[expect(dead_code, reason = "it is unlocked when it is closed")] File,
);

/// Why a folder cannot be had.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "{} is used by another process{}; stop that one first, or give another folder",
        folder.display(), pid.as_ref().map(|pid| format!(" ({pid})")).unwrap_or_default()
    )]
    Taken { folder: PathBuf, pid: Option<u32> },
    /// The lock file cannot be opened or locked.
    #[error("cannot lock {}: {error}", folder.display())]
    Failed { folder: PathBuf, error: io::Error },
}

impl FolderLock {
    /// Locks a folder that is there.
    ///
    /// # Errors
    /// When another process has it, or the file cannot be locked.
    pub(crate) fn take(folder: &Path) -> Result<Self, LockError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = Self::lock(folder, &options)?;
        // Who has it only helps whoever is refused, and there may be no room on the disk.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(file))
    }

    /// Locks a folder for somebody who only reads it, and perhaps cannot do more: a snapshot is on a file
    /// system to which nothing is written.
    ///
    /// # Errors
    /// When another process has it, or the file cannot be locked.
    pub(crate) fn take_to_read(folder: &Path) -> Result<Self, LockError> {
        match Self::take(folder) {
            Err(LockError::Failed { error, .. }) if is_unwritable(&error) => {
                Self::lock(folder, OpenOptions::new().read(true)).map(Self)
            }
            taken => taken,
        }
    }

    fn lock(folder: &Path, options: &OpenOptions) -> Result<File, LockError> {
        let failed = |error| LockError::Failed { folder: folder.to_owned(), error };
        let mut file = options.open(folder.join(NAME)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Who it is only helps; that it is taken is known.
                let _ = file.read_to_string(&mut text);
                let (folder, pid) = (folder.to_owned(), text.trim().parse().ok());
                Err(LockError::Taken { folder, pid })
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

fn is_unwritable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
