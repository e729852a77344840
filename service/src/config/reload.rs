//! Reading the settings again, while the server runs.
//!
//! The command line and the environment of a process do not change, so what can is the configuration
//! file and the files that settings name. Settings that only a restart changes keep the values that
//! they have, and are named: a listener that is open stays what it is, and so do the rules that
//! follow from it.

use std::ffi::{OsStr, OsString};
use std::fmt;

use thiserror::Error;

use super::config_file::ConfigFile;
use super::resolve::Network;
use super::{Cli, Config, ConfigError, ReadFor, Task, UsageError, environment, settings};
use crate::memory_limit::MemoryLimit;

/// Reads the settings of this process again.
#[derive(Clone)]
pub struct SettingsReader {
    line: Vec<OsString>,
    /// The file as it was at the start.
    start: Option<ConfigFile>,
    /// What limits were fitted to then.
    memory: Option<MemoryLimit>,
}

/// A command line may hold secrets.
impl fmt::Debug for SettingsReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SettingsReader").field("start", &self.start).finish_non_exhaustive()
    }
}

/// Settings that were read again.
#[derive(Clone, Debug)]
pub struct Reloaded {
    /// What is to be in force.
    pub config: Box<Config>,
    /// Keys of the file with another value than at the start that needs a restart.
    pub need_restart: Vec<String>,
}

/// Why the settings that are there cannot be used. Nothing changes then.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The configuration file cannot be read, or a value of it.
    #[error("{0}")]
    Unreadable(String),
    /// A setting cannot be used.
    #[error(transparent)]
    Unusable(ConfigError),
    /// A setting cannot be used together with those that keep the values that they have.
    #[error("{error}; these have changed in the file, and need a restart: {}", .need_restart.join(", "))]
    NeedsRestart {
        /// What does not go together.
        error: ConfigError,
        /// Their keys.
        need_restart: Vec<String>,
    },
}

impl SettingsReader {
    /// For the process whose settings were read.
    pub(super) fn new(
        line: Vec<OsString>,
        start: Option<ConfigFile>,
        memory: Option<MemoryLimit>,
    ) -> Self {
        Self { line, start, memory }
    }

    /// Reads everything again. It reads files and looks up names, so it may take its time.
    ///
    /// # Errors
    /// Says what is wrong with the new settings.
    pub fn read(&self) -> Result<Reloaded, ReloadError> {
        let variable = |name: &OsStr| std::env::var_os(name);
        self.read_with(&variable)
    }

    fn read_with(
        &self,
        variable: &impl Fn(&OsStr) -> Option<OsString>,
    ) -> Result<Reloaded, ReloadError> {
        let unreadable = |error: UsageError| ReloadError::Unreadable(error.to_string());
        let path = ConfigFile::path(&self.line, variable(OsStr::new("FANFARE_CONFIG")));
        let file = path.map(|path| ConfigFile::read(&path)).transpose();
        let file = file.map_err(|error| unreadable(error.into()))?;
        // What will not be in force has to be readable, too: the next start reads it. Not more than
        // that, because files that settings name are read once.
        environment::read_with(&self.line, variable, file.clone(), self.memory)
            .map_err(unreadable)?;
        let mut need_restart = Vec::new();
        let file = file.map(|file| {
            let (file, changed) = file.pinned_to(self.start.as_ref(), settings::is_reloaded);
            need_restart = changed;
            file
        });
        let cli = environment::read_with(&self.line, variable, file, self.memory);
        let cli = cli.map_err(unreadable)?;
        let task = cli.into_task_on(&Network::THIS_MACHINE, ReadFor::Reload).map_err(|error| {
            match &*need_restart {
                [] => ReloadError::Unusable(error),
                _ => ReloadError::NeedsRestart { error, need_restart: need_restart.clone() },
            }
        });
        match task? {
            Task::Serve(config) => Ok(Reloaded { config, need_restart }),
            _ => Err(ReloadError::Unreadable("this process is no server".to_owned())),
        }
    }
}

impl Cli {
    /// What reads the settings again.
    #[must_use]
    pub fn reader(&self) -> SettingsReader {
        let (memory, _) = self.memory.summary();
        SettingsReader::new(std::env::args_os().collect(), self.file.clone(), memory)
    }
}
