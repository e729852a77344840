//! The commands about a data folder that no server has.

use std::path::PathBuf;

use clap::builder::EnumValueParser;
use clap::{Args, Subcommand, ValueEnum};

use super::values::Trimmed;

/// What is to be done with a data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataCommand {
    pub folder: PathBuf,
    pub action: DataAction,
}

/// What can be done with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataAction {
    /// Reads all of it, and says what is wrong.
    Check,
    /// Says what is in it.
    Stat(StatFormat),
    /// Prints its events as they can be published again.
    Export,
}

/// How what is in a folder is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatFormat {
    /// Text in columns, for people.
    Text,
    /// One object of JSON, for programs.
    Json,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum DataSubcommand {
    /// Read all of a data folder, and print what is damaged and where: exit code 0 if nothing is, and 1
    /// if something is. Nothing is changed
    Check(FolderArgument),
    /// Print what is in a data folder: how many events, from when to when, and what they take
    Stat {
        #[command(flatten)]
        folder: FolderArgument,
        /// Format of what is printed
        #[arg(long, ignore_case = true, default_value = "text",
              value_parser = Trimmed(EnumValueParser::<StatFormat>::new()))]
        format: StatFormat,
    },
    /// Print the events of a data folder as NDJSON that POST /events takes
    Export(FolderArgument),
}

#[derive(Args, Clone, Debug)]
pub(super) struct FolderArgument {
    /// Data folder, as in --data-dir, of a server that has ended
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl DataSubcommand {
    pub(super) fn into_task(self) -> DataCommand {
        let (FolderArgument { folder }, action) = match self {
            Self::Check(folder) => (folder, DataAction::Check),
            Self::Stat { folder, format } => (folder, DataAction::Stat(format)),
            Self::Export(folder) => (folder, DataAction::Export),
        };
        DataCommand { folder, action }
    }
}
