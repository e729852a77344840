//! Where retained events are kept, and how durably.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::Args;

use super::bytes;
use crate::config::DataFolder;
use crate::config::values::{LARGEST, size, sync_mode};
use crate::log::SyncMode;

/// Less could not hold what a slow consumer may lag behind.
const MEMORY_MIN: u64 = 16 << 20;

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
    #[arg(long, env = "FANFARE_SYNC", value_name = "MODE", requires = "data_dir",
          value_parser = sync_mode, default_value = "always")]
    sync: SyncMode,
    /// How much memory the newest of the retained events may take, with their index; older ones are
    /// read from the data folder
    #[arg(long, env = "FANFARE_RETAIN_MEMORY", value_name = "SIZE", requires = "data_dir",
          value_parser = size(MEMORY_MIN..=LARGEST, "256MiB"), default_value = "256MiB")]
    retain_memory: ByteSize,
}

impl DataFlags {
    pub(super) fn folder(&self) -> Option<DataFolder> {
        let path = self.data_dir.clone()?;
        Some(DataFolder { path, sync: self.sync, memory_max: bytes(self.retain_memory) })
    }
}
