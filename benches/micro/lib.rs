//! Fixtures that the benches share: drafts, topics and a log that is filled.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use fanfare::clock::Clock;
use fanfare::event::{Draft, EncodedEvent};
use fanfare::log::{Log as _, MemoryLog, MemoryLogSettings};
use fanfare::topic::Topic;

/// A topic by its text.
///
/// # Panics
/// When the text is no topic; benches use good ones.
#[must_use]
pub fn topic(text: &str) -> Topic {
    #[expect(clippy::unwrap_used, reason = "benches use good topics")]
    Topic::parse(text, 4_096).unwrap()
}

/// An event of so many bytes of data.
#[must_use]
pub fn draft(topic: &Topic, data_bytes: usize) -> Draft {
    Draft::new(topic.clone(), "x".repeat(data_bytes))
}

/// A log with room for so many events.
#[must_use]
pub fn log(events_max: usize) -> Arc<MemoryLog> {
    let settings = MemoryLogSettings { events_max, ..MemoryLogSettings::default() };
    Arc::new(MemoryLog::new(settings, Clock::system()))
}

/// What a future gives that need not wait.
///
/// # Panics
/// When it has to; a log in memory has everything.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it has to wait"),
    }
}

/// Fills a log with events of 150 bytes, spread over topics `t/0`, `t/1`, …
pub fn fill(log: &MemoryLog, events: usize, topics: usize) {
    let topics: Vec<Topic> = (0..topics).map(|index| topic(&format!("t/{index}"))).collect();
    for index in 0..events {
        let event = EncodedEvent::encode(draft(&topics[index % topics.len()], 150));
        // In memory an append is done when it returns.
        drop(log.append(vec![event]));
    }
}
