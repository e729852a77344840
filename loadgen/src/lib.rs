//! A load generator for servers of Server-Sent Events: it holds many streams, publishes on a
//! schedule, verifies every event that arrives, and judges its own figures before it shows them. It
//! shares no code with the server that it was made for.
//!
//! ```text
//!  flags, scenario ──▶ plan ──▶ run: ramp, start, tail ──▶ result ──▶ report, compare
//!                               │        ▲
//!               publish ◀───────┤        │ recorder
//!                  │            ▼        │
//!                  └─▶ server ─▶ readers ─▶ subscriber: verify, measure
//! ```
//!
//! The modules stand in reading order: what is on the wire, what a run is to do and what it found,
//! how one subscriber is checked and measured, what reads and publishes, how a run is made and
//! judged, and what shows it. Each imports only what stands above it; `tests/import_order.rs` holds
//! them to it.

pub mod clock;
pub mod payload;
pub mod sse;

mod numbers;

mod result;

mod plan;

mod environment;
mod http1;

mod measure;

mod verify;

mod subscriber;

mod readers;

mod publish;

mod server_monitor;

mod claims;
mod slo;

mod report;

mod run;

mod compare;

mod capacity;

mod export;

mod view;

mod cli;

#[doc(hidden)]
pub mod fuzzing;

pub use cli::main;
