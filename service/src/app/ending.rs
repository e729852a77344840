//! What the process waits for at its end, and how long.

use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::delivery::{Delivery, DeliveryThreads};
use crate::lifecycle::Lifecycle;
use crate::log::Log;

/// How long the process waits until the log has written its last events.
const FLUSH_GRACE: Duration = Duration::from_secs(2);
/// How long the process waits for its shards when everything else has ended.
const SHARDS_GRACE: Duration = Duration::from_secs(2);
/// How often it looks whether they have ended.
const SHARDS_LOOK: Duration = Duration::from_millis(10);

/// What a log has confirmed is as durable as it promises already; this is for what it promises to
/// make durable soon.
pub(super) async fn flush(log: &dyn Log) {
    if timeout(FLUSH_GRACE, log.close()).await.is_err() {
        tracing::warn!(
            "the event log takes too long to write its last events; ending without them"
        );
    }
}

pub(super) async fn join(threads: DeliveryThreads) {
    if end_in_time(|| threads.have_ended()).await {
        threads.join();
    } else {
        tracing::warn!(
            "a shard does not end; ending without it. Please report what was subscribed and published"
        );
    }
}

/// Whoever watched the end has nothing more to see.
pub(super) async fn join_admin(threads: Vec<JoinHandle<()>>) {
    end_in_time(|| threads.iter().all(JoinHandle::is_finished)).await;
}

/// Ends what runs beside the tasks of the server when that is dropped, also where it was not run to its
/// end: a process that it shares with another program goes on without it.
#[derive(Debug)]
pub(super) struct EndOnDrop {
    lifecycle: Lifecycle,
    delivery: Delivery,
    everything_else: CancellationToken,
}

impl EndOnDrop {
    pub(super) fn new(lifecycle: &Lifecycle, delivery: &Delivery) -> Self {
        let (lifecycle, delivery) = (lifecycle.clone(), delivery.clone());
        Self { lifecycle, delivery, everything_else: CancellationToken::new() }
    }

    /// Is cancelled when connections and shards have ended.
    pub(super) fn everything_else(&self) -> &CancellationToken {
        &self.everything_else
    }
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.lifecycle.drain();
        self.lifecycle.close();
        self.lifecycle.force_close();
        self.delivery.stop();
        self.everything_else.cancel();
    }
}

/// A shard that is busy, or stuck, does not keep the process from its end.
async fn end_in_time(have_ended: impl Fn() -> bool) -> bool {
    let ended = async {
        while !have_ended() {
            sleep(SHARDS_LOOK).await;
        }
    };
    timeout(SHARDS_GRACE, ended).await.is_ok()
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn shards_are_waited_for_and_one_that_does_not_end_only_for_a_moment() {
        let began = Instant::now();
        assert!(end_in_time(|| began.elapsed() >= Duration::from_secs(1)).await);
        assert_eq!(began.elapsed().as_secs(), 1);
        assert!(!end_in_time(|| false).await);
        assert_eq!(began.elapsed().as_secs(), 3);
    }
}
