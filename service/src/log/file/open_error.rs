//! Why a log is not opened.

use std::io;

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
            false => Self::Disk(format!("{file}: {error}")),
        }
    }
}
