//! Everything that can be wrong with settings, each with the next step in its message.

use std::io;
use std::path::PathBuf;

/// Why settings make no run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("cannot read the scenario {}: {error}", file.display())]
    ScenarioUnread { file: PathBuf, error: io::Error },
    #[error("the scenario {} is not valid: {why}", file.display())]
    Scenario { file: PathBuf, why: String },
    #[error("there is nothing to subscribe to: give --subscribe URL, or a scenario file")]
    NoTarget,
    #[error("the URL {url:?} cannot be used: {why}")]
    Url { url: String, why: String },
    #[error("{0:?} is not a --source: write IP, IP-IP or IP/BITS of IPv4")]
    Source(String),
    #[error(
        "{0} is not a loopback address. Load on somebody else's server is an attack: if it is yours, \
         say so with --i-own-this-target"
    )]
    NotLoopback(String),
    #[error(
        "{what} {requested} is above the limit of {bound}; if it is meant, raise the limit with {flag}"
    )]
    Bound { what: &'static str, requested: String, bound: String, flag: &'static str },
    #[error("{name} {value} is out of range: {range}")]
    Range { name: &'static str, value: String, range: String },
    #[error("{0}")]
    Conflict(&'static str),
    #[error("the secret in {} cannot be used: {why}; give the file that the server has", file.display())]
    Secret { file: PathBuf, why: String },
    #[error("header {0:?} is not of the form NAME: VALUE, in one line of ASCII")]
    Header(String),
    #[error("--http {0:?} is not supported: write 1.1 or 2")]
    Version(String),
    #[error("{0:?} is not a popularity: write uniform or zipf:EXPONENT, such as zipf:1.1")]
    Popularity(String),
    #[error("--publish-command cannot be read: {0}")]
    Command(String),
}
