//! What a setting is: a flag of the server, with its variable, its key and whether it is reloaded.

use clap::{Arg, Command};

/// Settings of which SIGHUP applies a new value. What a setting names is read again in any case:
/// files with keys, and secrets.
pub(super) const RELOADED: [&str; 39] = [
    "admin-token-file",
    "host",
    "cors-origin",
    "jwt-secret",
    "jwt-secret-file",
    "jwt-key",
    "jwt-algorithm",
    "publisher-jwt-secret",
    "publisher-jwt-secret-file",
    "publisher-jwt-key",
    "publisher-jwt-algorithm",
    "subscriber-jwt-secret",
    "subscriber-jwt-secret-file",
    "subscriber-jwt-key",
    "subscriber-jwt-algorithm",
    "issuer",
    "issuer-secret",
    "issuer-secret-file",
    "issuer-key",
    "issuer-jwks",
    "issuer-algorithm",
    "anonymous-subscribe",
    "cookie-name",
    "legacy-cookie-name",
    "query-token",
    "explain-tokens",
    "ticket-secret-file",
    "event-data-max",
    "event-topics-max",
    "topic-max",
    "headers-max",
    "headers-timeout",
    "body-max",
    "body-timeout",
    "connections",
    "connections-per-address",
    "http2-streams",
    "retry-on-reject",
    "log-level",
];

/// Whether SIGHUP applies a new value of the setting with this key.
pub(super) fn is_reloaded(key: &str) -> bool {
    RELOADED.contains(&key)
}

/// The settings of a command: the flags that stand below a heading. The one that names the file does
/// not, and those of the command itself do not.
pub(super) fn settings(command: &Command) -> impl Iterator<Item = (&Arg, &str)> {
    let below_heading = command.get_arguments().filter(|arg| arg.get_help_heading().is_some());
    let named = below_heading.filter_map(|arg| Some((arg, arg.get_long()?)));
    named.filter(|(arg, _)| !arg.is_hide_set())
}

/// The variable of a setting, empty or not.
pub(super) fn variable_of(name: &str) -> String {
    format!("FANFARE_{}", name.replace('-', "_").to_ascii_uppercase())
}
