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
    /// How far the first of them has come.
    progress: MatchProgress,
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
        Self { candidates, progress: MatchProgress::default(), advanced: false }
    }

    pub(super) fn next(&mut self, audience: &Audience, budget: &mut Budget) -> Next {
        while let Some(event) = self.candidates.peek() {
            if self.advanced && !budget.is_left() {
                self.advanced = false;
                return Next::Cut;
            }
            let topics = event.topics();
            let Some(matches) =
                budget.match_topics(&audience.selectors, topics, &mut self.progress)
            else {
                self.advanced = false;
                return Next::Cut;
            };
            self.advanced = true;
            let of_grants = if event.is_private() { topics.len() } else { 0 };
            budget.spend(budget::LOOK * (1 + of_grants));
            self.progress = MatchProgress::default();
            let event = self.candidates.next();
            if let Some(event) = event.filter(|event| matches && audience.may_see(event)) {
                return Next::Event(event);
            }
        }
        Next::End
    }
}
