//! Variables of the environment and the configuration file, beside the command line.
//!
//! clap takes an empty variable for an empty value. Compose files and unit files set variables to
//! nothing when they mean to leave a setting alone, so here an empty variable is one that is not
//! set. And clap complains about the flag only, also where the value came from a variable.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write as _};

use clap::builder::{OsStr as ClapStr, Resettable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, CommandFactory as _, Error, FromArgMatches as _};

use super::config_file::{ConfigFile, ConfigFileError};
use super::memory_fit::MemoryFit;
use super::{Cli, in_force, renamed};
use crate::memory_limit::MemoryLimit;

/// Values of these kinds may begin with a hyphen where a negative one is tried; their own parsers
/// say better than clap what is wrong with it.
const NUMBERS: [&str; 5] = ["N", "SIZE", "TIME", "RATIO", "MIN..MAX"];

/// A command line that is not run: it cannot be read, or help is requested.
#[derive(Debug)]
pub struct UsageError {
    error: Error,
    /// Where the value comes from, if not from the command line.
    origin: Option<String>,
}

impl UsageError {
    /// Whether something is wrong; otherwise help or the version was requested.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.error.use_stderr()
    }

    /// Prints help on standard output, or what is wrong on standard error.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self) -> io::Result<()> {
        self.error.print()?;
        match &self.origin {
            Some(origin) => writeln!(io::stderr(), "\n{origin}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)?;
        self.origin.as_ref().map_or(Ok(()), |origin| f.write_str(origin))
    }
}

impl From<ConfigFileError> for UsageError {
    fn from(error: ConfigFileError) -> Self {
        Self { error: Error::raw(ErrorKind::ValueValidation, format!("{error}\n")), origin: None }
    }
}

/// Reads a command line, with the variables that this function knows and the configuration file that
/// one of them names, for a process that may take so much memory.
pub(super) fn read(
    line: &[OsString],
    variable: &impl Fn(&OsStr) -> Option<OsString>,
    memory: Option<MemoryLimit>,
) -> Result<Cli, UsageError> {
    let path = ConfigFile::path(line, variable(OsStr::new("FANFARE_CONFIG")));
    match path.map(|path| ConfigFile::read(&path)).transpose() {
        Ok(file) => read_with(line, variable, file, memory),
        // Whoever asks for help gets it, whatever the file is like.
        Err(error) => match read_with(line, variable, None, memory) {
            Err(help) if !help.is_failure() => Err(help),
            _ => Err(error.into()),
        },
    }
}

/// The same with a file that was read.
pub(super) fn read_with(
    line: &[OsString],
    variable: &impl Fn(&OsStr) -> Option<OsString>,
    file: Option<ConfigFile>,
    memory: Option<MemoryLimit>,
) -> Result<Cli, UsageError> {
    if let Some(file) = &file {
        file.check_keys(&Cli::command())?;
    }
    let mut hints = Vec::new();
    let line = &renamed::with_new_names(line, &mut hints);
    let sources = Sources { variable, file: file.as_ref() };
    let mut command = sources.prepare(Cli::command(), &mut hints);
    let matches = command.try_get_matches_from_mut(line);
    let of_server = matches.as_ref().ok().and_then(of_server);
    let fit = of_server.map(|matches| MemoryFit::of(matches, file.as_ref(), memory));
    let fit = fit.unwrap_or_default();
    let in_force = matches.as_ref().ok().and_then(|matches| {
        let of_command = matches.subcommand_matches("config")?;
        Some(in_force::list(command.find_subcommand("config")?, of_command, file.as_ref(), &fit))
    });
    let cli = matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    let mut cli =
        cli.map_err(|error| UsageError { origin: sources.origin(&error, &command, line), error })?;
    // The commands share their variables.
    hints.sort_unstable();
    hints.dedup();
    hints.extend(fit.warning().map(str::to_owned));
    cli.hints = hints;
    cli.memory = fit;
    cli.in_force = in_force.unwrap_or_default();
    cli.file = file;
    Ok(cli)
}

/// The settings of a server, if they are what was given.
fn of_server(matches: &ArgMatches) -> Option<&ArgMatches> {
    match matches.subcommand() {
        None => Some(matches),
        Some(("serve" | "check-config" | "config", matches)) => Some(matches),
        Some(_) => None,
    }
}

/// Where values come from that no flag gives.
struct Sources<'a, V> {
    variable: &'a V,
    file: Option<&'a ConfigFile>,
}

impl<V: Fn(&OsStr) -> Option<OsString>> Sources<'_, V> {
    fn is_set(&self, name: &OsStr) -> bool {
        let value = (self.variable)(name);
        value.is_some_and(|value| value.to_str().is_none_or(|text| !text.trim().is_empty()))
    }

    /// The same commands without their empty variables, with those that have an old name, and with
    /// the values of the file for defaults.
    fn prepare(&self, command: clap::Command, hints: &mut Vec<String>) -> clap::Command {
        let command = command.mut_args(|arg| {
            let number = arg
                .get_value_names()
                .is_some_and(|names| names.iter().any(|name| NUMBERS.contains(&name.as_str())));
            let arg = if number { arg.allow_hyphen_values(true) } else { arg };
            let Some(name) = arg.get_env().map(OsStr::to_owned) else { return arg };
            let arg = match self.file.and_then(|file| file.values_for(&name)) {
                // Help shows the defaults of the program, and no secrets.
                Some(values) => arg.default_values(values.to_vec()).hide_default_value(true),
                None => arg,
            };
            match renamed::old_variable(&name, &|name| self.is_set(name), hints) {
                Some(old) => arg.env(ClapStr::from(old)),
                // Also one that clap would find, and this start is not to know.
                None if (std::env::var_os(&name).is_some() || (self.variable)(&name).is_some())
                    && !self.is_set(&name) =>
                {
                    arg.env(Resettable::<ClapStr>::Reset)
                }
                None => arg,
            }
        });
        command.mut_subcommands(|command| self.prepare(command, hints))
    }

    /// Where a value that cannot be read comes from, if no flag gives it.
    fn origin(&self, error: &Error, command: &clap::Command, line: &[OsString]) -> Option<String> {
        let context = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let flag = context(ContextKind::InvalidArg)?.split([' ', '[']).next()?;
        let value = context(ContextKind::InvalidValue)?;
        let given = |word: &OsString| {
            let word = word.to_string_lossy();
            word.split('=').next() == Some(flag)
        };
        if line.iter().any(given) {
            return None;
        }
        let commands = std::iter::once(command).chain(command.get_subcommands());
        let mut args = commands.flat_map(clap::Command::get_arguments);
        let arg = args.find(|arg| arg.get_long() == flag.strip_prefix("--"))?;
        let name = arg.get_env()?;
        if let Some(set) = (self.variable)(name).filter(|_| self.is_set(name)) {
            let holds = set.to_string_lossy().contains(value);
            let name = name.to_string_lossy();
            return holds.then(|| format!("The value is that of the environment variable {name}."));
        }
        let place = self.file?.place_of(name)?;
        Some(format!("The value is that of {place}."))
    }
}
