//! Publishers that each wait for their events to be confirmed before they publish the next.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use fanfare::event::EncodedEvent;
use fanfare_benches::{draft, topic};

/// The data of an event, in bytes.
const DATA_BYTES: usize = 150;
/// How many topics they are spread over.
const TOPICS: u64 = 1_000;
/// What is not measured at the beginning.
const WARM_UP: Duration = Duration::from_millis(500);

/// Takes one request at a time from each publisher.
pub(super) trait Appender: Send + Sync + 'static {
    /// Whether the events with these numbers were confirmed.
    fn append(&self, numbers: Range<u64>) -> impl Future<Output = bool> + Send;
}

/// Who publishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publishers {
    /// How many wait at the same time.
    pub(crate) count: usize,
    /// How many events each sends at once, as in the lines of a request.
    pub(crate) batch: u64,
}

impl Publishers {
    /// So many that send one event at a time.
    pub(crate) fn of_single_events(count: usize) -> Self {
        Self { count, batch: 1 }
    }
}

/// What publishers got done.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// Events, not requests.
    pub(crate) per_second: f64,
    /// How long a request took.
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// An event as publishers send it.
pub(super) fn event(number: u64) -> EncodedEvent {
    let topic = topic(&format!("bench/{}", number % TOPICS));
    EncodedEvent::encode(draft(&topic, DATA_BYTES))
}

/// Has so many publishers publish for a time.
pub(super) fn measure(
    log: &Arc<impl Appender>,
    publishers: Publishers,
    length: Duration,
) -> anyhow::Result<Published> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let (measuring, ended) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let next = Arc::new(AtomicU64::new(0));
        let batch = publishers.batch;
        let publishers: Vec<_> = (0..publishers.count)
            .map(|_| {
                let (log, next) = (Arc::clone(log), Arc::clone(&next));
                let (measuring, ended) = (Arc::clone(&measuring), Arc::clone(&ended));
                tokio::spawn(publisher(log, batch, next, measuring, ended))
            })
            .collect();
        tokio::time::sleep(WARM_UP).await;
        measuring.store(true, Ordering::Relaxed);
        let began = Instant::now();
        tokio::time::sleep(length).await;
        ended.store(true, Ordering::Relaxed);
        let took = began.elapsed();
        let mut waits = Vec::new();
        for publisher in publishers {
            waits.extend(publisher.await??);
        }
        ensure!(!waits.is_empty(), "nothing was confirmed");
        waits.sort_unstable();
        let at = |part: f64| waits[(part * (waits.len() - 1) as f64) as usize];
        Ok(Published {
            per_second: (waits.len() as u64 * batch) as f64 / took.as_secs_f64(),
            p50: at(0.5),
            p99: at(0.99),
        })
    })
}

/// How long each request took to be confirmed.
async fn publisher(
    log: Arc<impl Appender>,
    batch: u64,
    next: Arc<AtomicU64>,
    measuring: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
) -> anyhow::Result<Vec<Duration>> {
    let mut waits = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        let began = Instant::now();
        let first = next.fetch_add(batch, Ordering::Relaxed);
        let is_confirmed = log.append(first..first + batch).await;
        ensure!(is_confirmed, "an event behind the {first} before it was not confirmed");
        if measuring.load(Ordering::Relaxed) {
            waits.push(began.elapsed());
        }
    }
    Ok(waits)
}
