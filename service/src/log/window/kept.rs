//! What of a window stays when it is beyond the bounds of the log, because a rule keeps it.
//!
//! An event that goes from the front of the window is kept while a rule holds it: its sequences stay in
//! the index, and its id is known. So the newest events of a topic, its end, and a repeated id are found as
//! ever. Who reads on through the log is not given it, because what lay between has gone: it is sent to
//! those who begin with what is retained.

use std::sync::Arc;

use super::super::retention_rule::{RetentionRules, RuleSet};
use super::super::{Page, PageLimit, ReadRange};
use super::kept_events::{KeptEvents, PastBound};
use super::{KeptSettings, Window, WindowLimits};
use crate::event::{Event, Sequence};
use crate::topic::{SelectorSet, Topic};

impl Window {
    /// The same window, which is empty, of which events are kept by rules.
    pub(in crate::log) fn with_rules(self, settings: KeptSettings) -> Self {
        Self { kept: KeptEvents::new(settings), ..self }
    }

    /// Keeps an event that has gone from the front, if a rule holds it at a time.
    pub(super) fn keep(&mut self, event: &Arc<Event>, now_ms: u64) -> bool {
        // What is for one stream alone nobody else can ask for.
        if self.kept.rules().is_empty() || event.is_for_one_stream() {
            return false;
        }
        let rules = self.by_topic.rules_for(event, self.kept.rules());
        let holding = self.kept.young_enough(rules, event.accepted_ms(), now_ms);
        if holding.is_empty() {
            return false;
        }
        self.kept.add(event, holding);
        let kept = &mut self.kept;
        self.by_topic.keep(event, |held| kept.topic_came(held));
        true
    }

    /// Keeps events of before the window that are not in it, in order, as far as rules hold them at a time.
    pub(in crate::log) fn adopt(&mut self, events: Vec<Arc<Event>>, now_ms: u64) {
        let complete_after = self.oldest().previous();
        // The newest first, since they may supersede others.
        for mut event in events.into_iter().rev() {
            if event.sequence() >= self.oldest() || self.is_kept(event.sequence()) {
                continue;
            }
            self.by_topic.insert(&event, self.kept.rules(), complete_after);
            if let Some(event) = Arc::get_mut(&mut event) {
                self.by_topic.share_texts(event);
            }
            if self.keep(&event, now_ms) {
                self.buffers.retain(event.buffer_held());
                self.ends += usize::from(event.ends_topic());
                if event.has_custom_id() {
                    self.by_custom_id.insert(event.id().into(), event.sequence());
                }
            } else {
                self.by_topic.remove(&event, true);
            }
        }
    }

    /// Events of these topics have gone that were not in the window.
    pub(in crate::log) fn note_gone<'a>(
        &mut self,
        events: impl Iterator<Item = (&'a Topic, Sequence)>,
    ) {
        events.for_each(|(topic, sequence)| self.by_topic.note_gone(topic, sequence));
    }

    /// Something has gone through here of which nobody knows the topics.
    pub(in crate::log) fn note_unknown_through(&mut self, through: Sequence) {
        self.unknown_through = self.unknown_through.max(through);
    }

    /// How many events of a topic are kept in a range, at most so many.
    pub(in crate::log) fn count_kept(
        &self,
        topic: &Topic,
        after: Sequence,
        through: Sequence,
        count_max: usize,
    ) -> usize {
        let newest_first = self.by_topic.newest_first(topic, through);
        newest_first.take(count_max).take_while(|&sequence| sequence > after).count()
    }

    /// The rules of this window.
    pub(in crate::log) fn rules(&self) -> &RetentionRules {
        self.kept.rules()
    }

    /// What is kept behind a sequence and through another, in order.
    pub(in crate::log) fn kept_between(
        &self,
        after: Sequence,
        through: Sequence,
    ) -> impl Iterator<Item = &Arc<Event>> {
        self.kept.range(after, through)
    }

    /// Drops what has been superseded by a new event.
    pub(super) fn drop_superseded_by(&mut self, event: &Event) {
        if self.kept.is_empty() {
            return;
        }
        for sequence in self.by_topic.superseded_by(event, self.kept.rules()) {
            self.drop_unless_held(sequence);
        }
    }

    /// Drops what is kept and beyond a bound, at most so many; whether there may be more.
    pub(super) fn drop_past_bounds(&mut self, limits: &WindowLimits, count_max: usize) -> bool {
        for _ in 0..count_max {
            match self.kept.next_past_bound(limits.now_ms, limits.counts_kept) {
                None => return false,
                Some(PastBound::OfRule(sequence)) => self.drop_unless_held(sequence),
                Some(PastBound::OfAll(sequence)) => self.drop_kept(sequence, true),
            }
        }
        true
    }

    fn drop_unless_held(&mut self, sequence: Sequence) {
        let Some(event) = self.kept.get(sequence) else { return };
        let rules = self.by_topic.rules_for(event, self.kept.rules());
        if !self.kept.is_still_held(sequence, rules) {
            self.drop_kept(sequence, false);
        }
    }

    fn drop_kept(&mut self, sequence: Sequence, for_room: bool) {
        let Some(event) = self.kept.remove(sequence, for_room) else { return };
        let kept = &mut self.kept;
        self.by_topic.remove_kept(&event, |held| kept.topic_went(held));
        self.forget(&event);
    }

    /// A sequence, if something is kept before it or at it.
    pub(in crate::log) fn kept_through(&self, through: Sequence) -> Option<Sequence> {
        self.kept.range(Sequence(0), through).next().map(|_| through)
    }

    /// An event, if it is kept.
    pub(in crate::log) fn kept(&self, sequence: Sequence) -> Option<&Arc<Event>> {
        self.kept.get(sequence)
    }

    /// What is held for what is kept, in bytes.
    pub(in crate::log) fn kept_bytes(&self) -> usize {
        self.kept.totals().bytes
    }

    /// The most bytes that may be kept.
    pub(in crate::log) fn kept_bytes_max(&self) -> usize {
        self.kept.bytes_max()
    }

    /// So many events that rules hold are not kept for want of room.
    pub(in crate::log) fn kept_no_room_for(&mut self, count: u64) {
        self.kept.no_room_for(count);
    }

    /// Drops an event that none of some rules holds, which are those for its topics that want it.
    pub(in crate::log) fn keep_only_by(&mut self, sequence: Sequence, rules: RuleSet) {
        if self.is_kept(sequence) && !self.kept.is_still_held(sequence, rules) {
            self.drop_kept(sequence, false);
        }
    }

    /// Whether an event is kept.
    pub(in crate::log) fn is_kept(&self, sequence: Sequence) -> bool {
        self.kept.get(sequence).is_some()
    }

    /// Reads one page of what is kept in a range. For other selectors than exact topics it has all events,
    /// as `read` has.
    pub(in crate::log) fn read_kept(
        &self,
        range: ReadRange,
        selectors: &SelectorSet,
        limit: PageLimit,
    ) -> Page {
        let mut page = match selectors.exact_topics() {
            Some(topics) => self.page_of_topics(topics, range, limit),
            None => self.page(self.kept.range(range.after, range.through), range, limit),
        };
        page.is_truncated = false;
        page
    }

    /// The beginning of a range that is kept without a break, if it begins with what is kept.
    pub(in crate::log) fn read_kept_run(&self, range: ReadRange, limit: PageLimit) -> Option<Page> {
        let through = range.through.min(self.oldest().previous());
        if range.after >= through || self.kept.is_empty() {
            return None;
        }
        let run = (range.after.next().0..=through.0).map(Sequence);
        let run = run.map_while(|sequence| self.kept.get(sequence)).take(limit.events_max);
        let run: Vec<&Arc<Event>> = run.collect();
        let last = run.last()?.sequence();
        let run = run.into_iter();
        Some(self.page(run, ReadRange { after: range.after, through: last }, limit))
            .map(|page| Page { is_truncated: false, ..page })
    }

    /// Whether nothing behind a sequence has gone of any of some topics.
    pub(in crate::log) fn is_complete_after<'a>(
        &self,
        mut topics: impl Iterator<Item = &'a Topic>,
        after: Sequence,
    ) -> bool {
        self.unknown_through <= after
            && topics
                .all(|topic| self.by_topic.complete_after(topic).is_some_and(|gone| gone <= after))
    }
}
