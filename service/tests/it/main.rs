//! The promises of the server, each tried on the real one through real sockets.
//!
//! One binary, one file a promise. Every server listens on port 0 of the loopback interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

/// The server, a client, and how to wait for something.
mod support;

/// The modules of the crate stand in order.
mod import_order;

/// Events go in by form, raw body and NDJSON, and bad ones get a clear answer.
mod publish;

/// The pages in a real Chromium.
mod browser;

/// Clients that nobody here wrote.
mod peers;

/// The clients of this repository, packed and installed.
mod clients;

/// The code of the recipes, as their documents print it.
mod recipes;

/// What bodies hold is counted, decoded and bounded.
mod bodies;

/// Pages and windows of applications get in, and others do not.
mod cross_origin;

/// Only hosts that are ours are served.
mod hosts;

/// What only the server may publish.
mod reserved;

/// Streams: what they begin with, what they match.
mod storage_metrics;
mod subscribe;

/// Selectors of both dialects.
mod selectors;

/// Where a stream begins without an id: with the newest of each topic, with what came since a time.
mod beginnings;

/// What the OpenAPI document says of all of it.
mod openapi;

/// Tokens.
mod tokens;

/// Which streams are open, for those who may know.
mod active_subscriptions;

/// What is never shown.
mod secrets;

/// Where they go on, and what is told of a gap.
mod resume;
/// Rules that keep events of some topics beyond the bounds of the log.
mod retention_rules;

/// Nobody misses or repeats an event, under load.
mod resume_under_load;

/// What a data folder keeps, however the process ends.
mod data_folder;

/// Servers that share one event log, on real brokers.
#[cfg(target_os = "linux")]
mod cluster;

/// Requests for streams, byte by byte.
mod handover;

/// Heads: one host, so many fields, and answers that explain.
mod heads;

/// Errors, and the next request on their connection.
mod refusals;

/// Streams end, and what is left of them.
mod endings;

/// A thousand come and go.
mod churn;

/// A reader that stops is bounded and loses nothing.
mod slow_readers;

/// What each policy does to it, to the byte.
mod policies;

/// Streams that share a connection.
mod http2;

/// TLS, and its certificate.
mod tls;

/// Everything has a limit, and whoever reaches it is told.
mod limits;

/// What one client may take, however it comes.
mod client_limits;

/// Attacks on the real program, with healthy clients beside them.
#[cfg(target_os = "linux")]
mod hostile;

/// Nothing is left of a hundred waves.
#[cfg(target_os = "linux")]
mod memory;

/// What it does in a container with little memory.
#[cfg(target_os = "linux")]
mod memory_limit;

/// Hubs inside of another program.
mod embedding;

/// How the server begins and ends.
mod lifecycle;

/// Unix sockets, sockets that a supervisor has opened, and what it is told.
#[cfg(target_os = "linux")]
mod sockets;

/// The configuration file, and reloading it.
mod configuration;

/// What it is told at the start, as people write it.
mod settings;

/// What each command ends with.
mod exit_codes;

/// A view of a running server.
mod top;

/// The end of a topic.
mod topic_end;

/// What clients find while it drains.
mod draining;

/// Probes are answered, whoever else is connected.
mod admin;

/// Every number that is exported moves when it should.
mod metrics;

/// What it says meanwhile, and that nobody waits for its reader.
mod logs;

/// What a build says that sends no traces.
mod traces;

/// The pages and the admin listener, over the wire.
mod pages;
