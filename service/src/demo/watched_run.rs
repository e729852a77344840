//! A run that begins when its topic has a subscriber, and ends when it has none any more.

use std::time::Duration;

use tokio::time::timeout;

use crate::hub::Interest;

/// The subscriber follows the request at once, or it is not coming.
const SUBSCRIBER_WAIT: Duration = Duration::from_secs(5);
/// One that was cut off is back within this time, or it is not coming back.
const RETURN_WAIT: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchedEnd {
    /// It did all that it does.
    Done,
    /// Nobody looks.
    Left,
}

/// Runs while somebody looks; what is left of the run is dropped when nobody does.
pub(super) async fn while_watched(
    mut interest: Interest,
    run: impl Future<Output = ()>,
) -> WatchedEnd {
    if timeout(SUBSCRIBER_WAIT, interest.some()).await.is_err() {
        return WatchedEnd::Left;
    }
    tokio::select! {
        () = run => WatchedEnd::Done,
        () = left_for_good(&mut interest) => WatchedEnd::Left,
    }
}

async fn left_for_good(interest: &mut Interest) {
    loop {
        interest.none().await;
        if timeout(RETURN_WAIT, interest.some()).await.is_err() {
            return;
        }
    }
}
