//! Fanfare pushes events to very many HTTP clients at once, over Server-Sent Events.
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

pub mod clock;
pub mod logging;
pub mod memory;

pub mod topic;

pub mod event;

pub mod log;

pub mod auth;
pub mod metrics;

pub mod hub;

pub mod delivery;

pub mod lifecycle;

pub mod jwks;

pub mod demo;

pub mod sockets;
pub mod tls;

pub mod http;

pub mod admin;

pub mod file_limit;
pub mod greeting;
pub mod memory_limit;
pub mod supervisor;

pub mod config;

pub mod reload;

pub mod listeners;

pub mod app;
pub mod data_folder;
pub mod health_check;
pub mod signals;

#[cfg(feature = "top")]
pub mod top;

#[doc(hidden)]
pub mod fuzzing;
