//! Why a log is not opened.

use thiserror::Error;

/// Why a log is not opened.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OpenError {
    /// The disk does not do what it is told to.
    #[error("the folder cannot be read or written: {0}")]
    Disk(String),
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
