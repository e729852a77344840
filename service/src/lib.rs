//! Fanfare pushes events to very many HTTP clients at once, over Server-Sent Events.
//!
//! [`embed`] is the interface for programs that have a hub in them. All other modules are internal: they
//! are public for the program and its tests, hidden from the documentation (`cargo doc
//! --document-hidden-items` shows them), and may change in any version.
//!
//! ```text
//!  publishers ──POST──▶ http ──draft──▶ hub ──append──▶ log
//!  demo sources ────────────────────────▲                │ wake
//!                                                        ▼
//!                          delivery: shards ─▶ audiences ─▶ subscribers ─▶ sinks
//!                                     ▲
//!  subscribers ──GET──▶ http: parse, authorise, route, resolve resume ──▶ least loaded shard
//! ```
//!
//! The modules stand in reading order: words, log, hub, delivery, the edges, and how it is all put
//! together. Each imports only what stands above it; `tests/it/import_order.rs` holds them to it.

#[doc(hidden)]
pub mod clock;
#[doc(hidden)]
pub mod file_limit;
#[doc(hidden)]
pub mod logging;
#[doc(hidden)]
pub mod memory;
mod within;

#[doc(hidden)]
pub mod topic;

#[doc(hidden)]
pub mod event;

#[doc(hidden)]
pub mod log;

#[doc(hidden)]
pub mod auth;
#[doc(hidden)]
pub mod metrics;

#[doc(hidden)]
pub mod hub;

#[doc(hidden)]
pub mod delivery;

#[doc(hidden)]
pub mod lifecycle;

#[doc(hidden)]
pub mod jwks;

#[doc(hidden)]
pub mod demo;

#[doc(hidden)]
pub mod sockets;
#[doc(hidden)]
pub mod tls;

#[doc(hidden)]
pub mod http;

#[doc(hidden)]
pub mod admin;

#[doc(hidden)]
pub mod greeting;
#[doc(hidden)]
pub mod memory_limit;
#[doc(hidden)]
pub mod supervisor;

#[doc(hidden)]
pub mod config;

#[doc(hidden)]
pub mod reload;

#[doc(hidden)]
pub mod listeners;

#[doc(hidden)]
pub mod app;

pub mod embed;

#[doc(hidden)]
pub mod data_folder;
#[doc(hidden)]
pub mod health_check;
#[doc(hidden)]
pub mod signals;

#[cfg(feature = "top")]
#[doc(hidden)]
pub mod top;

#[doc(hidden)]
pub mod fuzzing;
