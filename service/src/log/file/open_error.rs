//! Why a log is not opened.

use std::io;

use rustix::io::Errno;
use thiserror::Error;

use super::disk::is_media_error;

/// Why a log is not opened.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OpenError {
    /// The disk does not do what it is told to.
    #[error("the folder cannot be read or written: {0}")]
    Disk(String),
    /// The disk gives back something no more that is on it.
    #[error(
        "{file} cannot be read: {error}. Nothing was changed. See to the disk, and copy the folder to another one while it can be read. Restore the folder from a backup, or start once with --repair: events that cannot be read are left out, and clients are told of a gap"
    )]
    Unreadable {
        /// The file in the folder.
        file: String,
        /// What the system says.
        error: String,
    },
    /// Something that was on the disk is not there any more, or is not as it was written.
    #[error(
        "{file} is corrupt at byte {offset}: {what}. Nothing was changed. `fanfare data check` says what else is damaged. Restore the folder from a backup, or start once with --repair: events that cannot be read are left out, and clients are told of a gap"
    )]
    Corrupt {
        /// The file in the folder.
        file: String,
        /// Where in it.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A later version has written it.
    #[error(
        "{file} has version {version} of the format, and this program knows no later one than 1; start it with the version of fanfare that wrote it"
    )]
    Newer {
        /// The file in the folder.
        file: String,
        /// Its version.
        version: u32,
    },
}

impl OpenError {
    /// A file of the folder could not be read.
    pub(super) fn reading(file: &str, error: &io::Error) -> Self {
        match is_media_error(error) {
            true => Self::Unreadable { file: file.to_owned(), error: error.to_string() },
            // No repair helps.
            false => Self::using(file, error),
        }
    }

    /// A file of the folder could not be opened, written or removed.
    pub(super) fn using(file: &str, error: &io::Error) -> Self {
        Self::Disk(format!("{file}: {error}{}", next_step(error)))
    }

    /// No file can be made in the folder, which the log needs sooner or later.
    pub(super) fn making(error: &io::Error) -> Self {
        Self::Disk(format!("no file can be made in it: {error}{}", next_step(error)))
    }
}

/// Of which file it is not known; whoever opens the log names the folder.
impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Disk(format!("{error}{}", next_step(&error)))
    }
}

/// What to do about an error of the system, as the end of a message.
fn next_step(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    let lacks =
        |errors: &[Errno]| Errno::from_io_error(error).is_some_and(|errno| errors.contains(&errno));
    match error.kind() {
        Kind::PermissionDenied => {
            "; let the user of the server write to the folder and to all files in it (`ls -lan` says whose they are, and with which modes)"
        }
        Kind::ReadOnlyFilesystem => {
            "; give a folder that can be written to, or see from the log of the system why this one cannot be"
        }
        Kind::StorageFull | Kind::QuotaExceeded => "; make room where the folder is",
        Kind::IsADirectory | Kind::NotADirectory => {
            "; see what has this name: a data folder has files alone in it"
        }
        // One with words of its own has said it.
        Kind::FileTooLarge if error.raw_os_error().is_none() => "",
        Kind::FileTooLarge => {
            "; raise the limit of the size of files (`ulimit -f`, `LimitFSIZE=` of systemd), or give a folder on another file system"
        }
        _ if lacks(&[Errno::MFILE, Errno::NFILE]) => {
            "; raise the limit of open files, or find what uses them up"
        }
        _ if lacks(&[Errno::NOMEM]) => "; give the server more memory",
        _ => "; see to the disk, and to what else uses the folder",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_cannot_open_a_folder_is_told_of_which_file_and_what_to_do() {
        let cases = [
            (Errno::ACCESS, "let the user of the server write to the folder"),
            (Errno::PERM, "let the user of the server write to the folder"),
            (Errno::ROFS, "give a folder that can be written to"),
            (Errno::NOSPC, "make room"),
            (Errno::DQUOT, "make room"),
            (Errno::ISDIR, "see what has this name"),
            (Errno::NOTDIR, "see what has this name"),
            (Errno::FBIG, "raise the limit of the size of files"),
            (Errno::MFILE, "raise the limit of open files"),
            (Errno::NFILE, "raise the limit of open files"),
            (Errno::NOMEM, "more memory"),
            (Errno::INVAL, "see to the disk"),
        ];
        for (errno, advice) in cases {
            let error = io::Error::from(errno);
            let said = format!("{error}; ");
            let of_file = OpenError::reading("some.seg", &error).to_string();
            assert!(of_file.contains(&format!("some.seg: {said}")), "{of_file}");
            assert!(of_file.contains(advice), "{of_file}");
            let of_folder = OpenError::making(&error).to_string();
            assert!(of_folder.contains(advice), "{of_folder}");
            let of_any = OpenError::from(error).to_string();
            assert!(of_any.contains(&said) && of_any.contains(advice), "{of_any}");
        }
    }

    #[test]
    fn advice_is_given_once_and_what_a_repair_helps_against_has_its_own() {
        let limit = io::Error::new(io::ErrorKind::FileTooLarge, "too large; raise the limit");
        assert!(OpenError::from(limit).to_string().ends_with(": too large; raise the limit"));
        let unreadable = OpenError::reading("some.seg", &Errno::IO.into());
        assert!(matches!(unreadable, OpenError::Unreadable { .. }), "{unreadable}");
        assert!(unreadable.to_string().contains("--repair"), "{unreadable}");
    }
}
