//! The log that many nodes share: a stream of NATS JetStream, of which each node keeps in memory what
//! is retained.
//!
//! An event is one message. Its sequence and its time are those of the message, and the epoch stands in
//! the stream's metadata, so that every node gives it the same id and the same bytes. A node answers a
//! publisher when it has read the event back. It has a runtime of its own, so that neither the
//! HTTP layer nor a delivery thread ever waits for a broker.

mod appends;
mod broker;
mod connecting;
mod counters;
mod entry;
mod follower;
mod headers;
mod identity;
mod latest;
mod monitor;
mod permissions;
mod puller;
mod recent;
mod replica;
mod retained_ends;
mod retention;
mod settings;
#[cfg(test)]
mod simulated;
mod state;
mod stream;
mod stream_config;
mod watch;

use std::fmt;
use std::future::ready;
use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::{
    AppendError, Appending, Bounds, ClusterStatus, EventFilter, FindingEnds, Flushing,
    FollowerProgress, Locating, Log, LogHealth, LogReader, OnChange, Page, PageBack, PageLimit,
    Position, ReadOutcome, ReadRange, Seeking, TopicCount, TopicInMemory,
};
use crate::clock::Clock;
use crate::event::{Buffers, EncodedEvent, Event, HubId, Sequence};
use crate::topic::Topic;
use appends::Appends;
use broker::Broker;
use follower::{StreamFollower, read_whole};
use latest::Latest;
use state::{AppendResult, SharedReplica, State};
use watch::watch_stream;

pub use settings::{BrokerAccess, BrokerSecret, NatsLogSettings, OpenNatsError};

/// How long a node that is behind a client waits until it has read as far.
const AHEAD_WAIT_MAX: Duration = Duration::from_secs(2);

/// How long brokers that start together with this node may take until they serve.
const START_WAIT_MAX: Duration = Duration::from_secs(20);
const START_RETRY: Duration = Duration::from_millis(500);

/// A log that is shared with other nodes.
pub struct NatsLog {
    state: Arc<State>,
    appends: Arc<Appends<Broker>>,
    latest: Latest<Broker>,
    buffers: Buffers,
    runtime: OwnRuntime,
}

impl fmt::Debug for NatsLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsLog").field("bounds", &self.bounds()).finish_non_exhaustive()
    }
}

/// A runtime that may end within another one, which does not wait for its tasks.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("log").enable_all().build().map(|own| Self(Some(own)))
    }

    fn spawn<F>(&self, task: F) -> Option<JoinHandle<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.as_ref().map(|runtime| runtime.spawn(task))
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl NatsLog {
    /// Connects, checks or makes the stream, and reads all that is in it. Waits until that is done.
    ///
    /// # Errors
    /// Says what is missing and what to do.
    pub fn open(settings: NatsLogSettings, clock: Clock) -> Result<Self, OpenNatsError> {
        let runtime = OwnRuntime::start()?;
        let buffers = Buffers::default();
        let (opened, has_opened) = mpsc::channel();
        let opening = open_within(settings, clock, buffers.clone());
        runtime.spawn(async move {
            // Whoever waits for it does so until it is told.
            let _ = opened.send(opening.await);
        });
        let Ok(result) = has_opened.recv() else {
            return Err(OpenNatsError::Threads(io::ErrorKind::Interrupted.into()));
        };
        let (broker, state, appends) = result?;
        let latest = Latest::of(broker);
        Ok(Self { state, appends, latest, buffers, runtime })
    }

    async fn locate_when_there(&self, id_text: &str) -> Position {
        if let Some(id) = HubId::parse(id_text) {
            self.wait_until_there(id).await;
            return self.locate_now(id_text);
        }
        match self.locate_now(id_text) {
            // A publisher may have given it to an event that has not come here yet.
            Position::Unknown => {
                let _ = timeout(AHEAD_WAIT_MAX, self.wait_until_current()).await;
                self.locate_now(id_text)
            }
            position => position,
        }
    }

    fn locate_now(&self, id: &str) -> Position {
        self.state.lock().replica.window().locate(id, self.state.now_ms())
    }

    /// Waits until everything has come here that was in the stream when this was called.
    async fn wait_until_current(&self) {
        let mut head = self.state.watch_head();
        if let Some(last) = self.latest.since_now().await {
            let _ = head.wait_for(|&head| head >= last).await;
        }
    }

    /// A client may have read more at another node than has come to this one.
    async fn wait_until_there(&self, id: HubId) {
        let mut head = self.state.watch_head();
        if id.epoch != self.bounds().epoch {
            return;
        }
        // Whether it came or not, the log is asked next.
        let _ = timeout(AHEAD_WAIT_MAX, head.wait_for(|&head| head >= id.sequence)).await;
    }

    async fn append_elsewhere(&self, events: Vec<EncodedEvent>) -> Vec<AppendResult> {
        let unknown: Vec<_> = events
            .iter()
            .map(|event| Err(AppendError::Unknown { repeatable: event.is_repeatable() }))
            .collect();
        let appends = Arc::clone(&self.appends);
        // A task of its own: a publisher that goes away takes nothing back.
        match self.runtime.spawn(async move { appends.append(events).await }) {
            Some(appending) => appending.await.unwrap_or(unknown),
            None => unknown,
        }
    }
}

async fn open_within(
    settings: NatsLogSettings,
    clock: Clock,
    buffers: Buffers,
) -> Result<(Broker, Arc<State>, Arc<Appends<Broker>>), OpenNatsError> {
    let limits = settings.limits();
    let deadline = Instant::now() + START_WAIT_MAX;
    let (broker, shared) = loop {
        match read_first(&settings, &buffers).await {
            Err(error) if error.may_pass() && Instant::now() < deadline => {
                tracing::info!(%error, "the event log cannot be read yet; trying again");
                sleep(START_RETRY).await;
            }
            result => break result?,
        }
    };
    monitor::see_syncs(&settings).await;
    let known = shared.known();
    tracing::info!(
        stream = settings.stream,
        head = known.head.0,
        events = shared.replica.window().bounds().events,
        foreign = shared.replica.foreign(),
        "has read the shared event log"
    );
    let retained = (settings.retained.events_max, settings.retained.age_max);
    let state = Arc::new(State::new(shared, clock, retained));
    let appends = Appends::new(broker.clone(), Arc::clone(&state), settings.append_timeout);
    let stream = broker.clone();
    let follower = StreamFollower { stream, state: Arc::clone(&state), limits, buffers };
    tokio::spawn(follower.run());
    tokio::spawn(watch_stream(broker.clone(), Arc::clone(&state)));
    Ok((broker, state, Arc::new(appends)))
}

async fn read_first(
    settings: &NatsLogSettings,
    buffers: &Buffers,
) -> Result<(Broker, SharedReplica), OpenNatsError> {
    let broker = Broker::connect(settings).await?;
    let reading = async {
        broker.prepare(settings).await?;
        broker.try_permissions(settings).await?;
        let read = read_whole(&broker, settings.limits(), buffers, |_| false).await;
        let (shared, _) = read.map_err(|trouble| OpenNatsError::Read {
            stream: settings.stream.clone(),
            reason: trouble.to_string(),
        })?;
        Ok(shared)
    };
    // What is denied is not answered.
    let shared = tokio::select! {
        biased;
        denied = broker.denied() => {
            let needed = permissions::needed(&settings.stream, &settings.subject());
            Err(OpenNatsError::Denied { denied, needed })
        }
        read = reading => read,
    }?;
    Ok((broker, shared))
}

impl Log for NatsLog {
    fn append(&self, events: Vec<EncodedEvent>) -> Appending<'_> {
        Box::pin(self.append_elsewhere(events))
    }

    fn follow(&self, on_change: OnChange) {
        self.state.follow(on_change);
    }

    fn read(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<Page> {
        self.state.lock().replica.window().read(reader.epoch, range, filter, limit)
    }

    fn read_back(
        &self,
        reader: &LogReader<'_>,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> ReadOutcome<PageBack> {
        self.state.lock().replica.window().read_back(reader.epoch, range, filter, limit)
    }

    fn newest(&self, topic: &Topic, through: Sequence) -> Option<Arc<Event>> {
        self.state.lock().replica.window().newest(topic, through)
    }

    fn ended<'a>(&'a self, topics: &'a [Topic]) -> FindingEnds<'a> {
        Box::pin(ready(self.state.lock().replica.window().ends_of(topics)))
    }

    fn locate<'a>(&'a self, id: &'a str) -> Locating<'a> {
        Box::pin(self.locate_when_there(id))
    }

    fn last_accepted_by(&self, ms: u64) -> Seeking<'_> {
        let last = self.state.lock().replica.window().last_accepted_by(ms);
        Box::pin(ready(Some(last)))
    }

    fn topics_in_part(&self, part: usize) -> Option<Vec<Topic>> {
        self.state.lock().replica.window().topics_in_part(part)
    }

    fn topic_in_memory(&self, topic: &Topic) -> Option<TopicInMemory> {
        self.state.lock().replica.window().topic_in_memory(topic)
    }

    fn count_of(&self, topic: &Topic) -> Option<TopicCount> {
        Some(self.state.lock().replica.window().count_of(topic))
    }

    fn id_at(&self, sequence: Sequence) -> Option<HubId> {
        self.state.lock().replica.window().id_at(sequence)
    }

    fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    fn bounds(&self) -> Bounds {
        let shared = self.state.lock();
        Bounds { bytes: shared.bytes_held(), ..shared.replica.window().bounds() }
    }

    fn expire(&self) {
        self.state.expire();
    }

    fn health(&self) -> LogHealth {
        self.state.health()
    }

    fn cluster(&self) -> Option<ClusterStatus> {
        Some(self.appends.status())
    }

    fn set_follower_progress(&self, progress: Arc<dyn FollowerProgress>) {
        self.state.set_follower_progress(progress);
    }

    fn close(&self) -> Flushing<'_> {
        Box::pin(self.appends.flush())
    }
}
