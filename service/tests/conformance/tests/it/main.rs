//! The suite as a program: against the server, whose table in the documentation it keeps true, and
//! against a hub that is wrong on purpose.

#![expect(clippy::unwrap_used, reason = "a test says where it failed")]

mod fanfare;
mod keys;
mod program;
mod wrong;
