//! Whether a stream is still the one that a node has read.

use super::entry::Attempt;
use super::stream_config::StreamEpoch;
use crate::event::{Epoch, Sequence};

/// What a node knows of the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownStream {
    /// What its metadata said when it was last looked at.
    pub(super) recorded: StreamEpoch,
    /// The epoch that was read last.
    pub(super) epoch: Epoch,
    pub(super) head: Sequence,
    /// The last message; none if none was read.
    pub(super) head_message: Option<KnownMessage>,
    /// The oldest event that is shown; none if there is none.
    pub(super) oldest: Option<Sequence>,
    /// A message that was read has been found to be another one since.
    pub(super) has_diverged: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KnownMessage {
    pub(super) stored_ms: u64,
    pub(super) attempt: Option<Attempt>,
}

/// What the broker says of it now.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenStream {
    pub(super) recorded: StreamEpoch,
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    /// The message at the node's head, if there is one.
    pub(super) at_head: Option<KnownMessage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamVerdict {
    /// It goes on.
    Same,
    /// It has to be read from its beginning: it is another one, or has dropped what comes next.
    ReadAnew,
    /// It does not have what it confirmed: what follows is of another epoch.
    LostEvents,
}

pub(super) fn judge(known: &KnownStream, seen: &SeenStream) -> StreamVerdict {
    let is_known = seen.recorded == known.recorded || seen.recorded.epoch == known.epoch;
    if !is_known {
        return StreamVerdict::ReadAnew;
    }
    if known.has_diverged || seen.last < known.head {
        return StreamVerdict::LostEvents;
    }
    if known.oldest.is_some_and(|oldest| seen.first > oldest) && seen.first <= known.head.next() {
        return StreamVerdict::LostEvents;
    }
    if seen.first > known.head.next() {
        return StreamVerdict::ReadAnew;
    }
    let is_there = known.head_message.is_none() || known.head_message == seen.at_head;
    // The one before the first may have been dropped in its turn.
    if is_there || seen.first > known.head {
        StreamVerdict::Same
    } else {
        StreamVerdict::LostEvents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Epoch = Epoch::begun_at(1_000_000, 1);
    const OTHER: Epoch = Epoch::begun_at(2_000_000, 2);

    fn recorded(epoch: Epoch, from: u64) -> StreamEpoch {
        StreamEpoch { epoch, from: Sequence(from) }
    }

    fn message(number: u64) -> Option<KnownMessage> {
        Some(KnownMessage { stored_ms: number, attempt: Some(Attempt(number.into())) })
    }

    #[test]
    fn a_stream_goes_on_or_is_another_or_has_lost_something() {
        let known = KnownStream {
            recorded: recorded(ONE, 0),
            epoch: ONE,
            head: Sequence(50),
            head_message: message(50),
            oldest: Some(Sequence(20)),
            has_diverged: false,
        };
        let see = |recorded, first, last, at_head| SeenStream {
            recorded,
            first: Sequence(first),
            last: Sequence(last),
            at_head,
        };
        let cases = [
            (known, see(recorded(ONE, 0), 1, 50, message(50)), StreamVerdict::Same),
            (known, see(recorded(ONE, 0), 20, 90, message(50)), StreamVerdict::Same),
            // Re-created, restored from a copy, purged, cut.
            (known, see(recorded(OTHER, 0), 1, 90, message(50)), StreamVerdict::ReadAnew),
            (known, see(recorded(ONE, 0), 1, 49, None), StreamVerdict::LostEvents),
            (known, see(recorded(ONE, 0), 1, 50, message(51)), StreamVerdict::LostEvents),
            (known, see(recorded(ONE, 0), 1, 90, None), StreamVerdict::LostEvents),
            (known, see(recorded(ONE, 0), 21, 90, message(50)), StreamVerdict::LostEvents),
            (known, see(recorded(ONE, 0), 51, 50, None), StreamVerdict::LostEvents),
            (
                KnownStream { has_diverged: true, ..known },
                see(recorded(ONE, 0), 1, 90, message(50)),
                StreamVerdict::LostEvents,
            ),
            (
                KnownStream { has_diverged: true, ..known },
                see(recorded(OTHER, 60), 1, 90, message(50)),
                StreamVerdict::ReadAnew,
            ),
            // It went on so far that the next message is gone.
            (known, see(recorded(ONE, 0), 52, 90, None), StreamVerdict::ReadAnew),
            (
                KnownStream { oldest: None, ..known },
                see(recorded(ONE, 0), 51, 50, None),
                StreamVerdict::Same,
            ),
            (
                KnownStream { head_message: None, ..known },
                see(recorded(ONE, 0), 20, 50, message(50)),
                StreamVerdict::Same,
            ),
            // An epoch that was read, and is not recorded yet, or was recorded since.
            (
                KnownStream { epoch: OTHER, ..known },
                see(recorded(ONE, 0), 1, 50, message(50)),
                StreamVerdict::Same,
            ),
            (
                KnownStream { epoch: OTHER, ..known },
                see(recorded(OTHER, 45), 1, 50, message(50)),
                StreamVerdict::Same,
            ),
        ];
        for (known, seen, expected) in cases {
            assert_eq!(judge(&known, &seen), expected, "{known:?} {seen:?}");
        }
    }
}
