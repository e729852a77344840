//! The delivery plane: from the log to many sinks.
//!
//! Plain threads, called shards, each with its own subscribers; nothing in a shard is shared with
//! another. A shard is woken when the head of the log has moved, reads what is new, and sends every
//! audience its frames. There is no HTTP in here: a `Sink` takes bytes or says that it is full.
//!
//! ```text
//!   log ──wake──▶ shard: read new events ─▶ audiences that match ─▶ their subscribers ─▶ sinks
//!                   ▲                                                                     │
//!                   └──────── mailbox: joined, ready again, gone, drain ◀────────────────┘
//! ```

mod audience;
mod backpressure;
mod batch;
mod budget;
mod carrier;
mod deadlines;
mod keys;
mod listing;
mod mailbox;
mod shard;
mod sink;
mod slot;
mod slot_cell;
mod socket;
mod stream_id;
mod stream_pages;
mod subscriber;
mod sync;
mod wake_once;

pub use backpressure::{BackpressurePolicy, Lag, LagLimit, Policies, PolicyRule, PolicyRuleError};
pub use carrier::{Carrier, Cut, PeerAddress, StreamConnection};
pub use listing::{ListedStream, StreamProgress};
pub use slot::{Segment, SlotReader, StreamCut};
pub use socket::Held;
pub use stream_id::{StreamId, StreamIdError};
pub use stream_pages::{ListOrder, ListPlace, ListPlaceError, StreamPage};

use std::io;
use std::net::TcpStream;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;

use crate::event::Sequence;
use crate::hub::{Hub, Subscription};
use crate::log::LogChange;
use crate::metrics::{Metrics, ShardStats};
use mailbox::{Mailbox, Notice};
use shard::Shard;
use sink::Sink;
use slot::slot;
use socket::SocketSink;

/// The settings of the delivery plane.
#[derive(Clone, Debug)]
pub struct DeliverySettings {
    /// How many shards. One core is left to the HTTP layer, the kernel and other programs; on one
    /// core there is one shard.
    pub shards: usize,
    /// How far a live subscriber may fall behind before its policy acts.
    pub lag: LagLimit,
    /// What happens then.
    pub policies: Policies,
    /// Silence after which a comment is sent; zero for never.
    pub heartbeat: Duration,
    /// The age at which a stream is closed, plus or minus 20 %; zero for never.
    pub age_max: Duration,
    /// A client whose stream the server closes is sent a retry hint drawn from this, in
    /// milliseconds.
    pub retry_ms: RangeInclusive<u32>,
    /// What slow streams may hold beyond the log, all together, in bytes: the rest of events that
    /// the log has dropped, and segments joined of several events. When it is more, the streams
    /// that are furthest behind are ended.
    pub output_buffers_max: usize,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            shards: std::thread::available_parallelism()
                .map_or(1, |cores| (cores.get() - 1).max(1)),
            lag: LagLimit::default(),
            policies: Policies::default(),
            heartbeat: Duration::from_secs(15),
            age_max: Duration::ZERO,
            retry_ms: 1_000..=5_000,
            output_buffers_max: 64 << 20,
        }
    }
}

/// A subscriber on its way to a shard.
#[derive(Debug)]
struct NewSubscriber {
    subscription: Subscription,
    sink: Box<dyn Sink>,
}

/// A handle to the shards; cheap to clone.
#[derive(Clone, Debug)]
pub struct Delivery {
    shards: Arc<[ShardHandle]>,
}

#[derive(Debug)]
struct ShardHandle {
    mailbox: Arc<Mailbox>,
    stats: Arc<ShardStats>,
}

/// The threads of the shards; [`Delivery::stop`] ends them.
#[derive(Debug)]
pub struct DeliveryThreads {
    handles: Vec<JoinHandle<()>>,
}

impl Delivery {
    /// Starts the shards.
    ///
    /// # Errors
    /// When the system gives no more threads, epoll instances or eventfds.
    pub fn start(
        hub: &Hub,
        settings: &DeliverySettings,
        metrics: &Metrics,
    ) -> io::Result<(Self, DeliveryThreads)> {
        let mut shards = Vec::new();
        let mut handles = Vec::new();
        for (index, stats) in metrics.shards().iter().enumerate() {
            let (mut shard, mailbox) =
                Shard::new(Arc::clone(hub.log()), settings.clone(), Arc::clone(stats))?;
            shard.follower = Some(hub.follow(mailbox.seen()));
            let name = format!("shard-{index}");
            handles.push(std::thread::Builder::new().name(name).spawn(move || shard.run())?);
            let waker = Arc::clone(&mailbox);
            hub.log().follow(Arc::new(move |change| match change {
                LogChange::Head => waker.wake(),
                LogChange::Epoch => waker.post(Notice::Epoch),
            }));
            shards.push(ShardHandle { mailbox, stats: Arc::clone(stats) });
        }
        Ok((Self { shards: shards.into() }, DeliveryThreads { handles }))
    }

    /// Makes a subscriber of a socket, which belongs to a shard from now on: `opening` is sent
    /// first, then everything after the subscription's cursor, and the end of the stream is the end
    /// of the connection. The socket must be non-blocking. `held` is dropped with it.
    pub fn subscribe_socket(
        &self,
        subscription: Subscription,
        socket: TcpStream,
        opening: Bytes,
        held: Box<dyn Held>,
    ) {
        // Without a shard the socket is closed, and its client comes back.
        let Some(shard) = self.least_loaded() else { return };
        shard.join(subscription, SocketSink::new(socket, opening, held));
    }

    /// Makes a subscriber whose bytes are pulled by the reader that is returned: `opening` is sent
    /// first, then everything after the subscription's cursor. `carrier` is cut when the stream has to
    /// end although its reader takes nothing any more, and again when its connection has to.
    #[must_use]
    pub fn subscribe_body(
        &self,
        subscription: Subscription,
        opening: Bytes,
        carrier: Box<dyn Carrier>,
    ) -> Option<SlotReader> {
        let shard = self.least_loaded()?;
        let (sink, reader) = slot(Arc::clone(&shard.mailbox), opening, carrier);
        shard.join(subscription, sink);
        Some(reader)
    }

    /// Closes all streams, evenly spread over `window`. Streams that join later are closed at once.
    pub fn drain(&self, window: Duration) {
        for shard in self.shards.iter() {
            shard.mailbox.post(Notice::Drain { window });
        }
    }

    /// Ends the shards; whatever is still open is cut.
    pub fn stop(&self) {
        for shard in self.shards.iter() {
            shard.mailbox.post(Notice::Stop);
        }
    }

    /// How many subscribers there are.
    #[must_use]
    pub fn subscribers(&self) -> u64 {
        self.shards.iter().map(|shard| shard.stats.subscribers()).sum()
    }

    /// The last sequence that every running shard has seen.
    #[must_use]
    pub fn seen_by_all(&self) -> Sequence {
        let running = self.shards.iter().filter(|shard| !shard.mailbox.has_ended());
        running.map(|shard| shard.mailbox.seen()).min().unwrap_or_default()
    }

    /// The last sequence that each shard has seen.
    #[must_use]
    pub fn seen_by_each(&self) -> Vec<Sequence> {
        self.shards.iter().map(|shard| shard.mailbox.seen()).collect()
    }

    fn least_loaded(&self) -> Option<&ShardHandle> {
        let running = self.shards.iter().filter(|shard| !shard.mailbox.has_ended());
        running.min_by_key(|shard| shard.mailbox.load())
    }
}

impl ShardHandle {
    fn join(&self, subscription: Subscription, sink: impl Sink + 'static) {
        let new_subscriber = NewSubscriber { subscription, sink: Box::new(sink) };
        self.mailbox.post(Notice::Join(Box::new(new_subscriber)));
    }
}

impl DeliveryThreads {
    /// Whether all have ended.
    #[must_use]
    pub fn have_ended(&self) -> bool {
        self.handles.iter().all(JoinHandle::is_finished)
    }

    /// Waits until all have ended.
    pub fn join(self) {
        for handle in self.handles {
            if handle.join().is_err() {
                tracing::error!("a shard ended by a panic");
            }
        }
    }
}

#[cfg(test)]
mod tests;
