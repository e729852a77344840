//! What stands in the headers of a message.

use async_nats::HeaderMap;

use super::entry::Attempt;
use crate::event::Epoch;

/// What a node sends an attempt under, by which the brokers know it again.
pub(super) const ATTEMPT_HEADER: &str = "Nats-Msg-Id";
/// The epoch that a message begins.
pub(super) const EPOCH_HEADER: &str = "Fanfare-Epoch";

pub(super) fn attempt_of(headers: &HeaderMap) -> Option<Attempt> {
    Attempt::parse(headers.get(ATTEMPT_HEADER)?.as_str())
}

pub(super) fn epoch_of(headers: &HeaderMap) -> Option<Epoch> {
    headers.get(EPOCH_HEADER)?.as_str().parse().ok().map(Epoch::from_bits)
}

/// Counted alike by every node, whatever the order in which they stand.
pub(super) fn bytes_of(headers: &HeaderMap) -> usize {
    let bytes = headers.iter().flat_map(|(name, values)| {
        let name = AsRef::<str>::as_ref(name).len();
        values.iter().map(move |value| name + value.as_str().len() + 4)
    });
    bytes.sum()
}
