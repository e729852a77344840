//! Flags, environment variables and the configuration file, and what they mean for each part.
//!
//! Only this folder knows their names. Every setting is a flag, a variable `FANFARE_…` and a key of
//! the file; a flag wins, then a variable, and an empty variable is one that is not set. Everything
//! is checked here, before anything is built, and every complaint names the flag.

#![allow(rustdoc::bare_urls, reason = "the comments of flags are their help, which is no Markdown")]

mod commands;
mod config_error;
mod config_file;
mod data_commands;
mod embedded;
mod environment;
mod files;
mod flags;
mod generated;
mod in_force;
mod memory_fit;
mod reload;
mod renamed;
mod resolve;
mod settings;
mod token_commands;
mod top_command;
mod values;

pub use commands::{HealthCheck, ListFormat};
pub use config_error::ConfigError;
pub use data_commands::{DataAction, DataCommand, StatFormat};
pub(crate) use embedded::EmbeddedSettings;
pub use embedded::EmbeddedSettingsError;
pub use environment::UsageError;
pub use reload::{ReloadError, Reloaded, SettingsReader};
pub use token_commands::NewSecret;
pub use top_command::TopSettings;

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{CommandFactory as _, Parser, Subcommand};
use url::Url;

use crate::admin::AdminRules;
use crate::auth::Authority;
use crate::auth::admin_token::AdminToken;
use crate::auth::ticket::TicketKey;
use crate::auth::token::Secret;
use crate::delivery::DeliverySettings;
use crate::event::EventLimits;
use crate::file_limit::FileNeeds;
use crate::http::{HttpSettings, OriginPolicy, RequestRules, ServedHosts, TokenPlaces};
use crate::log::{FileLogSettings, KeptSettings, MemoryLogSettings, NatsLogSettings, SyncMode};
use crate::logging::{LogFormat, LoggingSettings};
use crate::memory_limit::MemoryLimit;
use crate::sockets::InheritedSockets;
use crate::tls::CertificateStore;
use commands::{ConfigFlags, HealthcheckFlags, MetricsFlags};
use config_file::ConfigFile;
use data_commands::DataSubcommand;
use flags::ServeFlags;
use generated::{CompletionsFlags, ManPagesFlags};
use memory_fit::MemoryFit;
use resolve::Network;
use token_commands::{SecretFlags, TokenCommandFlags};
use top_command::TopFlags;

const AFTER_HELP: &str = "\
Every flag can be given as an environment variable, shown in brackets, and in the file of --config, as its name without the dashes: `retain-events = 5000`. A flag wins, then a variable, and an empty variable is one that is not set.

TIME   15s, 500ms or 1h30m; the unit has to be there
SIZE   256KiB, 4MiB or 1GiB, of 1024; 256KB, 4MB, 1GB or 256k, 4M, 1G, of 1000; 262144 is in bytes
N      digits only, such as 100000
BOOL   true or false, yes or no, on or off, 1 or 0
0      no limit, never or off, or what is said at the flag; where nothing is said it is refused

Limits of memory that are not given are lowered where the container or the machine has less than a GiB; `fanfare config` shows them.

SIGTERM or SIGINT closes all streams over the drain window and ends; a second one ends at once. SIGHUP reads the file of --config and the files with keys and certificates again; `fanfare config --list` says which settings it changes.

Exit codes: 0 ended as it was told to, or healthy, or settings that can be used (check-config); 1 not healthy (healthcheck), not to be watched (top), not written (secret), or damaged (data check; data export, if events may be lost); 64 the settings or the machine do not allow a start; 130 or 143 told to end twice.";

/// Pushes events to very many HTTP clients at once, over Server-Sent Events.
#[derive(Debug, Parser)]
#[command(
    name = "fanfare",
    version,
    about,
    args_conflicts_with_subcommands = true,
    after_help = AFTER_HELP
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeFlags,
    /// What an operator should know of what was given: old names, and limits that do not fit.
    #[arg(skip)]
    hints: Vec<String>,
    /// The settings that are in force, for the command that prints them.
    #[arg(skip)]
    in_force: String,
    /// The configuration file.
    #[arg(skip)]
    file: Option<ConfigFile>,
    /// Limits that were fitted to the memory that there is.
    #[arg(skip)]
    memory: MemoryFit,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server; the same as no command at all
    Serve(Box<ServeFlags>),
    /// Check the settings as a start would, and start nothing
    CheckConfig(Box<ServeFlags>),
    /// Print the settings that are in force and where each comes from, as a configuration file;
    /// secrets are hidden
    Config(Box<ConfigFlags>),
    /// Check a running server: exit code 0 if it is healthy, and 1 if not. For containers and
    /// service managers: it needs no shell and no other program
    Healthcheck(HealthcheckFlags),
    /// Show a running server in the terminal: streams, rates, lag, limits, the slowest clients; as text
    /// with --once, as JSON with --json
    Top(TopFlags),
    /// Print the metrics that this version has
    Metrics(MetricsFlags),
    /// Make a random secret that tokens can be signed with
    Secret(SecretFlags),
    /// Make a token, signed with the secret of the server: of draft-07 with --jwt-secret-file, of 1.0
    /// with --issuer, --issuer-secret-file and --public-url
    Token(Box<TokenCommandFlags>),
    /// Check, describe or export a data folder whose server has ended
    #[command(subcommand)]
    Data(DataSubcommand),
    /// Print what makes a shell complete commands and flags
    Completions(CompletionsFlags),
    /// Write a man page for each command
    #[command(hide = true)]
    ManPages(ManPagesFlags),
}

/// What the program was started for.
#[derive(Clone, Debug)]
pub enum Task {
    /// To run the server until it is asked to end.
    Serve(Box<Config>),
    /// To check the settings alone; they can be used.
    CheckConfig,
    /// To print text: settings that are in force or all that there are, or completions.
    Print(String),
    /// To write man pages to a folder.
    WriteManPages(PathBuf),
    /// To check a running server.
    HealthCheck(HealthCheck),
    /// To show a running server.
    Top(TopSettings),
    /// To print which metrics there are.
    ListMetrics(ListFormat),
    /// To make a secret.
    MakeSecret(NewSecret),
    /// To print a token.
    PrintToken(Secret),
    /// To look into a data folder.
    Data(DataCommand),
}

/// The settings of every part.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses of the public listeners.
    pub listen: Vec<SocketAddr>,
    /// Paths of the public unix sockets.
    pub listen_unix: Vec<PathBuf>,
    /// Sockets that a supervisor has opened, in the place of all of these.
    pub inherited: Option<Arc<InheritedSockets>>,
    /// Addresses of the admin listener.
    pub admin_listen: Vec<SocketAddr>,
    /// What opens those parts of it that are not for everybody.
    pub admin_tokens: Vec<AdminToken>,
    /// Whether other machines can reach a public listener that has no keys.
    pub open_to_network: bool,
    /// Who decides what a request may do.
    pub authority: Authority,
    /// Where tokens are looked for.
    pub token_places: TokenPlaces,
    /// What tickets are sealed with.
    pub ticket_keys: Vec<TicketKey>,
    /// How many tickets are remembered.
    pub tickets_max: usize,
    /// The most memory that the lists of the events which streams begin with may take together, in bytes.
    pub partial_replay_bytes_max: usize,
    /// What the public TCP listeners are secured with, if they are.
    pub certificates: Option<Arc<CertificateStore>>,
    /// The URLs by which clients know the hub.
    pub public_urls: Vec<Url>,
    /// What active subscriptions may take in memory, in bytes; `None` where nobody is told of them.
    pub subscriptions_bytes_max: Option<usize>,
    /// Whether the demonstrations are served.
    pub demos: bool,
    /// The hosts that are served.
    pub hosts: ServedHosts,
    /// The origins whose pages may subscribe and publish.
    pub origins: OriginPolicy,
    /// Delivery threads, heartbeats and backpressure.
    pub delivery: DeliverySettings,
    /// What the event log retains.
    pub log: MemoryLogSettings,
    /// What of some topics is retained beyond that.
    pub kept: KeptSettings,
    /// Where it is kept; `None` for in memory.
    pub data: Option<DataFolder>,
    /// The stream that it is, where servers share it.
    pub nats: Option<NatsLogSettings>,
    /// The limits of one event.
    pub event_limits: EventLimits,
    /// The limits of connections and requests.
    pub http: HttpSettings,
    /// The most connections; `None` for 90 % of the file limit. What the server's own files leave is the most
    /// in any case.
    pub connections_max: Option<usize>,
    /// Streams are closed over this time in a drain.
    pub drain_window: Duration,
    /// Diagnostic log lines, and traces.
    pub logging: LoggingSettings,
    /// The memory that the process may take, and what was fitted to it.
    pub memory: FittedMemory,
    /// The process is this server's alone: its file limit is raised, and its supervisor is told.
    pub owns_process: bool,
}

/// The memory that the process may take.
#[derive(Clone, Debug, Default)]
pub struct FittedMemory {
    /// `None` where the system does not tell.
    pub limit: Option<MemoryLimit>,
    /// The settings that were fitted to it, as a log line shows them; empty if none were.
    pub settings: String,
}

/// Where retained events are kept, and how durably.
#[derive(Clone, Debug)]
pub struct DataFolder {
    pub path: PathBuf,
    /// When they are synced to the disk.
    pub sync: SyncMode,
    /// What the newest of them may take in memory, in bytes.
    pub memory_max: usize,
    /// What cannot be read is to be left out.
    pub repair: bool,
}

impl DataFolder {
    /// The settings of the log in it, with the bounds of what is retained.
    pub(crate) fn log_settings(&self, retained: &MemoryLogSettings) -> FileLogSettings {
        FileLogSettings {
            events_max: retained.events_max,
            bytes_max: retained.bytes_max as u64,
            age_max: retained.age_max,
            memory_max: self.memory_max,
            sync: self.sync,
        }
    }
}

/// What settings are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadFor {
    Start,
    /// Of a server that runs. Its certificate has an exchange of its own, which keeps the one that is
    /// served where the files cannot be used: an expired one is not to keep keys from being exchanged.
    Reload,
}

impl Config {
    /// What requests to the admin listener go by.
    pub(crate) fn admin_rules(&self) -> AdminRules {
        AdminRules { tokens: self.admin_tokens.clone(), hosts: self.hosts.named.clone() }
    }

    /// By how much the server needs files of its own.
    pub(crate) fn file_needs(&self) -> FileNeeds {
        let own = || self.listen.len() + self.listen_unix.len();
        FileNeeds {
            listeners: self.inherited.as_ref().map_or_else(own, |sockets| sockets.count()),
            admin_listeners: self.admin_listen.len(),
            shards: self.delivery.shards,
            has_data_folder: self.data.is_some(),
            has_brokers: self.nats.is_some(),
            sends_traces: self.logging.traces.is_some(),
        }
    }

    /// What requests go by, with as many connections as the machine allows.
    pub(crate) fn request_rules(&self, connections_max: usize) -> RequestRules {
        RequestRules {
            authority: self.authority.clone(),
            token_places: self.token_places.clone(),
            ticket_keys: self.ticket_keys.clone(),
            hosts: self.hosts.clone(),
            origins: self.origins.clone(),
            event_limits: self.event_limits,
            settings: HttpSettings { connections_max, ..self.http.clone() },
        }
    }
}

impl Cli {
    /// Reads the command line and the environment of this process.
    ///
    /// # Errors
    /// Names the flag that cannot be read and what to write; also when help or the version is
    /// requested.
    pub fn read() -> Result<Self, UsageError> {
        let variable = |name: &OsStr| std::env::var_os(name);
        let memory = MemoryLimit::of_this_process();
        environment::read(&std::env::args_os().collect::<Vec<_>>(), &variable, memory)
    }

    /// Writes a man page for the program and one for each of its commands.
    ///
    /// # Errors
    /// When the folder or a file cannot be written.
    pub fn write_man_pages(folder: &Path) -> io::Result<()> {
        generated::write_man_pages(Self::command(), folder)
    }

    /// A line for each flag or variable that was given by the name of an earlier version, and one if the
    /// limits of memory come to more than there is.
    #[must_use]
    pub fn take_hints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.hints)
    }

    /// How log lines look, if a server is what is wanted; other commands write for people.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        match &self.command {
            None => self.serve.log_format(),
            Some(Command::Serve(flags)) => flags.log_format(),
            Some(_) => LogFormat::Text,
        }
    }

    /// Checks everything, looks up the names of hosts, and sorts it by part.
    ///
    /// # Errors
    /// Names the first flag that cannot be used, and what would do.
    pub fn into_task(self) -> Result<Task, ConfigError> {
        self.into_task_on(&Network::THIS_MACHINE, ReadFor::Start)
    }

    fn into_task_on(self, network: &Network, purpose: ReadFor) -> Result<Task, ConfigError> {
        let issuers = self.file.as_ref().map(ConfigFile::issuers).unwrap_or_default();
        let fit = &self.memory;
        let flags = match self.command {
            Some(Command::Serve(flags)) => *flags,
            Some(Command::CheckConfig(flags)) => {
                flags.fitted(fit).into_config(network, issuers, purpose)?;
                return Ok(Task::CheckConfig);
            }
            Some(Command::Config(flags)) => {
                let list = flags.lists.map(|format| format.of(&Self::command()));
                return Ok(Task::Print(list.unwrap_or(self.in_force)));
            }
            Some(Command::Healthcheck(flags)) => {
                return Ok(Task::HealthCheck(flags.into_check(network)?));
            }
            Some(Command::Top(flags)) => return Ok(Task::Top(flags.into_settings()?)),
            Some(Command::Metrics(flags)) => return Ok(Task::ListMetrics(flags.format)),
            Some(Command::Secret(flags)) => return Ok(Task::MakeSecret(flags.into_task())),
            Some(Command::Token(flags)) => return Ok(Task::PrintToken(flags.into_token()?)),
            Some(Command::Data(command)) => return Ok(Task::Data(command.into_task())),
            Some(Command::Completions(flags)) => {
                return Ok(Task::Print(flags.script(&Self::command())));
            }
            Some(Command::ManPages(flags)) => return Ok(Task::WriteManPages(flags.folder)),
            None => self.serve,
        };
        let mut config = flags.fitted(fit).into_config(network, issuers, purpose)?;
        let (limit, settings) = fit.summary();
        config.memory = FittedMemory { limit, settings };
        Ok(Task::Serve(Box::new(config)))
    }
}

#[cfg(test)]
mod tests;
