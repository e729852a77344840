//! What is wrong with settings that can be read: they do not go together, or the machine does not have
//! what they name.

use std::net::SocketAddr;

use thiserror::Error;

use crate::log::TooManyRules;
use crate::tls::CertificateError;

/// Settings that cannot be used together, or at all.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Something is said of the data folder, and there is none.
    #[error(
        "{flag} is about the data folder, and there is none; give one with --data-dir, or leave {flag} out"
    )]
    NoDataFolder {
        /// The flag.
        flag: &'static str,
    },
    /// Something is said of brokers, and there are none.
    #[error(
        "{flag} is about the brokers of a shared event log, and there are none; give them with --nats, or leave {flag} out"
    )]
    NoBroker {
        /// The flag.
        flag: &'static str,
    },
    /// The log is to be in two places.
    #[error(
        "{flag} is about a data folder, and with --nats the brokers keep the events, and each server all that is retained in memory; leave one of the two out"
    )]
    TwoLogs {
        /// The flag.
        flag: &'static str,
    },
    /// A log that several servers share has one bound for all.
    #[error(
        "--retain keeps events in the memory of one server, and with --nats all servers have to retain the same, which the limits of the stream say; leave --retain out, or raise --retain-events, --retain-bytes and --retain-age"
    )]
    RulesOfMany,
    /// There are too many rules.
    #[error("--retain: {0}")]
    Rules(TooManyRules),
    /// Each server of a cluster would publish the demonstrations.
    #[error(
        "--demos are events of one server, and with --nats every server would publish them; say --demos=false (FANFARE_DEMOS=false)"
    )]
    DemosOfMany,
    /// Any client could publish.
    #[error(
        "--listen {given} can be reached from other machines ({address} is no loopback address), and everybody who reaches it could publish; give a key for tokens with --jwt-secret-file, --jwt-key or --issuer, listen on a loopback address such as 127.0.0.1:8080, or say --open (FANFARE_OPEN=true) if the network is closed"
    )]
    NotLoopback {
        /// The listener as it was given.
        given: String,
        /// One of the addresses that this stands for.
        address: SocketAddr,
    },
    /// No request could be served.
    #[error(
        "--anonymous-subscribe shows public events without a token, and --listen {given} can be reached by pages that make a name of their own resolve to it, so that only hosts that are named are served; name those by which the server is called with --host push.example (FANFARE_HOST) or --public-url"
    )]
    NoHost {
        /// The listener as it was given.
        given: String,
    },
    /// A token would be refused for one of its grants.
    #[error("{flag} `{topic}` cannot be granted: {reason}")]
    Grant {
        /// Its flag.
        flag: &'static str,
        /// As it would stand in the token.
        topic: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A list of addresses has none.
    #[error("{flag} names no address; write one such as 127.0.0.1:8080")]
    NoAddress {
        /// Its flag.
        flag: &'static str,
    },
    /// The name of a host has no address, or none that can be used.
    #[error(
        "{flag} {given}: {reason}; write a name that this machine knows, or an address such as 127.0.0.1:8080"
    )]
    UnknownHost {
        /// Its flag.
        flag: &'static str,
        /// What was given.
        given: String,
        /// Why it cannot be used.
        reason: String,
    },
    /// A setting is out of its range.
    #[error("{flag} {problem}")]
    OutOfRange {
        /// Its flag.
        flag: &'static str,
        /// What is wrong and what would do.
        problem: &'static str,
    },
    /// A file cannot be read.
    #[error("{flag} {path} cannot be read: {reason}")]
    File {
        /// Its flag.
        flag: &'static str,
        /// Its path.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A secret or a key cannot be used.
    #[error("{flag} cannot be used: {reason}")]
    Key {
        /// Its flag.
        flag: &'static str,
        /// Why not.
        reason: String,
    },
    /// The certificate of the public listener cannot be served.
    #[error("{flag}: {error}")]
    Certificate {
        /// The flag of the file that is wrong.
        flag: &'static str,
        /// What is wrong and what would do.
        error: CertificateError,
    },
    /// A supervisor has handed over what cannot be served.
    #[error(
        "a socket that was handed over (LISTEN_FDS) cannot be used: {reason}; hand over listening TCP or unix sockets (ListenStream=)"
    )]
    Inherited {
        /// Why not.
        reason: String,
    },
    /// A receiver of traces that we cannot send to.
    #[error(
        "--otlp-endpoint `{endpoint}` cannot be used; give the base URL of a collector near by, over plain HTTP, such as http://127.0.0.1:4318 (it can forward over TLS)"
    )]
    BadEndpoint {
        /// What was given.
        endpoint: String,
    },
}
