//! Where retained events are kept, and how durably.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{ArgAction, Args};

use super::bytes;
use crate::config::values::{LARGEST, boolean, size, sync_mode};
use crate::config::{ConfigError, DataFolder};
use crate::log::SyncMode;

/// Less could not hold what a slow consumer may lag behind.
const MEMORY_MIN: u64 = 16 << 20;
const MEMORY_DEFAULT: ByteSize = ByteSize::mib(256);

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Durability")]
pub(super) struct DataFlags {
    /// Folder that retained events are kept in, so that they survive a restart, and the end of the
    /// process at any moment; made if it is missing. Without it they are kept in memory
    #[arg(long, env = "FANFARE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// When events are synced to the disk. always: before they are confirmed and delivered, so that
    /// they survive a power failure; interval=100ms: so long after that at the latest; never: when
    /// the system decides to
    #[arg(long, env = "FANFARE_SYNC", value_name = "MODE",
          value_parser = sync_mode, default_value = "always")]
    sync: SyncMode,
    /// How much memory the newest of the retained events may take, with their index; older ones are
    /// read from the data folder
    #[arg(long, env = "FANFARE_RETAIN_MEMORY", value_name = "SIZE",
          value_parser = size(MEMORY_MIN..=LARGEST, "256MiB"), default_value = "256MiB")]
    pub(super) retain_memory: ByteSize,
    /// Make a data folder usable that was refused as corrupt: events that cannot be read are left out,
    /// and clients are told of a gap. Reads all of it, so leave it out again
    #[arg(long, env = "FANFARE_REPAIR", value_name = "BOOL", num_args = 0..=1,
          action = ArgAction::Set, value_parser = boolean,
          default_value_t = false, default_missing_value = "true")]
    repair: bool,
}

impl DataFlags {
    /// A shared log is nowhere but in memory and with its brokers.
    pub(super) fn check_beside(&self, is_shared: bool) -> Result<(), ConfigError> {
        let flags = [
            ("--data-dir", self.data_dir.is_some()),
            ("--retain-memory", self.retain_memory != MEMORY_DEFAULT),
        ];
        match flags.into_iter().find(|(_, is_given)| is_shared && *is_given) {
            Some((flag, _)) => Err(ConfigError::TwoLogs { flag }),
            None => Ok(()),
        }
    }

    /// The folder, if there is one. What is said of it without one would promise what does not hold;
    /// the default says nothing.
    pub(super) fn folder(&self) -> Result<Option<DataFolder>, ConfigError> {
        let Some(path) = self.data_dir.clone() else {
            let flags = [
                ("--sync", self.sync != SyncMode::Always),
                ("--retain-memory", self.retain_memory != MEMORY_DEFAULT),
                ("--repair", self.repair),
            ];
            return match flags.into_iter().find(|(_, is_given)| *is_given) {
                Some((flag, _)) => Err(ConfigError::NoDataFolder { flag }),
                None => Ok(None),
            };
        };
        let (sync, memory_max) = (self.sync, bytes(self.retain_memory));
        Ok(Some(DataFolder { path, sync, memory_max, repair: self.repair }))
    }
}
