//! Nodes over simulated brokers, and what is published at them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::super::super::{AppendError, EventFilter, PageLimit, ReadOutcome, ReadRange, Receipt};
use super::super::appends::Appends;
use super::super::follower::{StreamFollower, read_whole};
use super::super::retention::RetainedLimits;
use super::super::state::State;
use super::super::watch::watch_stream;
use super::SimulatedStream;
use crate::clock::Clock;
use crate::event::{Buffers, DraftFields, EncodedEvent, Epoch, Event, EventLimits, Sequence};

pub(super) const WIDE: RetainedLimits =
    RetainedLimits { messages_max: 1_000_000, bytes_max: 1 << 40, age_max_ms: u64::MAX };

pub(super) struct SimulatedNode {
    pub(super) state: Arc<State>,
    pub(super) appends: Arc<Appends<SimulatedStream>>,
    tasks: Vec<JoinHandle<()>>,
}

/// What a node shows: sequence, id, data and the bytes of the frame.
pub(super) type ShownEvents = Vec<(u64, String, String, String)>;

impl SimulatedNode {
    /// Starts one; it reads what is there.
    pub(super) async fn start(stream: SimulatedStream) -> Self {
        Self::start_retaining(stream, 1_000_000).await
    }

    /// One that counts as behind when it lacks half of so many.
    pub(super) async fn start_retaining(stream: SimulatedStream, events_max: usize) -> Self {
        let buffers = Buffers::default();
        let shared = loop {
            match read_whole(&stream, WIDE, &buffers, |_| false).await {
                Ok((shared, _)) => break shared,
                Err(_) => sleep(Duration::from_millis(500)).await,
            }
        };
        let clock = Clock::from_fn(|| 10_000_000);
        let state = Arc::new(State::new(shared, clock, (events_max, Duration::MAX)));
        let appends = Appends::new(stream.clone(), Arc::clone(&state), Duration::from_secs(15));
        let follower = StreamFollower {
            stream: stream.clone(),
            state: Arc::clone(&state),
            limits: WIDE,
            buffers,
        };
        let tasks = vec![
            tokio::spawn(follower.run()),
            tokio::spawn(watch_stream(stream, Arc::clone(&state))),
        ];
        Self { state, appends: Arc::new(appends), tasks }
    }

    pub(super) fn shown(&self) -> (Epoch, ShownEvents) {
        let shared = self.state.lock();
        let window = shared.replica.window();
        let bounds = window.bounds();
        let limit = PageLimit { events_max: usize::MAX, bytes_max: usize::MAX };
        let (mut after, mut shown) = (bounds.oldest.previous(), Vec::new());
        while after < bounds.head {
            let range = ReadRange { after, through: bounds.head };
            match window.read(bounds.epoch, range, EventFilter::Everything, limit) {
                ReadOutcome::Ready(page) => {
                    shown.extend(page.events.iter().map(|event| shown_of(event)));
                    after = page.through;
                }
                ReadOutcome::Failed { beyond } => after = beyond,
                other => panic!("{other:?}"),
            }
        }
        (bounds.epoch, shown)
    }

    /// Publishes events with these data, in one request.
    pub(super) fn publish(
        &self,
        events: Vec<(Option<String>, String)>,
    ) -> impl Future<Output = Vec<Answer>> + Send + 'static {
        let appends = Arc::clone(&self.appends);
        let drafts = events.iter().map(|(id, data)| {
            let fields = DraftFields {
                topics: vec!["t".into()],
                data: data.clone().into(),
                id: id.clone().map(Into::into),
                ..DraftFields::default()
            };
            let draft = fields.check(&EventLimits::default()).unwrap();
            EncodedEvent::encode(if id.is_some() { draft.idempotent() } else { draft })
        });
        let drafts: Vec<_> = drafts.collect();
        async move {
            let results = appends.append(drafts).await;
            let answer = |((_, data), result): ((_, String), _)| match result {
                Ok(Receipt { sequence, id, .. }) => {
                    Answer::Confirmed { sequence, id: id.to_string(), data }
                }
                Err(error) => Answer::Failed { error, data },
            };
            events.into_iter().zip(results).map(answer).collect()
        }
    }
}

fn shown_of(event: &Event) -> (u64, String, String, String) {
    let frame = std::str::from_utf8(event.frame()).expect("text");
    let data = frame.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
    (event.sequence().0, event.id().to_owned(), data.to_owned(), frame.to_owned())
}

impl Drop for SimulatedNode {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[derive(Debug)]
pub(super) enum Answer {
    Confirmed { sequence: Sequence, id: String, data: String },
    Failed { error: AppendError, data: String },
}

/// Waits until all nodes show the same; how long that took.
pub(super) async fn settled(nodes: &[SimulatedNode], stream: &SimulatedStream) -> Duration {
    let began = Instant::now();
    loop {
        let last = stream.brokers().last;
        let heads: Vec<_> = nodes.iter().map(|node| node.state.lock().known()).collect();
        let is_there =
            heads.iter().all(|known| known.head.0 == last && known.epoch == heads[0].epoch);
        if is_there {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{last} {heads:?}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// That all nodes show the same, nothing twice, and everything that was confirmed, with the id that
/// was confirmed.
pub(super) fn check(nodes: &[SimulatedNode], answers: &[Answer], may_lose: bool, seed: u64) {
    let shown = nodes[0].shown();
    for (number, node) in nodes.iter().enumerate() {
        let other = node.shown();
        let differ = other.1.iter().zip(&shown.1).find(|(theirs, ours)| theirs != ours);
        assert_eq!(differ, None, "seed {seed}: node {number}");
        let (counts, epochs) = ((other.1.len(), shown.1.len()), (other.0, shown.0));
        assert!(counts.0 == counts.1 && epochs.0 == epochs.1, "seed {seed}: {counts:?} {epochs:?}");
    }
    let mut by_data: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    for (sequence, id, data, _) in &shown.1 {
        let before = by_data.insert(data, (*sequence, id));
        assert_eq!(before, None, "seed {seed}: {data} twice");
    }
    for answer in answers {
        match answer {
            Answer::Confirmed { sequence, id, data } => match by_data.get(&**data) {
                Some(found) if may_lose => assert_eq!(found.1.len(), id.len(), "seed {seed}"),
                found => {
                    let expected = Some(&(sequence.0, &**id));
                    assert!(
                        may_lose || found == expected,
                        "seed {seed}: {data} {found:?} {expected:?}"
                    );
                }
            },
            // Another one may have published an event with the same id.
            Answer::Failed { data, .. } if data.starts_with("id ") => {}
            Answer::Failed { error: AppendError::Unavailable, data } => {
                assert!(!by_data.contains_key(&**data), "seed {seed}: {data} was refused");
            }
            Answer::Failed { error: AppendError::Unknown { .. }, .. } => {}
            Answer::Failed { error, data } => panic!("seed {seed}: {data} {error}"),
        }
    }
}
