//! The program end to end: against the server that it was made for, as a process of its own, and
//! against stubs where a test must see the other end of a connection.
//!
//! One binary, one file a subject. Everything listens on port 0 of the loopback interface. What is
//! asserted is counts, order and exit codes, never speed: a machine that is busy with other things
//! may make a run invalid (exit code 4), but it must not make what arrived wrong.

/// Running the program, and what it left behind: the same for all binaries of tests.
#[path = "../support/mod.rs"]
mod common;

/// The server, the load generator, and how to wait for something.
mod support;

/// Every way to publish and every injected fault, against the server.
mod fanfare;

/// The same run counted a second, independent way.
mod counting;

/// Many streams over one connection.
mod http2;

/// Through TLS, with certificates that are trusted or not.
mod tls;

/// Subscribers shared by several processes.
mod processes;

/// Where connections come from.
mod sources;

/// The form of result files.
mod schema;

/// What is made of results.
mod reports;

/// Judgements over several runs.
mod judging;

/// What is shown while a run goes on.
mod terminal;

/// The program's own metrics, as a scraper sees them.
mod exporting;
