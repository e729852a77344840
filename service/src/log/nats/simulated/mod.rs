//! A broker in memory, for the orders of events that real ones hardly ever bring about: what it confirms
//! and does not, what it stores late, which messages it loses, and what its clocks say, is drawn from a
//! seed. Its time is that of the tests.

mod backpressure;
mod nodes;
mod reading;
mod topic_ends;
mod unusual_orders;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::{Instant, sleep};

use super::entry::Attempt;
use super::identity::{KnownMessage, SeenStream};
use super::stream::{Confirmation, LookError, ReadingError, SharedStream, StreamState};
use super::stream_config::StreamEpoch;
use crate::event::{Epoch, Sequence};
use reading::SimulatedReading;

const HEARTBEAT: Duration = Duration::from_millis(500);
const SILENCE: Duration = Duration::from_secs(2);
/// How long one that was cut off from the others goes on as their leader, at most.
const ISOLATED_LEADER_MAX: Duration = Duration::from_secs(20);

/// A message as it is stored.
#[derive(Clone, Debug)]
struct Stored {
    ms: u64,
    attempt: Option<Attempt>,
    epoch: Option<Epoch>,
    body: Bytes,
}

/// The brokers, for all nodes.
pub(super) struct SimulatedBrokers {
    began: Instant,
    random: StdRng,
    recorded: StreamEpoch,
    epochs: u64,
    /// By sequence; what is missing was lost.
    messages: BTreeMap<u64, Stored>,
    last: u64,
    known: HashMap<Attempt, u64>,
    /// How many milliseconds the clock of the leader is before that of the others.
    ahead_ms: i64,
    leaders: u64,
    has_leader: bool,
    connections: HashMap<usize, u64>,
    cut_off: HashMap<usize, bool>,
    /// Nodes whose broker is without the others, and since when.
    isolated: HashMap<usize, IsolatedBroker>,
    /// How often nodes probed other brokers.
    probes: usize,
    /// How many of a hundred sends go wrong.
    trouble: u32,
}

/// The brokers as one node sees them.
#[derive(Clone)]
pub(super) struct SimulatedStream {
    shared: Arc<Mutex<SimulatedBrokers>>,
    node: usize,
}

impl SimulatedStream {
    pub(super) fn new(seed: u64, trouble: u32) -> Self {
        let epoch = Epoch::begun_at(1_000_000, 1);
        let brokers = SimulatedBrokers {
            began: Instant::now(),
            random: StdRng::seed_from_u64(seed),
            recorded: StreamEpoch { epoch, from: Sequence(0) },
            epochs: 1,
            messages: BTreeMap::new(),
            last: 0,
            known: HashMap::new(),
            ahead_ms: 0,
            leaders: 0,
            has_leader: true,
            connections: HashMap::new(),
            cut_off: HashMap::new(),
            isolated: HashMap::new(),
            probes: 0,
            trouble,
        };
        Self { shared: Arc::new(Mutex::new(brokers)), node: 0 }
    }

    /// The same brokers for another node.
    pub(super) fn of_node(&self, node: usize) -> Self {
        Self { shared: Arc::clone(&self.shared), node }
    }

    pub(super) fn brokers(&self) -> MutexGuard<'_, SimulatedBrokers> {
        self.shared.lock().unwrap()
    }

    fn check_reachable(&self) -> Result<(), LookError> {
        let brokers = self.brokers();
        if brokers.is_cut_off(self.node) || !brokers.has_leader {
            return Err(LookError::Away("nobody answers".to_owned()));
        }
        Ok(())
    }
}

impl SimulatedBrokers {
    pub(super) fn random(&mut self) -> &mut StdRng {
        &mut self.random
    }

    /// Everything goes right from now on.
    pub(super) fn heal(&mut self) {
        self.trouble = 0;
        self.has_leader = true;
        self.cut_off.clear();
        self.isolated.clear();
    }

    pub(super) fn cut_off(&mut self, node: usize, is_cut_off: bool) {
        self.cut_off.insert(node, is_cut_off);
        if !is_cut_off {
            self.reconnect(node);
        }
    }

    /// The broker of this node led the stream and is cut off from the others, for as long as the node stays
    /// there.
    pub(super) fn isolate(&mut self, node: usize) {
        let last = self.state();
        self.isolated.entry(node).or_insert(IsolatedBroker { since: Instant::now(), last });
    }

    pub(super) fn probes(&self) -> usize {
        self.probes
    }

    pub(super) fn reconnect(&mut self, node: usize) {
        *self.connections.entry(node).or_insert(1) += 1;
    }

    pub(super) fn lose_leader(&mut self) {
        self.has_leader = false;
    }

    /// Another one leads, whose clock is minutes before or behind.
    pub(super) fn elect(&mut self) {
        self.has_leader = true;
        self.leaders += 1;
        self.ahead_ms = self.random.random_range(-300_000..300_000);
    }

    /// The newest messages are lost, though they were confirmed.
    pub(super) fn lose_tail(&mut self, count: u64) {
        let last = self.last.saturating_sub(count);
        self.messages.retain(|&sequence, _| sequence <= last);
        self.known.retain(|_, sequence| *sequence <= last);
        self.last = last;
        // No broker loses anything but by an election.
        self.leaders += 1;
    }

    /// The stream was deleted and made anew.
    pub(super) fn make_anew(&mut self) {
        self.messages.clear();
        self.known.clear();
        self.last = 0;
        let epoch = self.next_epoch();
        self.recorded = StreamEpoch { epoch, from: Sequence(0) };
    }

    /// A disk has lost a message in the middle.
    pub(super) fn lose(&mut self, sequence: Sequence) {
        self.messages.remove(&sequence.0);
    }

    /// Somebody else writes into the subject.
    pub(super) fn take_garbage(&mut self) {
        self.store(None, None, Bytes::from_static(b"garbage"));
    }

    fn next_epoch(&mut self) -> Epoch {
        self.epochs += 1;
        Epoch::begun_at(1_000_000 + self.epochs * 1_000_000, self.epochs as u8)
    }

    fn is_cut_off(&self, node: usize) -> bool {
        self.cut_off.get(&node).copied().unwrap_or_default()
    }

    fn now_ms(&self) -> u64 {
        let ms = 10_000_000 + self.began.elapsed().as_millis() as i64 + self.ahead_ms;
        ms as u64
    }

    fn store(&mut self, attempt: Option<Attempt>, epoch: Option<Epoch>, body: Bytes) {
        if attempt.is_some_and(|attempt| self.known.contains_key(&attempt)) {
            return;
        }
        self.last += 1;
        let (sequence, ms) = (self.last, self.now_ms());
        self.messages.insert(sequence, Stored { ms, attempt, epoch, body });
        self.known.extend(attempt.map(|attempt| (attempt, sequence)));
    }

    fn state(&self) -> StreamState {
        let first = self.messages.keys().next().map_or(self.last + 1, |&first| first);
        let first_ms = match self.messages.values().next() {
            Some(first) if *self.messages.keys().next().unwrap() > 1 => first.ms,
            _ => 1,
        };
        StreamState {
            recorded: self.recorded,
            first: Sequence(first),
            last: Sequence(self.last),
            first_ms,
            leader: Some(self.leaders.to_string()),
            majority_ago: Duration::ZERO,
        }
    }

    fn is_isolated(&self, node: usize) -> bool {
        self.isolated.contains_key(&node)
    }

    fn is_troubled(&mut self) -> bool {
        let trouble = self.trouble;
        self.random.random_range(0..100) < trouble
    }
}

/// A former leader that does not know of it.
struct IsolatedBroker {
    since: Instant,
    /// What the stream had then.
    last: StreamState,
}

impl IsolatedBroker {
    fn look(&self) -> StreamState {
        let last = self.last.clone();
        let majority_ago = self.since.elapsed();
        // It answers on when it has noticed.
        if majority_ago > ISOLATED_LEADER_MAX {
            return StreamState { majority_ago: Duration::MAX, leader: None, ..last };
        }
        StreamState { majority_ago, ..last }
    }
}

/// What becomes of an event that is sent.
enum Fate {
    Confirmed,
    Refused,
    /// It is lost on its way.
    Lost,
    /// It is stored, and nobody is told.
    Silent,
    /// It is stored when its sender has long given up waiting.
    Late,
}

impl SharedStream for SimulatedStream {
    type Reading = SimulatedReading;
    type Confirming = BoxFuture<'static, Confirmation>;

    fn name(&self) -> &str {
        "simulated"
    }

    fn body_bytes_max(&self) -> usize {
        1 << 20
    }

    fn is_connected(&self) -> bool {
        !self.brokers().is_cut_off(self.node)
    }

    fn connections(&self) -> u64 {
        self.brokers().connections.get(&self.node).copied().unwrap_or(1)
    }

    async fn fail_over(&self) -> bool {
        sleep(Duration::from_millis(1)).await;
        let mut brokers = self.brokers();
        brokers.probes += 1;
        let is_better = brokers.has_leader && brokers.isolated.remove(&self.node).is_some();
        if is_better {
            brokers.reconnect(self.node);
        }
        is_better
    }

    async fn look(&self) -> Result<StreamState, LookError> {
        sleep(Duration::from_millis(1)).await;
        self.check_reachable()?;
        let brokers = self.brokers();
        let isolated = brokers.isolated.get(&self.node);
        Ok(isolated.map_or_else(|| brokers.state(), IsolatedBroker::look))
    }

    async fn look_at(&self, head: Sequence) -> Result<SeenStream, LookError> {
        let StreamState { recorded, first, last, .. } = self.look().await?;
        let brokers = self.brokers();
        let at_head = brokers.messages.get(&head.0);
        let at_head =
            at_head.map(|stored| KnownMessage { stored_ms: stored.ms, attempt: stored.attempt });
        Ok(SeenStream { recorded, first, last, at_head })
    }

    async fn read_from(&self, first: Sequence) -> Result<SimulatedReading, ReadingError> {
        sleep(Duration::from_millis(1)).await;
        self.check_reachable().map_err(|error| ReadingError::Consumer(error.to_string()))?;
        let connections = self.connections();
        Ok(SimulatedReading::begin(self.clone(), first, connections))
    }

    async fn send(&self, attempt: Attempt, body: Bytes) -> Option<Self::Confirming> {
        if !self.is_connected() {
            return None;
        }
        let fate = {
            let mut brokers = self.brokers();
            if brokers.is_isolated(self.node) { Fate::Lost } else { brokers.fate() }
        };
        if matches!(fate, Fate::Confirmed | Fate::Silent) {
            self.brokers().store(Some(attempt), None, body.clone());
        }
        let shared = self.clone();
        if matches!(fate, Fate::Late) {
            tokio::spawn(async move {
                sleep(SILENCE + HEARTBEAT).await;
                shared.brokers().store(Some(attempt), None, body);
            });
        }
        Some(
            async move {
                match fate {
                    Fate::Confirmed => Confirmation::Stored,
                    Fate::Refused => Confirmation::Refused,
                    Fate::Lost | Fate::Silent | Fate::Late => {
                        sleep(SILENCE).await;
                        Confirmation::Unclear
                    }
                }
            }
            .boxed(),
        )
    }

    async fn begin_epoch(&self, last: Sequence) -> Result<(), LookError> {
        self.look().await?;
        let mut brokers = self.brokers();
        if brokers.last == last.0 {
            let epoch = brokers.next_epoch();
            brokers.store(Some(Attempt::random()), Some(epoch), Bytes::new());
        }
        Ok(())
    }

    async fn record(&self, begun: StreamEpoch) -> Result<(), LookError> {
        self.look().await?;
        self.brokers().recorded = begun;
        Ok(())
    }
}

impl SimulatedBrokers {
    fn fate(&mut self) -> Fate {
        if !self.has_leader {
            return if self.random.random_bool(0.5) { Fate::Refused } else { Fate::Lost };
        }
        if !self.is_troubled() {
            return Fate::Confirmed;
        }
        match self.random.random_range(0..4) {
            0 => Fate::Refused,
            1 => Fate::Lost,
            2 => Fate::Silent,
            _ => Fate::Late,
        }
    }
}
