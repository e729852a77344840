//! Streams of a shard that were ended for what they held, and some of whose bytes have yet to
//! leave.

use super::super::budget::{self, Budget};
use super::super::sink::Sink;
use crate::event::Buffers;

/// Their sinks, and their bytes, which count for all shards as pending release.
#[derive(Debug)]
pub(super) struct PendingRelease {
    ended: Vec<Ended>,
    buffers: Buffers,
    /// What of `buffers.pending_release()` is this shard's.
    counted: usize,
}

#[derive(Debug)]
struct Ended {
    sink: Box<dyn Sink>,
    is_disconnected: bool,
}

impl PendingRelease {
    pub(super) fn new(buffers: Buffers) -> Self {
        Self { ended: Vec::new(), buffers, counted: 0 }
    }

    /// How many streams there are.
    pub(super) fn len(&self) -> usize {
        self.ended.len()
    }

    /// A stream was ended. Some of its bytes may be held for a moment longer.
    pub(super) fn add(&mut self, sink: Box<dyn Sink>) {
        let held = sink.held();
        if held > 0 {
            self.ended.push(Ended { sink, is_disconnected: false });
            self.count(self.counted + held);
        }
    }

    /// Counts anew what is held, and forgets the streams whose bytes have left. Bytes that have
    /// left and were still counted would be taken off twice.
    pub(super) fn recount(&mut self) {
        let mut held = 0;
        self.ended.retain(|ended| {
            let held_by_it = ended.sink.held();
            held += held_by_it;
            held_by_it > 0
        });
        self.count(held);
    }

    /// Cuts the connections that take nothing, of those that still hold something, one after the
    /// other; false when the budget is spent before.
    pub(super) fn disconnect(&mut self, budget: &mut Budget) -> bool {
        for ended in self.ended.iter_mut().filter(|ended| !ended.is_disconnected) {
            ended.is_disconnected = true;
            if ended.sink.held() > 0 {
                ended.sink.disconnect();
            }
            if !budget.spend(budget::WRITE) {
                return false;
            }
        }
        true
    }

    fn count(&mut self, held: usize) {
        self.buffers.recount_pending_release(self.counted, held);
        self.counted = held;
    }
}

impl Drop for PendingRelease {
    fn drop(&mut self) {
        self.count(0);
    }
}
