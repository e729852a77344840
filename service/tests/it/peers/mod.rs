//! Clients that nobody here wrote, over real sockets: what they see is what users will see.
//!
//! Each is a small script in `tests/peers/` that uses a library in the way its users do and prints
//! the events as lines of JSON; curl prints the stream itself. The versions are pinned there, and a
//! client that is missing is a failure. Where a client departs from the event stream format of the
//! HTML standard (section 9.2.6), the test says so and expects just that.

/// Child processes, and what they print.
mod process;

pub(crate) use process::{Process, folder, installed};

/// The clients, and what they saw.
mod peer;

/// The event stream format, for what has no parser of its own.
mod standard;

/// What may lie between a client and the server.
pub(crate) mod proxy;

/// Text comes out as it went in.
mod text;

/// Long events, and many of them.
mod volume;

/// Clients come back and miss nothing.
mod resume;

/// Clients are cut off.
mod cut_off;

/// Clients come back before their first event.
mod place;

/// Clients publish.
mod publishing;

/// Clients go on after an error.
mod refusals;

/// Clients are told when to come back.
mod draining;

/// Clients of a topic that ends.
mod topic_end;

/// Clients come back to a server that is about to end.
mod coming_back;

/// Clients publish behind an error.
mod errors;

/// Clients with a token.
mod tokens;

/// The examples of the documents are these programs.
mod examples;

/// The commands of the documents.
mod commands;

/// The demonstrations.
mod demos;
