//! The end of an epoch of the log: nothing that a stream has read can be compared with what comes
//! now, so all streams end, their clients come back, and the log finds where they go on.

use super::super::budget::{self, Budget};
use super::{JoinedPages, LoadingPages, Shard};
use crate::event::Sequence;
use crate::metrics::EndReason;

impl Shard {
    /// The log says that a new epoch has begun, or answered as if.
    pub(super) fn leave_epoch(&mut self) {
        if self.log.bounds().epoch != self.epoch && self.epoch_walk.is_none() {
            let streams = self.subscribers.len();
            tracing::warn!(
                streams,
                "the event log has begun a new epoch; all streams end and come back"
            );
            self.epoch_walk = Some(self.audiences.walk());
        }
    }

    /// Goes on ending all streams; when none is left, the shard begins anew at the head. Until then
    /// nothing else is done, and none joins.
    pub(super) fn end_epoch(&mut self, mut budget: Budget) {
        let Some(mut walk) = self.epoch_walk.take() else { return };
        while budget.is_left() {
            let Some(key) = self.audiences.next_member(&mut walk) else {
                return self.begin_epoch();
            };
            self.remove(key, EndReason::Epoch);
            budget.spend(2 * budget::WRITE);
        }
        self.epoch_walk = Some(walk);
    }

    fn begin_epoch(&mut self) {
        debug_assert!(self.subscribers.is_empty(), "all streams have ended");
        let bounds = self.log.bounds();
        self.epoch = bounds.epoch;
        self.lost = Sequence(0);
        self.behind.clear();
        self.joined_pages = JoinedPages::default();
        self.loading = LoadingPages::default();
        self.overrun_walk = None;
        self.search = None;
        self.audiences.forget_cut_event();
        self.pass.abandon();
        self.set_seen(bounds.head, Some(bounds.head_id()));
        self.publish_seen();
    }
}
