//! What a supervisor is told that asked for it (`NOTIFY_SOCKET`, the protocol of systemd).

use sd_notify::{NotifyState, notify};

/// Clients are served from now on.
pub fn tell_ready() {
    tell(&[NotifyState::Ready]);
}

/// The drain has begun.
pub fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Without a supervisor this does nothing.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = notify(states) {
        tracing::warn!(%error, "cannot tell the supervisor; it may take this server for one that does not start");
    }
}
