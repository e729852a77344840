//! What an operator runs: the files of `deploy/`, with their own linters, and real proxies.

mod fan_out;
mod files;
mod programs;
mod proxies;
mod proxy;
mod rolling_restart;
mod stream;
mod tool;
