//! The program against a stub server with injected faults. What goes wrong is known to the event,
//! so what the program says of it can be compared with what was done.
//!
//! One binary, one file a subject. The server is written by hand and by blocking calls, so that it
//! shares no reading of the protocol with the program. All traffic stays on the loopback interface.

/// Running the program, and what it left behind: the same for all binaries of tests.
#[path = "../support/mod.rs"]
mod common;

/// The stub server, and the program under test.
mod support;

/// Each fault is found and named, and what is no fault is not blamed.
mod verifying;

/// Streams that end and are opened again.
mod resuming;

/// Servers that are one hub: who loses one goes on at the next.
mod failing_over;

/// Latency against the server's own record of it.
mod latency;

/// How the program ends.
mod exit_codes;

/// Subscribers that read slowly, not at all, or vanish.
mod fault_injection;

/// Every way to publish, and every schedule.
mod publishing;

/// What is claimed of a run in which nothing, or not all, was verified.
mod claims;

/// Whatever a server does, a run ends at its time.
mod limits;

/// Files of results: whole or not at all.
mod files;

/// Names and passwords in addresses: sent, and never shown.
mod authentication;

/// The program's own metrics, as a scraper sees them.
mod exporting;
