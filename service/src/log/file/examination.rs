//! Looking on the disk for what rules keep of events that are about to be retained no longer.
//!
//! They are read from the newest to the oldest, so that of each topic it is known how many events are newer:
//! those in memory, those on the disk between, which an index finds, and those seen before.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use super::cold_page::{ColdPageKey, LoadedPage, ReadDirection, ReadFault};
use super::disk::Disk;
use super::indexed_segment::IndexedSegment;
use super::retained::Retained;
use super::segment_reader::SegmentReader;
use crate::event::{Buffers, Event, Sequence};
use crate::log::retention_rule::{RetentionRules, RuleSet};
use crate::log::window::TOPICS_AT_ONCE;
use crate::topic::Topic;

/// What is read at once.
const PAGE_EVENTS: usize = 1_024;
const PAGE_BYTES: usize = 1 << 20;

/// Looks at some events that have an index, with nothing of them in memory.
pub(super) struct Examination<'a, D> {
    reader: &'a SegmentReader<D>,
    retained: &'a Retained,
    segments: Arc<Vec<Arc<IndexedSegment>>>,
    rules: RetentionRules,
    /// From here on everything is in memory.
    memory_from: Sequence,
    now_ms: u64,
    /// What may be kept, in bytes.
    bytes_left: usize,
    topics: HashMap<Topic, ExaminedTopic>,
}

/// What is known of a topic that rules are for.
#[derive(Clone, Copy, Debug)]
struct ExaminedTopic {
    rules: RuleSet,
    /// How many of its events are newer than what is looked at, or as many as any rule wants.
    newer: usize,
    /// The newest that is not kept.
    gone: Option<Sequence>,
}

/// Events that rules keep, until the window has them: the log holds them, and not those who read slowly.
#[derive(Debug, Default)]
pub(super) struct HeldEvents {
    /// The newest first.
    events: VecDeque<Arc<Event>>,
    buffers: Option<Buffers>,
}

impl HeldEvents {
    fn push(&mut self, event: Arc<Event>, buffers: &Buffers) {
        self.buffers.get_or_insert_with(|| buffers.clone()).retain(event.buffer_held());
        self.events.push_back(event);
    }

    /// Hands over the newest of them, at most so many, the oldest of these first; nothing when all are.
    pub(super) fn hand_over(
        &mut self,
        count_max: usize,
        take: impl FnOnce(Vec<Arc<Event>>),
    ) -> Option<()> {
        let mut topics = 0;
        let some = self.events.iter().take(count_max).take_while(|event| {
            let is_one_more = topics < TOPICS_AT_ONCE;
            topics += event.topics().len();
            is_one_more
        });
        let count = some.count();
        let mut some: Vec<_> = self.events.drain(..count).collect();
        if some.is_empty() {
            return None;
        }
        some.reverse();
        let held = some.iter().map(|event| event.buffer_held()).sum();
        take(some);
        if let Some(buffers) = &self.buffers {
            buffers.release(held);
        }
        Some(())
    }
}

impl Drop for HeldEvents {
    fn drop(&mut self) {
        while self.hand_over(usize::MAX, drop).is_some() {}
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// What rules keep.
    pub(super) held: HeldEvents,
    /// The newest of each topic that they do not.
    pub(super) gone: Vec<(Topic, Sequence)>,
    /// How many they would keep if there were room.
    pub(super) without_room: u64,
    /// The last that could not be read: nobody knows what topics it had.
    pub(super) unknown_through: Sequence,
}

impl<'a, D: Disk> Examination<'a, D> {
    pub(super) fn new(reader: &'a SegmentReader<D>, retained: &'a Retained, now_ms: u64) -> Self {
        let state = retained.lock();
        Self {
            reader,
            retained,
            segments: Arc::clone(state.segments()),
            rules: state.window.rules().clone(),
            memory_from: state.window.oldest(),
            now_ms,
            bytes_left: state.window.kept_bytes_max(),
            topics: HashMap::new(),
        }
    }

    /// Looks at all from one event to before another. `between` is called from time to time.
    ///
    /// # Errors
    /// When it cannot be read now: what is damaged is gone, and all else can be looked at later.
    pub(super) fn of(mut self, range: Range<Sequence>, between: impl Fn()) -> io::Result<Examined> {
        let mut examined = Examined::default();
        let mut from = range.end.previous();
        while from >= range.start {
            between();
            let page = self.reader.load(&self.segments, &backwards(from, None, PAGE_EVENTS));
            from = match page {
                LoadedPage::Unreadable { to, fault } => {
                    lost_only(fault)?;
                    examined.unknown_through = examined.unknown_through.max(from);
                    to
                }
                LoadedPage::Events { events, to } => {
                    for event in events.into_iter().filter(|event| event.sequence() >= range.start)
                    {
                        self.look_at(event, range.end, &mut examined)?;
                    }
                    to
                }
            };
        }
        let gone = self.topics.into_iter();
        examined.gone = gone.filter_map(|(topic, known)| Some((topic, known.gone?))).collect();
        Ok(examined)
    }

    fn look_at(
        &mut self,
        event: Arc<Event>,
        end: Sequence,
        examined: &mut Examined,
    ) -> io::Result<()> {
        let mut standing = RuleSet::default();
        for topic in event.topics() {
            let Some(known) = self.known(topic, end)? else { continue };
            let rules = self.rules.each_of(known.rules);
            for (number, rule) in rules {
                if rule.newest.is_none_or(|newest| known.newer < newest.get()) {
                    standing = standing.with(RuleSet::of(number));
                }
            }
        }
        let young = |(_, rule): &(usize, &_)| is_young(&event, rule, self.now_ms);
        let is_held =
            !event.is_for_one_stream() && self.rules.each_of(standing).any(|rule| young(&rule));
        let bytes = event.bytes_held();
        let has_room = bytes <= self.bytes_left;
        for topic in event.topics() {
            let Some(known) = self.topics.get_mut(topic) else { continue };
            known.newer = known.newer.saturating_add(1);
            if !(is_held && has_room) {
                known.gone.get_or_insert(event.sequence());
            }
        }
        if is_held && has_room {
            self.bytes_left -= bytes;
            examined.held.push(event, self.reader.buffers());
        } else if is_held {
            examined.without_room += 1;
        }
        Ok(())
    }

    /// What is known of a topic, if rules are for it.
    fn known(&mut self, topic: &Topic, end: Sequence) -> io::Result<Option<ExaminedTopic>> {
        if let Some(known) = self.topics.get(topic) {
            return Ok(Some(*known));
        }
        let rules = self.rules.of(topic);
        if rules.is_empty() {
            return Ok(None);
        }
        let most = self.rules.each_of(rules).filter_map(|(_, rule)| rule.newest).max();
        let newer = |most: NonZeroUsize| self.newer_than(topic, end.previous(), most.get());
        let newer = most.map_or(Ok(0), newer)?;
        let known = ExaminedTopic { rules, newer, gone: None };
        self.topics.insert(topic.clone(), known);
        Ok(Some(known))
    }

    /// How many events of a topic come behind a sequence, at most so many.
    fn newer_than(&self, topic: &Topic, after: Sequence, count_max: usize) -> io::Result<usize> {
        let before_memory = self.memory_from.previous();
        let in_memory = after.max(before_memory);
        let state = self.retained.lock();
        let mut count = state.window.count_behind(topic, in_memory, count_max);
        // Before what is retained there is what rules keep.
        let before_oldest = state.oldest().previous();
        count += state.window.count_kept(topic, after, before_oldest, count_max);
        drop(state);
        let after = after.max(before_oldest);
        let mut from = before_memory;
        while from > after && count < count_max {
            let key = backwards(from, Some(topic), count_max - count);
            from = match self.reader.load(&self.segments, &key) {
                LoadedPage::Unreadable { to, fault } => {
                    lost_only(fault)?;
                    to
                }
                LoadedPage::Events { events, to } => {
                    // Another topic may have the same hash.
                    let of_topic = events
                        .iter()
                        .filter(|event| event.sequence() > after && event.topics().contains(topic));
                    count += of_topic.count();
                    to
                }
            };
        }
        Ok(count.min(count_max))
    }

    /// The rules for the topics of an event that is kept, of which it is among as many newest as they want.
    ///
    /// # Errors
    /// When what is newer cannot be read now.
    pub(super) fn rules_for(&self, event: &Event) -> io::Result<RuleSet> {
        let mut standing = RuleSet::default();
        for topic in event.topics() {
            let rules = self.rules.of(topic);
            let most = self.rules.each_of(rules).filter_map(|(_, rule)| rule.newest).max();
            let newer = |most: NonZeroUsize| self.newer_than(topic, event.sequence(), most.get());
            let newer = most.map_or(Ok(0), newer)?;
            let among = self
                .rules
                .each_of(rules)
                .filter(|(_, rule)| rule.newest.is_none_or(|newest| newer < newest.get()));
            standing = among.fold(standing, |all, (number, _)| all.with(RuleSet::of(number)));
        }
        Ok(standing)
    }
}

/// What is lost has gone. What cannot be read now may be read later, and nothing is given up for it.
fn lost_only(fault: ReadFault) -> io::Result<()> {
    match fault {
        ReadFault::Lost => Ok(()),
        ReadFault::Passing => Err(io::Error::other("events cannot be read from the disk now")),
    }
}

fn is_young(event: &Event, rule: &crate::log::RetentionRule, now_ms: u64) -> bool {
    event.accepted_ms() >= rule.oldest_ms(now_ms)
}

fn backwards(from: Sequence, topic: Option<&Topic>, events_max: usize) -> ColdPageKey {
    let topics = topic.map(|topic| [topic.clone()].into());
    let direction = ReadDirection::Backwards;
    ColdPageKey { direction, from, topics, events_max, bytes_max: PAGE_BYTES }
}
