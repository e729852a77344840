//! What an audience is to see of a page of the log, found in parts if it takes long.

use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

use super::super::audience::Audience;
use super::super::budget::{self, Budget};
use crate::event::Event;
use crate::topic::MatchProgress;

/// A page of candidates on its way through an audience's selectors and grants.
#[derive(Debug)]
pub(super) struct Selection {
    candidates: Peekable<IntoIter<Arc<Event>>>,
    /// How far the first of them has come, through the selectors or, after those, the grants.
    progress: MatchProgress,
    is_selected: bool,
    /// Something has been done since the last cut: after each, something is, however little budget
    /// is left.
    advanced: bool,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Event(Arc<Event>),
    End,
    /// The budget is spent before it is known.
    Cut,
}

impl Selection {
    pub(super) fn of(candidates: Vec<Arc<Event>>) -> Self {
        let candidates = candidates.into_iter().peekable();
        Self { candidates, progress: MatchProgress::default(), is_selected: false, advanced: false }
    }

    pub(super) fn next(&mut self, audience: &Audience, budget: &mut Budget) -> Next {
        while let Some(event) = self.candidates.peek() {
            if self.advanced && !budget.is_left() {
                self.advanced = false;
                return Next::Cut;
            }
            let event = Arc::clone(event);
            let Some(is_for_it) = self.go_on(&event, audience, budget) else {
                self.advanced = false;
                return Next::Cut;
            };
            self.advanced = true;
            self.is_selected = false;
            self.progress = MatchProgress::default();
            budget.spend(budget::LOOK);
            self.candidates.next();
            if is_for_it {
                return Next::Event(event);
            }
        }
        Next::End
    }

    /// Goes on finding whether the first candidate is for an audience; `None` when the budget is spent
    /// before that is known.
    fn go_on(&mut self, event: &Event, audience: &Audience, budget: &mut Budget) -> Option<bool> {
        if !self.is_selected {
            let topics = event.topics();
            if !budget.match_topics(&audience.selectors, topics, &mut self.progress)? {
                return Some(false);
            }
            self.is_selected = true;
            self.progress = MatchProgress::default();
        }
        budget.may_see(audience.grants(), event, &mut self.progress)
    }
}
