//! Fanfare inside of your own program: your routes publish without HTTP, and Fanfare serves the streams.
//!
//! [`Fanfare::builder`] takes the settings that the server has, [`FanfareBuilder::start`] opens its
//! listeners, and [`Publisher`], which is cheap to clone, publishes from any handler. Streams are on
//! listeners of Fanfare's own, beside yours: they leave the HTTP layer for the threads that write them,
//! which the body of a response of another server could not.
//!
//! ```
//! use fanfare::embed::{Fanfare, NewEvent, PublishError};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let fanfare = Fanfare::builder()
//!         .setting("listen", "127.0.0.1:0")
//!         .setting("drain-window", "0s")
//!         .start()
//!         .await?;
//!     let url = format!("http://{}/events/orders/1", fanfare.addresses()[0]);
//!
//!     let publisher = fanfare.publisher();
//!     let paid = || NewEvent::on("orders/1").event_type("status").data("paid").id("orders/1/paid");
//!     let receipt = publisher.publish(paid()).await?;
//!     assert_eq!((receipt.id.as_str(), receipt.is_repeat), ("orders/1/paid", false));
//!
//!     // The same again is no second event, and an id is not given to another one.
//!     assert!(publisher.publish(paid()).await?.is_repeat);
//!     let other = publisher.publish(paid().data("cancelled")).await;
//!     assert_eq!(other, Err(PublishError::IdTaken));
//!
//!     publisher.publish(NewEvent::on("orders/1").ending_topic()).await?;
//!     let late = publisher.publish(NewEvent::on("orders/1").data("shipped")).await;
//!     assert_eq!(late, Err(PublishError::TopicEnded { topic: "orders/1".to_owned() }));
//!
//!     # let _ = url;
//!     fanfare.shutdown().await;
//!     assert_eq!(publisher.publish(NewEvent::on("orders/2")).await, Err(PublishError::HasEnded));
//!     Ok(())
//! }
//! ```
//!
//! # What is yours
//!
//! Nothing of the process is taken over. Log lines and spans go to the subscriber of `tracing` that you
//! have set, or nowhere. No signal is handled: call [`Fanfare::shutdown`]. The environment, the command
//! line, the sockets and the supervisor that the process was started with are not looked at, and the file
//! limit stays: Fanfare takes 90 % of it for connections unless `connections` says less, or fewer where it
//! needs more than the rest itself, so raise it, or say so. There is no global allocator, no panic hook and
//! no global recorder of metrics.
//!
//! A limit of the size of files (`ulimit -f`) ends a program that writes beyond it by a signal, SIGXFSZ. The
//! log in a `data-dir` looks before each write and refuses events instead, as on a full disk. Only where the
//! limit is lowered in the same moment does the signal come: ignore it if you lower the limit.
//!
//! ```standalone_crate
//! # use fanfare::embed::Fanfare;
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fanfare = Fanfare::builder().setting("listen", "127.0.0.1:0").start();
//! let fanfare = fanfare.await?;
//! // Nothing is there yet.
//! tracing::subscriber::set_global_default(tracing_subscriber::registry())?;
//! # assert!(rustls::crypto::CryptoProvider::get_default().is_none());
//! # drop(fanfare);
//! # Ok(())
//! # }
//! ```
//!
//! Several can run in one process, each with listeners and, if it has one, a data folder of its own; a
//! folder that another one has open is refused.
//!
//! # What is promised
//!
//! This module follows the version of the crate, by [SemVer](https://semver.org/). All others are
//! internal, public for the program and its tests, and may change in any version.

mod builder;
mod new_event;
mod publisher;

pub use builder::{FanfareBuilder, FanfareStartError};
pub use new_event::NewEvent;
pub use publisher::{PublishError, PublishReceipt, Publisher};

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::event::EventLimits;
use crate::lifecycle::Shutdown;
use publisher::OpenHub;

/// A hub that runs in this process. Dropped, it drains in the background, for as long as its tokio runtime
/// lives; [`shutdown`](Self::shutdown) waits for that.
#[derive(Debug)]
#[must_use = "it ends when it is dropped"]
pub struct Fanfare {
    addresses: Vec<SocketAddr>,
    admin_addresses: Vec<SocketAddr>,
    publisher: Publisher,
    /// Told by being dropped.
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Fanfare {
    /// Begins with the defaults of the server, but for these: there is no admin listener unless
    /// `admin-listen` is set, and no demonstrations.
    pub fn builder() -> FanfareBuilder {
        FanfareBuilder::default()
    }

    /// The addresses where streams are served, as they were bound; none of unix sockets.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The addresses of metrics and probes, as they were bound.
    #[must_use]
    pub fn admin_addresses(&self) -> &[SocketAddr] {
        &self.admin_addresses
    }

    /// What publishes from this process; it may have any number of clones.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Drains: closes the streams over `drain-window`, and then the listeners, writes what a data folder
    /// has yet to hold, and gives everything back. Behind it a [`Publisher`] has
    /// [`PublishError::HasEnded`], and another hub may have the same addresses and folder; only a future of
    /// [`Publisher::publish`] that was begun and is not awaited holds the folder until it is dropped.
    ///
    /// End your own server first, so that what its last requests publish reaches its readers. The future
    /// may be dropped: the drain goes on without it.
    pub async fn shutdown(self) {
        drop(self.stop);
        if let Err(error) = self.running.await {
            tracing::error!(%error, "the hub ended before its drain");
        }
    }

    fn run(app: App, event_limits: EventLimits) -> Self {
        let hub = Arc::new(OpenHub { hub: app.hub().clone(), event_limits });
        let publisher = Publisher::to(&hub);
        let (addresses, admin_addresses) =
            (app.addresses().to_vec(), app.admin_addresses().to_vec());
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
            Shutdown::Requested
        };
        let serving = app.run(stopped, std::future::pending());
        let running = tokio::spawn(async move {
            serving.await;
            drop(hub);
        });
        Self { addresses, admin_addresses, publisher, stop, running }
    }
}
