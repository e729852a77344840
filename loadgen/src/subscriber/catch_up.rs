//! A subscriber that has come back gets first what it missed: the events that were sent before its new
//! stream was there. When the last of those has come it has caught up.

use crate::clock::Moment;
use crate::measure::Recorder;

/// A subscriber that has come back, until an event comes that was sent later than that.
#[derive(Clone, Copy, Debug)]
pub(super) struct CatchUp {
    /// When the attempt began.
    began: Moment,
    /// When its response headers were there.
    opened: Moment,
    /// When the last event came of those that had been sent by then; when the stream was opened, if
    /// there was none.
    last: Moment,
}

impl CatchUp {
    pub(super) fn begin(began: Moment, opened: Moment) -> Self {
        Self { began, opened, last: opened }
    }

    /// An event has come that was sent at this moment. Says whether all that was missed had come
    /// before it.
    pub(super) fn take(&mut self, sent: Moment, now: Moment) -> bool {
        if sent < self.opened {
            self.last = now;
            return false;
        }
        true
    }

    pub(super) fn record(self, recorder: &mut Recorder) {
        recorder.phases.catch_up.record(self.last.since(self.began));
        recorder.recovery.add(self.began, self.last);
    }
}
