//! The demonstrations, and the server's own stats for the home page.
//!
//! They are ordinary publishers: they know the hub and nothing else. Each is one source for all
//! subscribers, publishes to one topic, and stops working while that has no subscriber. The
//! exceptions are runs: one for each request, on a topic of its own.

mod clock;
mod many_readers;
mod report;
mod server;
mod slow_readers;
mod source;
mod stocks;
mod system;
mod training;
mod watched_run;
mod words;

pub use many_readers::{Credentials, NoReaders, OwnListener, READERS};

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::delivery::Delivery;
use crate::hub::Hub;
use crate::lifecycle::Lifecycle;
use crate::metrics::Metrics;
use crate::topic::Topic;
use report::Reports;

/// How many training runs may go on at the same time. Each publishes 1,000 events in 25 s, which
/// take their place in the log from others.
pub const TRAINING_RUNS_MAX: usize = 16;

/// How many runs of words may go on at the same time. Each publishes about a hundred events in 25 s.
pub const WORD_RUNS_MAX: usize = 16;

/// The topics of the demonstrations, and the means to begin a training run.
#[derive(Clone, Debug)]
pub struct Demos {
    /// `The time is 14:03:59`, every second.
    pub time: Topic,
    /// This host's processor and memory, every second.
    pub system: Topic,
    /// Prices that move at random.
    pub stocks: Topic,
    runs: Arc<Semaphore>,
    /// The topics of the runs that are going on.
    going_on: Arc<Mutex<HashSet<Topic>>>,
    word_runs: Arc<Semaphore>,
    /// One run of slow readers at a time.
    slow_readers: Arc<Semaphore>,
    /// One run of many readers at a time.
    many_readers: Arc<Semaphore>,
    own_listener: Option<OwnListener>,
    lifecycle: Lifecycle,
}

impl Demos {
    /// Starts the sources; they rest until a client subscribes. `own_listener` is where readers of this
    /// process connect to, if there is any.
    #[must_use]
    pub fn start(hub: &Hub, own_listener: Option<OwnListener>, lifecycle: &Lifecycle) -> Self {
        let demos = Self {
            time: topic("demo/time"),
            system: topic("demo/system"),
            stocks: topic("demo/stocks"),
            runs: Arc::new(Semaphore::new(TRAINING_RUNS_MAX)),
            going_on: Arc::default(),
            word_runs: Arc::new(Semaphore::new(WORD_RUNS_MAX)),
            slow_readers: Arc::new(Semaphore::new(1)),
            many_readers: Arc::new(Semaphore::new(1)),
            own_listener,
            lifecycle: lifecycle.clone(),
        };
        source::start(clock::ClockDemo, demos.time.clone(), hub, lifecycle);
        match system::System::new() {
            Ok(system) => source::start(system, demos.system.clone(), hub, lifecycle),
            Err(error) => tracing::warn!(%error, "this system does not tell its stats"),
        }
        source::start(stocks::Stocks::new(rand::rng), demos.stocks.clone(), hub, lifecycle);
        demos
    }

    /// Begins a run on a topic of its own, which it returns; `None` when there are as many as may
    /// be. The run waits for its subscriber, and ends with it.
    #[must_use]
    pub fn begin_training(&self, hub: &Hub) -> Option<Topic> {
        let permit = Arc::clone(&self.runs).try_acquire_owned().ok()?;
        let topic = topic_of_its_own(training::TOPICS);
        self.going_on().insert(topic.clone());
        let run = training::run(hub.clone(), topic.clone(), hub.interest(&topic));
        let (demos, lifecycle) = (self.clone(), self.lifecycle.clone());
        let of_run = topic.clone();
        self.lifecycle.tasks().spawn(async move {
            tokio::select! {
                () = run => {}
                () = lifecycle.draining() => {}
            }
            demos.going_on().remove(&of_run);
            drop(permit);
        });
        Some(topic)
    }

    /// Begins a run of words on a topic of its own, which it returns; `None` when there are as many as
    /// may be.
    #[must_use]
    pub fn begin_words(&self, hub: &Hub) -> Option<Topic> {
        let permit = Arc::clone(&self.word_runs).try_acquire_owned().ok()?;
        let topic = topic_of_its_own(words::TOPICS);
        let run = words::run(hub.clone(), topic.clone(), self.lifecycle.clone());
        self.lifecycle.tasks().spawn(async move {
            run.await;
            drop(permit);
        });
        Some(topic)
    }

    /// Begins a run of slow readers, and returns the topic on which it tells of itself; `None` while
    /// there is one. It waits for its subscriber, and ends with it.
    #[must_use]
    pub fn begin_slow_readers(&self, hub: &Hub) -> Option<Topic> {
        let permit = Arc::clone(&self.slow_readers).try_acquire_owned().ok()?;
        let topic = topic_of_its_own(slow_readers::TOPICS);
        let reports = Arc::new(Reports::of_run(hub.clone(), topic.clone(), permit));
        let run = slow_readers::run(Arc::clone(&reports), hub.interest(&topic));
        self.spawn_watched(run, reports);
        Some(topic)
    }

    /// Begins a run of many readers, and returns the topic on which it tells of itself. It waits for its
    /// subscriber, and ends with it.
    ///
    /// # Errors
    /// While there is one, and where the readers have no place.
    pub fn begin_many_readers(
        &self,
        hub: &Hub,
        credentials: Credentials,
    ) -> Result<Topic, NoReaders> {
        let listener = self.own_listener.ok_or(NoReaders::NoListener)?;
        let permit = Arc::clone(&self.many_readers).try_acquire_owned();
        let permit = permit.map_err(|_| NoReaders::OneAtATime)?;
        many_readers::check_files()?;
        let topic = topic_of_its_own(many_readers::TOPICS);
        let interest = hub.interest(&topic);
        let reports = Arc::new(Reports::of_run(hub.clone(), topic.clone(), permit));
        let of_run = (hub.clone(), topic.clone());
        let readers = (listener, credentials);
        let run = many_readers::run(of_run, Arc::clone(&reports), interest, readers);
        self.spawn_watched(run, reports);
        Ok(topic)
    }

    /// A drain ends it, and the topic with it.
    fn spawn_watched(&self, run: impl Future<Output = ()> + Send + 'static, reports: Arc<Reports>) {
        let lifecycle = self.lifecycle.clone();
        self.lifecycle.tasks().spawn(async move {
            tokio::select! {
                () = run => {}
                () = lifecycle.draining() => reports.end().await,
            }
        });
    }

    /// The topic of the run that an event with this id is of, if its client can go on with it: while it
    /// goes on, and when it has ended, as long as that is known.
    pub async fn training_of(&self, hub: &Hub, id: &str) -> Option<Topic> {
        let topic = training::topic_of(id)?;
        let is_known = self.going_on().contains(&topic)
            || !hub.log().ended(std::slice::from_ref(&topic)).await.is_empty();
        is_known.then_some(topic)
    }

    fn going_on(&self) -> MutexGuard<'_, HashSet<Topic>> {
        self.going_on.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes the server's own stats to `fanfare/server` for as long as that has a subscriber.
pub fn start_server_stats(
    hub: &Hub,
    metrics: &Metrics,
    delivery: &Delivery,
    lifecycle: &Lifecycle,
) {
    let stats = server::Server::new(metrics.clone(), delivery.clone(), hub.clone());
    source::start(stats, topic("fanfare/server"), hub, lifecycle);
}

fn topic_of_its_own(prefix: &str) -> Topic {
    let name = uuid::Uuid::from_u128(rand::random());
    topic(&format!("{prefix}{name}"))
}

fn topic(name: &str) -> Topic {
    // The names are ours: short, and without control characters.
    #[expect(clippy::unwrap_used, reason = "the name is a constant of this module, or a UUID")]
    Topic::parse(name, 256).unwrap()
}
