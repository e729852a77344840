//! The clients of this repository, as a user has them: packed, installed from the packed file into a
//! folder of their own, and used by small programs in `tests/peers/packages`.
//!
//! Every promise that both clients make is a table over both, in each way to use them. Against the
//! real server where it can show it, and else against a server that sends what a test has written.

/// Packing and installing.
mod installed;

pub(crate) use installed::{javascript, python_program, run};

/// The clients, and what they are told.
mod client;

/// A server that sends what a test has written.
mod scripted;

/// The real server, and a line that is cut.
mod reading;

/// How long they wait, and where they go on.
mod coming_back;

/// When they stop.
mod stopping;

/// Topics that end, at the real server.
mod ending;

/// Tokens by a function.
mod tokens;

/// Publishing, and sending again.
mod publishing;

/// What is in the packages, and what type checkers and their own tests say.
mod packages;
