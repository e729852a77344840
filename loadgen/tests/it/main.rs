//! The real program against a server that makes mistakes on purpose. What goes wrong is known to
//! the event, so what the program says of it can be compared with what was done.
//!
//! One binary, one file a subject. The server is written by hand and by blocking calls, so that it
//! shares no reading of the protocol with the program. All traffic stays on the loopback interface.

/// Running the program, and what it left behind: the same for all binaries of tests.
#[path = "../support/mod.rs"]
mod common;

/// The server that makes mistakes, and the program under test.
mod support;

/// Each mistake is found and named, and what is no mistake is not blamed.
mod verifying;

/// Streams that end and come back.
mod resuming;

/// Latency against the server's own record of it.
mod latency;

/// How the program ends.
mod exit_codes;

/// Subscribers that read slowly, not at all, or vanish.
mod trouble;

/// Every way to publish, and every schedule.
mod publishing;

/// What is said of a run in which nothing, or not all, was looked at.
mod claims;

/// Whatever a server does, a run ends at its time.
mod limits;

/// Files of results: whole or not at all.
mod files;

/// Names and passwords in addresses: sent, and never shown.
mod authentication;

/// The program's own metrics, as a scraper sees them.
mod exporting;
