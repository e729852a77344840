//! Why a server cannot be built.

use std::io;

use thiserror::Error;

use crate::auth::ticket::TicketKeyError;
use crate::file_limit::TooFewFiles;
use crate::listeners::ListenError;
use crate::log::{OpenLogError, OpenNatsError};

/// Why the server could not be built.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The process may have too few files open.
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    /// A port or a socket cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The system gives no more threads or files.
    #[error("cannot start the delivery threads: {0}; raise the limits of the process")]
    Delivery(io::Error),
    /// The same, for the admin thread.
    #[error("cannot start the admin listener: {0}; raise the limits of the process")]
    Admin(io::Error),
    /// The data folder cannot be used.
    #[error(transparent)]
    Log(#[from] OpenLogError),
    /// The shared log cannot be used.
    #[error(transparent)]
    SharedLog(#[from] OpenNatsError),
    /// No key for tickets can be made.
    #[error("cannot make a key for tickets: {0}")]
    Tickets(#[from] TicketKeyError),
}
