//! What `fanfare data` does with a data folder that no server has: it reads all of it, and tells.

mod check;
mod export;
mod stat;
mod superseded;
mod tally;

use std::io::{self, Write};

use thiserror::Error;

use crate::config::{DataAction, DataCommand};
use crate::log::{FolderContents, InspectError};

/// Why nothing is told of a folder.
#[derive(Debug, Error)]
pub enum DataFolderError {
    #[error(transparent)]
    Folder(#[from] InspectError),
    #[error("cannot read the folder, or write what is in it: {0}")]
    Io(#[from] io::Error),
}

/// Does what was asked for; whether all is well with the folder.
///
/// # Errors
/// When there is no log to look at, or nothing can be written. Nobody may want to read on, which is none.
pub fn look_into(
    command: &DataCommand,
    output: &mut impl Write,
    notes: &mut impl Write,
) -> Result<bool, DataFolderError> {
    let contents = FolderContents::open(&command.folder)?;
    let done = match command.action {
        DataAction::Check => check::check(&contents, output),
        DataAction::Stat(format) => stat::stat(&contents, format, output),
        DataAction::Export => export::export(&contents, output, notes),
    };
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        done => Ok(done?),
    }
}
