//! From settings to a hub that runs.

use std::ffi::OsStr;
use std::path::Path;

use thiserror::Error;
use tokio::task::spawn_blocking;

use super::Fanfare;
use crate::app::{App, BuildError};
use crate::config::{EmbeddedSettings, EmbeddedSettingsError};

/// The settings of a hub that is yet to start.
#[derive(Clone, Debug, Default)]
#[must_use = "nothing starts before `start`"]
pub struct FanfareBuilder {
    settings: EmbeddedSettings,
}

/// Why a hub does not start. Its text names the setting and what to do.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct FanfareStartError(#[from] StartProblem);

#[derive(Debug, Error)]
enum StartProblem {
    #[error(transparent)]
    Settings(#[from] EmbeddedSettingsError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("starting has panicked; please report what the panic said")]
    Panicked,
}

impl FanfareBuilder {
    /// Sets what the server has as a flag and as a key of its configuration file, by the name of the key:
    /// `setting("retain-events", "5000")`. Give it several times where it may have several values. The
    /// names of all and their defaults stand in `docs/configuration.md`.
    pub fn setting(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.settings.set(key, value.as_ref());
        self
    }

    /// Reads a configuration file of the server as well; what [`setting`](Self::setting) says goes before
    /// it.
    pub fn config_file(self, path: impl AsRef<Path>) -> Self {
        self.setting("config", path.as_ref())
    }

    /// Opens the log and the listeners, and serves on the tokio runtime of the caller, which has to have
    /// its drivers of I/O and of time, and is best one of several threads. Streams are written by threads
    /// of Fanfare's own, `shards` of them.
    ///
    /// # Errors
    /// A setting is unknown or cannot be used, or the machine does not have what it names: an address, a
    /// folder, a broker.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn start(self) -> Result<Fanfare, FanfareStartError> {
        // Names are looked up, and files are read.
        let built = spawn_blocking(move || {
            let (config, hints) = self.settings.read().map_err(StartProblem::from)?;
            for hint in hints {
                tracing::warn!("{hint}");
            }
            let app = App::build(&config).map_err(StartProblem::from)?;
            Ok((app, config.event_limits))
        });
        let built = built.await.unwrap_or(Err(StartProblem::Panicked));
        let (app, event_limits) = built?;
        Ok(Fanfare::run(app, event_limits))
    }
}
