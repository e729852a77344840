//! Whether a filter of log lines says what it was meant to say.
//!
//! `EnvFilter` takes every word for a target: `inof` asks for all lines of a crate of that name,
//! and so for none. Here a word that is no level is refused, and so is a target that is nearly
//! ours.

use thiserror::Error;
use tracing_subscriber::EnvFilter;

use super::SPANS;

/// The levels, by the names that people read. `EnvFilter` takes numbers too, which go in the other
/// direction than those of most programs; they are refused.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// The crate of the server, in the targets of its lines.
const OWN: &str = "fanfare";
/// The library that connects to the brokers of a shared log, in the targets of its lines.
const NATS_CLIENT: &str = "async_nats";
/// How many letters may differ before a target is taken for that of another crate.
const MISSPELT_MAX: usize = 2;
/// The parts that lines of ours come from.
const PARTS: [&str; 32] = [
    "admin",
    "app",
    "auth",
    "clock",
    "config",
    "data_folder",
    "delivery",
    "demo",
    "embed",
    "event",
    "file_limit",
    "fuzzing",
    "greeting",
    "health_check",
    "http",
    "hub",
    "jwks",
    "lifecycle",
    "listeners",
    "log",
    "logging",
    "memory",
    "memory_limit",
    "metrics",
    "reload",
    "signals",
    "sockets",
    "supervisor",
    "tls",
    "top",
    "topic",
    "trace",
];

/// Why a filter is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FilterError {
    /// There is nothing in it.
    #[error("is empty; write a level, such as info")]
    Empty,
    /// A word alone is no level.
    #[error(
        "`{0}` is no level; the levels are {levels}; for one part of the program write it such as fanfare::http=debug",
        levels = LEVELS.join(", ")
    )]
    NoLevel(String),
    /// What follows `=` is no level.
    #[error(
        "`{directive}`: `{level}` is no level; the levels are {levels}, such as in {target}=debug",
        levels = LEVELS.join(", ")
    )]
    NoLevelFor {
        /// The whole directive.
        directive: String,
        /// What stands before `=`.
        target: String,
        /// What stands behind it.
        level: String,
    },
    /// The target is ours but for a letter.
    #[error(
        "`{0}` is no part of the program; the server's own lines are had with fanfare, such as fanfare=debug"
    )]
    Misspelt(String),
    /// The target is ours, but there is no such part.
    #[error(
        "`{0}` is no part of the server, such as fanfare::http is; its parts are {parts}",
        parts = PARTS.join(", ")
    )]
    NoPart(String),
    /// It is written in a way that cannot be read.
    #[error("cannot be read ({0}); write a level or a filter, such as info,fanfare::http=debug")]
    Unreadable(String),
}

/// The filter without white space and empty entries, when all of it means something.
///
/// # Errors
/// Names the entry that means nothing, and what to write.
pub fn check_filter(text: &str) -> Result<String, FilterError> {
    let directives: Vec<&str> =
        text.split(',').map(str::trim).filter(|directive| !directive.is_empty()).collect();
    for directive in &directives {
        check(directive)?;
    }
    let filter = directives.join(",");
    if filter.is_empty() {
        return Err(FilterError::Empty);
    }
    EnvFilter::try_new(&filter).map_err(|error| FilterError::Unreadable(error.to_string()))?;
    Ok(filter)
}

/// The filter as it is applied. What the client of NATS says at `info` (each connection, also those that are only
/// tried) a line of ours says where it matters; at other levels it is as it was asked for.
pub(super) fn with_quiet_client(filter: &str) -> String {
    let asks = |directive: &str| directive.eq_ignore_ascii_case("info");
    let names = |directive: &str| directive.starts_with(NATS_CLIENT);
    if filter.split(',').any(names) || !filter.split(',').any(asks) {
        return filter.to_owned();
    }
    format!("{filter},{NATS_CLIENT}=warn")
}

/// One directive: `level`, `target=level`, `target[span]=level` or `target[span]`.
fn check(directive: &str) -> Result<(), FilterError> {
    let (target, level) = match directive.rsplit_once('=') {
        Some((target, level)) if !level.contains(']') => (target, Some(level)),
        _ if directive.contains('[') => (directive, None),
        _ if is_level(directive) => return Ok(()),
        _ => return Err(FilterError::NoLevel(directive.to_owned())),
    };
    if let Some(level) = level.filter(|level| !is_level(level)) {
        let (directive, level) = (directive.to_owned(), level.to_owned());
        return Err(FilterError::NoLevelFor { directive, target: target.to_owned(), level });
    }
    check_target(target.split('[').next().unwrap_or_default())
}

fn is_level(word: &str) -> bool {
    LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level))
}

/// A filter holds for all targets that begin with its own.
fn check_target(target: &str) -> Result<(), FilterError> {
    if SPANS.starts_with(target) {
        return Ok(());
    }
    let (own, rest) = target.split_once("::").unwrap_or((target, ""));
    if own != OWN {
        let near = strsim::damerau_levenshtein(&own.to_ascii_lowercase(), OWN) <= MISSPELT_MAX;
        return if near { Err(FilterError::Misspelt(target.to_owned())) } else { Ok(()) };
    }
    let part = rest.split("::").next().unwrap_or_default();
    let whole = rest.contains("::");
    let is_part = |known: &str| if whole { known == part } else { known.starts_with(part) };
    if PARTS.into_iter().any(is_part) {
        return Ok(());
    }
    Err(FilterError::NoPart(target.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_targets_and_spans_are_taken_without_the_white_space() {
        let cases = [
            ("info", "info"),
            (" WARN\n", "WARN"),
            ("off", "off"),
            ("info, fanfare=debug,", "info,fanfare=debug"),
            ("fanfare::http=debug,h2=info", "fanfare::http=debug,h2=info"),
            ("fanfare::http::accept=Trace", "fanfare::http::accept=Trace"),
            ("fanfare::trace=debug", "fanfare::trace=debug"),
            ("hyper_util=trace", "hyper_util=trace"),
            ("fanfare[request]=debug", "fanfare[request]=debug"),
            ("[request]", "[request]"),
        ];
        for (text, expected) in cases {
            assert_eq!(check_filter(text).as_deref(), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        let cases = [
            ("", "such as info"),
            (" , ", "such as info"),
            ("inof", "the levels are off, error, warn, info, debug, trace"),
            ("verbose", "the levels are"),
            ("0", "`0` is no level"),
            ("info,h2", "`h2` is no level"),
            ("fanfare=degub", "`fanfare=degub`: `degub` is no level"),
            ("fanfare=", "`` is no level"),
            ("fanfare=3", "`3` is no level"),
            ("fanfare[request]=loud", "`loud` is no level"),
            ("fanfair=debug", "`fanfair` is no part of the program"),
            ("Fanfare=debug", "`Fanfare` is no part of the program"),
            ("fnafare::http=debug", "such as fanfare=debug"),
            ("fanfare::htpp=debug", "`fanfare::htpp` is no part of the server"),
            ("fanfare::htt::accept=debug", "its parts are admin, app,"),
            ("=?", "`?` is no level"),
            ("fanfare[request=debug", "cannot be read"),
        ];
        for (text, advice) in cases {
            let message = check_filter(text).expect_err(text).to_string();
            assert!(message.contains(advice), "{text:?}: {message}");
        }
    }

    #[test]
    fn the_parts_that_are_known_are_the_modules_of_the_crate() {
        let lib = include_str!("../lib.rs");
        let modules =
            lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
        let mut parts: Vec<&str> = modules.chain(["trace"]).collect();
        parts.sort_unstable();
        assert_eq!(parts, PARTS);
    }

    #[test]
    fn the_client_of_nats_is_quiet_at_info_unless_it_is_asked_for() {
        let cases = [
            ("info", "info,async_nats=warn"),
            ("INFO,fanfare::http=debug", "INFO,fanfare::http=debug,async_nats=warn"),
            ("info,async_nats=debug", "info,async_nats=debug"),
            ("error", "error"),
            ("debug", "debug"),
            ("fanfare=info", "fanfare=info"),
        ];
        for (filter, applied) in cases {
            assert_eq!(with_quiet_client(filter), applied);
        }
    }
}
