//! Sockets that are no TCP ports of our own: unix sockets, and those that a supervisor opened.

mod inherited;
mod unix;

pub use inherited::InheritedSockets;
pub use unix::{SocketFile, listen_on_unix};
