//! The beginning of a pass: what is new in the log, and which audiences get it.

use std::sync::Arc;

use super::super::budget::{self, Budget};
use super::super::mailbox::LoadedPart;
use super::{PASS, Shard};
use crate::event::{HubId, Sequence};
use crate::log::{EventFilter, LogReader, Page, PageLimit, ReadOutcome, ReadRange};
use crate::logging::log_limited;

/// The most events that wait for audiences at a time. One event can match very many patterns, and
/// a page of such would be held a million times over.
const ASSIGNED_MAX: usize = 64 << 10;

/// The most events that a pass begins with, if no audience gets much of them: where each of many
/// subscribers has a topic of its own, events for the same one meet in one write only if a pass is
/// longer than a page.
pub(super) const GATHERED_MAX: usize = 16 << 10;

/// What there is to hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gathered {
    /// Nothing is new.
    Nothing,
    /// Something is, and the budget was spent before it was known which audiences get any of it.
    NothingYet,
    /// Something is to be handed out, or it is known that no audience gets what is new.
    Some,
}

/// What has been assigned to audiences so far.
#[derive(Debug, Default)]
struct AssignedCount {
    events: usize,
    /// Counting an event once for each audience that gets it.
    times: usize,
    /// What is pending for the audience that has most, in bytes.
    fullest: usize,
}

impl AssignedCount {
    fn is_enough(&self) -> bool {
        self.events >= GATHERED_MAX || self.times >= ASSIGNED_MAX || self.fullest >= PASS.bytes_max
    }
}

impl Shard {
    /// Reads pages and assigns their events, until the segment of one audience is as large as it
    /// may be, there is enough to do, or the budget is spent. An event whose audiences could not
    /// all be found is read again by the next pass, which goes on with it.
    pub(super) fn gather(&mut self, budget: &mut Budget) -> Gathered {
        let began_at = self.seen;
        let mut assigned = AssignedCount::default();
        let mut cut = false;
        while !cut && budget.is_left() && !assigned.is_enough() && !self.loading.is_loading_head() {
            let range = ReadRange { after: self.seen, through: Sequence(u64::MAX) };
            let room = PageLimit { bytes_max: PASS.bytes_max - assigned.fullest, ..PASS };
            let waker = || self.mailbox.loaded_waker(LoadedPart::Head);
            let reader = LogReader { epoch: self.epoch, waker: &waker };
            let page = match self.log.read(&reader, range, EventFilter::Everything, room) {
                ReadOutcome::Ready(page) => page,
                // What has been gathered goes out first.
                ReadOutcome::Failed { .. } if self.seen > began_at => break,
                ReadOutcome::Failed { beyond } => {
                    self.pass_over_unreadable(beyond);
                    continue;
                }
                ReadOutcome::Loading => {
                    self.loading.wait_for_head();
                    break;
                }
                ReadOutcome::OtherEpoch => {
                    self.leave_epoch();
                    break;
                }
            };
            if page.through == self.seen {
                break;
            }
            budget.spend(budget::READ);
            // A page has one event even if that is larger than the room that is left.
            let too_large = page.events.first().is_some_and(|first| {
                first.frame().len() > room.bytes_max && page.events.len() == 1
            });
            if self.seen > began_at && (page.is_truncated || too_large) {
                // What has been gathered goes out first.
                break;
            }
            if page.is_truncated {
                let oldest = page.events.first().map(|event| event.sequence());
                self.was_passed(oldest.map_or(page.through, Sequence::previous));
            }
            cut = !self.assign(&page, &mut assigned, budget);
        }
        if self.seen > began_at || self.pass.has_audiences_to_serve() {
            Gathered::Some
        } else if cut {
            Gathered::NothingYet
        } else {
            Gathered::Nothing
        }
    }

    /// Matches the events of a page, until enough are waiting; false when the budget is spent
    /// before all audiences of an event are known.
    fn assign(&mut self, page: &Page, assigned: &mut AssignedCount, budget: &mut Budget) -> bool {
        for event in &page.events {
            let touched = self.pass.touched();
            let Some(to) = self.audiences.assign(event, touched, budget) else { return false };
            if to.audiences > 0 {
                self.pass.note_event(Arc::clone(event));
            }
            self.see_event(event);
            assigned.events += 1;
            assigned.times += to.audiences;
            assigned.fullest = assigned.fullest.max(to.fullest_bytes);
            budget.spend(budget::LOOK);
            if !budget.is_left() || assigned.times >= ASSIGNED_MAX {
                return true;
            }
        }
        if page.through > self.seen {
            self.set_seen(page.through, self.id_at(page.through));
        }
        true
    }

    fn see_event(&mut self, event: &crate::event::Event) {
        let epoch = self.epoch;
        let (sequence, accepted_ms) = (event.sequence(), event.accepted_ms());
        self.set_seen(sequence, Some(HubId { epoch, sequence, accepted_ms }));
    }

    /// The log no longer had what came next.
    fn was_passed(&mut self, lost: Sequence) {
        log_limited!(
            WARN,
            after = %self.seen,
            through = %lost,
            "the log has passed a shard, whose subscribers miss events and are told; raise --retain-events and --retain-bytes, or publish more slowly"
        );
        self.all_fell_behind(lost);
    }

    /// What comes next cannot be read.
    fn pass_over_unreadable(&mut self, beyond: Sequence) {
        log_limited!(
            ERROR,
            after = %self.seen,
            through = %beyond,
            "events cannot be read from the log, and subscribers are told of a gap; see to what keeps it"
        );
        self.all_fell_behind(beyond);
        self.set_seen(beyond, self.id_at(beyond));
    }

    /// Every subscriber has fallen behind, whatever its cursor was.
    fn all_fell_behind(&mut self, lost: Sequence) {
        self.lost = lost;
        self.overrun_walk = Some(self.audiences.walk());
    }

    /// Goes on noting all subscribers as having fallen behind; true when there are more.
    pub(super) fn continue_overrun(&mut self, budget: &mut Budget) -> bool {
        let Some(mut walk) = self.overrun_walk.take() else { return false };
        while budget.is_left() {
            let Some(key) = self.audiences.next_member(&mut walk) else { return false };
            self.behind.push_back(key);
            budget.spend(budget::LOOK);
        }
        self.overrun_walk = Some(walk);
        true
    }
}
