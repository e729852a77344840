//! Requests as spans at a collector that speaks OTLP over HTTP, decoded with the messages of the
//! standard: what only a build with the feature `otlp` sends. A binary of its own, because that is another
//! build of the server, and all other tests need not be compiled for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]

#[path = "../it/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the other tests, which use the rest")]
mod support;

/// A collector that keeps what it is sent.
mod collector;

/// What it sees of requests.
mod spans;
