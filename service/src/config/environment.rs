//! Variables of the environment, beside the command line.
//!
//! clap takes an empty variable for an empty value. Compose files and unit files set variables to
//! nothing when they mean to leave a setting alone, so here an empty variable is one that is not
//! set. And clap complains about the flag only, also where the value came from a variable.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write as _};

use clap::builder::{OsStr as ClapStr, Resettable};
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, Error, FromArgMatches as _};

use super::{Cli, renamed};

/// Values of these kinds may begin with a hyphen where a negative one is tried; their own parsers
/// say better than clap what is wrong with it.
const NUMBERS: [&str; 5] = ["N", "SIZE", "TIME", "RATIO", "MIN..MAX"];

/// A command line that is not run: it cannot be read, or help is requested.
#[derive(Debug)]
pub struct UsageError {
    error: Error,
    variable: Option<String>,
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
        match &self.variable {
            Some(variable) => writeln!(io::stderr(), "\n{}", given_as(variable)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)?;
        self.variable.as_ref().map_or(Ok(()), |variable| f.write_str(&given_as(variable)))
    }
}

fn given_as(variable: &str) -> String {
    format!("The value is that of the environment variable {variable}.")
}

/// Reads a command line, with the variables that this function knows.
pub(super) fn read(
    line: &[OsString],
    variable: &impl Fn(&OsStr) -> Option<OsString>,
) -> Result<Cli, UsageError> {
    let mut hints = Vec::new();
    let line = &renamed::with_new_names(line, &mut hints);
    let mut command = prepare(Cli::command(), variable, &mut hints);
    let matches = command.try_get_matches_from_mut(line);
    let cli = matches.and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    let mut cli = cli.map_err(|error| UsageError {
        variable: origin(&error, &command, line, variable),
        error,
    })?;
    // The commands share their variables.
    hints.sort_unstable();
    hints.dedup();
    cli.hints = hints;
    Ok(cli)
}

/// The same commands without their empty variables, and with those that have an old name.
fn prepare(
    command: clap::Command,
    variable: &impl Fn(&OsStr) -> Option<OsString>,
    hints: &mut Vec<String>,
) -> clap::Command {
    let is_set = |name: &OsStr| {
        variable(name)
            .is_some_and(|value| value.to_str().is_none_or(|text| !text.trim().is_empty()))
    };
    let command = command.mut_args(|arg| {
        let number = arg
            .get_value_names()
            .is_some_and(|names| names.iter().any(|name| NUMBERS.contains(&name.as_str())));
        let arg = if number { arg.allow_hyphen_values(true) } else { arg };
        let Some(name) = arg.get_env() else { return arg };
        match renamed::old_variable(name, &is_set, hints) {
            Some(old) => arg.env(ClapStr::from(old)),
            None if variable(name).is_some() && !is_set(name) => {
                arg.env(Resettable::<ClapStr>::Reset)
            }
            None => arg,
        }
    });
    command.mut_subcommands(|command| prepare(command, variable, hints))
}

/// The variable that a value which cannot be read came from.
fn origin(
    error: &Error,
    command: &clap::Command,
    line: &[OsString],
    variable: &impl Fn(&OsStr) -> Option<OsString>,
) -> Option<String> {
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
    let holds = variable(name)?.to_string_lossy().contains(value);
    holds.then(|| name.to_string_lossy().into_owned())
}
