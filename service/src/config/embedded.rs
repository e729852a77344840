//! The settings of a server inside of another program.
//!
//! They are what that program says and what is in the file that it names: neither its command line, nor
//! the variables and the sockets that the process was started with. What is the process's own, such as
//! its log lines, is no setting of such a server.

use std::ffi::{OsStr, OsString};
use std::fmt;

use clap::CommandFactory as _;
use thiserror::Error;

use super::config_file::{ConfigFile, advice};
use super::resolve::Network;
use super::{Cli, Config, ConfigError, ReadFor, Task, UsageError, environment, settings};
use crate::memory_limit::MemoryLimit;

/// The program has a subscriber of `tracing` of its own.
const OF_PROCESS: [&str; 4] = ["log-level", "log-format", "otlp-endpoint", "trace-sample"];
/// The key of the name of the file, which is none in it.
const CONFIG_FILE: &str = "config";
const ADMIN_LISTEN: &str = "admin-listen";
const DEMOS: &str = "demos";

/// Why a program cannot have a server with these settings.
#[derive(Debug, Error)]
pub enum EmbeddedSettingsError {
    #[error("there is no setting `{key}`{advice}")]
    Unknown { key: String, advice: String },
    /// It would change what is the program's.
    #[error(
        "`{key}` is nothing that a server inside of another program has: its lines go to the subscriber of `tracing` that the program has set; leave it out, and say it there"
    )]
    OfProcess { key: &'static str },
    /// A value or the file cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// Settings do not go together, or the machine does not have what they name.
    #[error(transparent)]
    Unusable(#[from] ConfigError),
}

/// Settings that were given, with their names as in the configuration file.
#[derive(Clone, Default)]
pub(crate) struct EmbeddedSettings {
    line: Vec<OsString>,
    keys: Vec<String>,
}

/// Values may be secrets.
impl fmt::Debug for EmbeddedSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EmbeddedSettings").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl From<UsageError> for EmbeddedSettingsError {
    /// Without what is for people at a command line.
    fn from(error: UsageError) -> Self {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let text = text.replace("For more information, try '--help'.", "");
        Self::Unreadable(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl EmbeddedSettings {
    /// Adds a value; several of one name stand beside one another, where it may have several.
    pub(crate) fn set(&mut self, key: &str, value: &OsStr) {
        let mut flag = OsString::from(format!("--{key}="));
        flag.push(value);
        self.line.push(flag);
        self.keys.push(key.to_owned());
    }

    /// The settings of every part, and what the program should be told of them.
    pub(crate) fn read(mut self) -> Result<(Config, Vec<String>), EmbeddedSettingsError> {
        self.check_keys()?;
        let path = ConfigFile::path(&self.line, None);
        let file = path.map(|path| ConfigFile::read(&path)).transpose();
        let file = file.map_err(UsageError::from)?;
        if let Some(key) = OF_PROCESS.into_iter().find(|key| self.has(key, file.as_ref())) {
            return Err(EmbeddedSettingsError::OfProcess { key });
        }
        let has_admin = self.has(ADMIN_LISTEN, file.as_ref());
        if !self.has(DEMOS, file.as_ref()) {
            self.set(DEMOS, OsStr::new("false"));
        }
        self.line.insert(0, "fanfare".into());
        let memory = MemoryLimit::of_this_process();
        let mut cli = environment::read_with(&self.line, &|_: &OsStr| None, file, memory)?;
        let hints = cli.take_hints();
        let network = Network { inherited: || Ok(None), ..Network::THIS_MACHINE };
        let task = cli.into_task_on(&network, ReadFor::Start)?;
        let Task::Serve(mut config) = task else { unreachable!("flags alone are of a server") };
        if !has_admin {
            config.admin_listen.clear();
        }
        config.owns_process = false;
        Ok((*config, hints))
    }

    fn check_keys(&self) -> Result<(), EmbeddedSettingsError> {
        let command = Cli::command();
        let is_known = |key: &str| {
            key == CONFIG_FILE || settings::settings(&command).any(|(_, known)| known == key)
        };
        match self.keys.iter().find(|key| !is_known(key)) {
            Some(key) => Err(EmbeddedSettingsError::Unknown {
                key: key.clone(),
                advice: advice(key, &command),
            }),
            None => Ok(()),
        }
    }

    fn has(&self, key: &str, file: Option<&ConfigFile>) -> bool {
        let in_file =
            |file: &ConfigFile| file.values_for(settings::variable_of(key).as_ref()).is_some();
        self.keys.iter().any(|given| given == key) || file.is_some_and(in_file)
    }
}
