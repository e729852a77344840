//! What an operator runs: the files of `deploy/`, with their own linters, and real proxies.

mod chart;
mod cluster;
mod discovery;
mod dockerfile;
mod engine;
mod fan_out;
mod files;
mod hub;
mod image;
mod programs;
mod promises;
mod proxies;
mod proxy;
mod rolling_restart;
mod settings;
mod stream;
pub(crate) mod tool;
