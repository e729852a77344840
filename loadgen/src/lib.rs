//! A load generator for servers of Server-Sent Events: it holds many streams, publishes on a
//! schedule, verifies every event that arrives, and judges its own figures before it shows them.
//!
//! In reading order: [`clock`], [`payload`] and [`sse`] are the words of the wire; `verify` and
//! `subscriber` judge what one subscriber sees; `measure` keeps the recorder; `readers` hold the
//! streams, `publish` writes, `watch` looks at the server; `conduct` makes a run of them; `result`
//! is what it found,
//! `report` and `compare` show it; `export` shows it to Prometheus meanwhile. It shares no code
//! with the server that it was made for.

mod capacity;
mod claims;
mod cli;
pub mod clock;
mod compare;
mod environment;
mod export;
#[doc(hidden)]
pub mod fuzzing;
mod http1;
mod measure;
pub mod payload;
mod plan;
mod publish;
mod readers;
mod report;
mod result;
mod run;
mod server_monitor;
mod slo;
pub mod sse;
mod subscriber;
mod verify;
mod view;

pub use cli::main;
