//! Waiting for something, but not for ever.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::timeout;

/// What comes of a future; nothing if that takes too long. What is there at once needs no timer.
pub(crate) async fn within<T>(wait_max: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    match future.as_mut().now_or_never() {
        Some(output) => Some(output),
        None => timeout(wait_max, future).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const WAIT_MAX: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_there_at_once_needs_no_timer() {
        assert_eq!(within(WAIT_MAX, ready(7)).now_or_never(), Some(Some(7)));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        assert_eq!(within(WAIT_MAX, pending::<()>()).await, None);
    }
}
