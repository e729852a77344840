//! `LOCK`: one process at a time has the folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use thiserror::Error;

const NAME: &str = "LOCK";

/// The lock of a folder, until it is dropped or the process ends. It has no file where none is needed.
#[derive(Debug)]
pub(crate) struct FolderLock(
    #[expect(dead_code, reason = "it is unlocked when it is closed")] Option<File>,
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
    #[error("cannot lock {}: {error}{next_step}", folder.display())]
    Failed { folder: PathBuf, error: io::Error, next_step: String },
}

impl LockError {
    fn failed(folder: &Path, error: io::Error) -> Self {
        let next_step = next_step(folder, &error);
        Self::Failed { folder: folder.to_owned(), error, next_step }
    }
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
        Ok(Self(Some(file)))
    }

    /// Locks a folder for somebody who only reads it, and perhaps cannot do more: a snapshot is on a file
    /// system to which nothing is written, and may have no lock file.
    ///
    /// # Errors
    /// When another process has it, or the file cannot be locked.
    pub(crate) fn take_to_read(folder: &Path) -> Result<Self, LockError> {
        let unwritable = match Self::take(folder) {
            Err(LockError::Failed { error, .. }) if is_unwritable(&error) => error,
            taken => return taken,
        };
        match Self::lock(folder, OpenOptions::new().read(true)) {
            Err(LockError::Failed { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                Self::without_file(folder, unwritable)
            }
            taken => taken.map(|file| Self(Some(file))),
        }
    }

    /// Reads a folder that has no lock file, and in which none can be made for this reason.
    fn without_file(folder: &Path, unwritable: io::Error) -> Result<Self, LockError> {
        match unwritable.kind() {
            // A server makes the file before anything else, so that none has the folder; and none can begin
            // to have it through this mount.
            io::ErrorKind::ReadOnlyFilesystem => Ok(Self(None)),
            _ => Err(LockError::failed(folder, unwritable)),
        }
    }

    fn lock(folder: &Path, options: &OpenOptions) -> Result<File, LockError> {
        let failed = |error| LockError::failed(folder, error);
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

/// What to do about a folder that cannot be had, as the end of a message; nothing where that is not known.
pub(super) fn next_step(folder: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => "; give a folder that can be written to".to_owned(),
        io::ErrorKind::PermissionDenied => advice_on_owner(folder).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Whose the folder is, or the lock file, if there is one: somebody else may have made that, who has looked
/// into the folder.
fn advice_on_owner(folder: &Path) -> Option<String> {
    let paths = [folder.join(NAME), folder.to_owned()];
    let owned = paths.iter().find_map(|path| Some((path.display(), path.metadata().ok()?.uid())));
    let (path, owner) = owned?;
    let user = geteuid().as_raw();
    Some(match owner == user {
        true => format!("; {path} belongs to this user, who may not use it: see to its mode"),
        false => format!(
            "; {path} belongs to user {owner}, and this is user {user}: run it as user {owner}, or give the folder and all that is in it to user {user} with chown"
        ),
    })
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_folder_without_a_lock_file_is_read_only_where_nothing_can_be_written() {
        let cases = [
            (Errno::ROFS, Ok(())),
            (Errno::ACCESS, Err("belongs to this user, who may not use it")),
            (Errno::PERM, Err("belongs to this user, who may not use it")),
        ];
        let folder = tempfile::tempdir().unwrap();
        for (errno, expected) in cases {
            let taken = FolderLock::without_file(folder.path(), errno.into());
            match (taken, expected) {
                (Ok(_), Ok(())) => {}
                (Err(error), Err(why)) => {
                    let said = error.to_string();
                    assert!(said.starts_with("cannot lock ") && said.contains(why), "{said}");
                }
                (taken, _) => panic!("{errno}: {taken:?}"),
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is made");
    }

    #[test]
    fn whose_a_folder_is_stands_behind_a_refusal_of_the_system_and_behind_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let said = |errno: Errno| LockError::failed(folder.path(), errno.into()).to_string();
        let of = |path: &Path| format!("; {} belongs to this user", path.display());
        assert!(said(Errno::ACCESS).contains(&of(folder.path())), "{}", said(Errno::ACCESS));
        drop(FolderLock::take(folder.path()).unwrap());
        let lock = folder.path().join(NAME);
        assert!(said(Errno::ACCESS).contains(&of(&lock)), "{}", said(Errno::ACCESS));
        assert!(said(Errno::ROFS).ends_with("; give a folder that can be written to"));
        assert!(said(Errno::MFILE).ends_with("(os error 24)"), "{}", said(Errno::MFILE));
    }
}
