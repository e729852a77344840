//! What the tests share: a real server, the program under test, and what a run must fulfil.
//!
//! No crate of the server is used: its program is built and started, and asked over its sockets as
//! anybody could, so that nothing that both sides believe by sharing code can hide a mistake.

mod no_content;
mod proxy;
mod ran;
mod server;
mod stub;
mod tls;

pub(crate) use crate::common::program::{loadgen, scratch, start, start_with};
pub(crate) use crate::common::ran::Ran;
pub(crate) use crate::common::{PATIENCE, eventually};
pub(crate) use no_content::NoContent;
pub(crate) use proxy::Proxy;
pub(crate) use server::Fanfare;
pub(crate) use stub::Stub;
pub(crate) use tls::{TlsFront, write_other_certificate};
