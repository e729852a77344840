//! Where the stream ends, asked by many at once.

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::stream::SharedStream;
use crate::event::Sequence;

/// Asks the brokers where the stream ends. Clients that come back together share an answer: one
/// request is under way at a time, however many wait.
pub(super) struct Latest<S> {
    stream: S,
    seen: Mutex<Option<Seen>>,
}

#[derive(Clone, Copy)]
struct Seen {
    /// When it was asked for.
    asked: Instant,
    last: Sequence,
}

impl<S: SharedStream> Latest<S> {
    pub(super) fn of(stream: S) -> Self {
        Self { stream, seen: Mutex::default() }
    }

    /// The last message of the stream, now or later than now; nothing when the brokers do not answer.
    pub(super) async fn since_now(&self) -> Option<Sequence> {
        let now = Instant::now();
        let mut seen = self.seen.lock().await;
        if let Some(seen) = seen.filter(|seen| seen.asked >= now) {
            return Some(seen.last);
        }
        let asked = Instant::now();
        let last = self.stream.look().await.ok()?.last;
        *seen = Some(Seen { asked, last });
        Some(last)
    }
}
