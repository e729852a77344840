//! Finding the newest events of each topic that a subscriber asks for and may see.
//!
//! The log's index is asked topic by topic, so that the work is that of what is found and not of what
//! is retained. Where a selector is no exact topic, each topic in memory is matched first; events that
//! are on disk alone have no such list of topics, and are read backwards.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::SubscribeRequest;
use super::beginning::SubscribeError;
use super::log_search::{LogSearch, PAGE};
use super::partial_replay::{GatheredSequences, PartialReplay};
use crate::event::{Epoch, Event, Sequence};
use crate::log::{EventFilter, Log, PageBack, PageLimit, ReadOutcome, ReadRange};
use crate::memory::{HeldMemory, MemoryBudget, NoRoom, allocated};
use crate::topic::{Selector, SelectorSet, Topic};

/// So many searches read the disk at once, as many as there are threads for that.
const DISK_SEARCHES: usize = 2;

/// What is to be found, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) count: NonZeroUsize,
    /// In this part of the log.
    pub(super) range: ReadRange,
    pub(super) epoch: Epoch,
    /// Up to here there is only what rules keep, of which none is wanted that was accepted before this
    /// time, in milliseconds since 1970 (UTC).
    pub(super) kept_through: Option<Sequence>,
    pub(super) since_ms: u64,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Newest {
    /// Nothing before this is to be sent.
    pub(super) cursor: Sequence,
    /// The events behind that; without a list, all that the subscriber asks for and may see.
    pub(super) replay: Option<PartialReplay>,
}

/// What all searches share.
#[derive(Debug)]
pub(super) struct Searches {
    /// For their lists.
    pub(super) budget: MemoryBudget,
    /// Of those that read the disk.
    turns: Semaphore,
}

impl Searches {
    pub(super) fn within(budget: MemoryBudget) -> Self {
        Self { budget, turns: Semaphore::new(DISK_SEARCHES) }
    }
}

/// A search in one log.
struct NewestSearch<'a> {
    look: LogSearch<'a>,
    wanted: Wanted,
    found: GatheredSequences,
    topics_held: HeldMemory,
    turns: &'a Semaphore,
}

impl From<NoRoom> for SubscribeError {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}

/// Finds the newest events of each topic.
///
/// # Errors
/// When the list of them does not fit into the budget.
pub(super) async fn find(
    log: &Arc<dyn Log>,
    request: &SubscribeRequest,
    wanted: Wanted,
    searches: &Searches,
) -> Result<Newest, SubscribeError> {
    let Searches { budget, turns } = searches;
    let mut search = NewestSearch {
        look: LogSearch::new(log, wanted.epoch, &request.grants),
        wanted,
        found: GatheredSequences::counted_in(budget),
        topics_held: budget.nothing(),
        turns,
    };
    let is_one_topic = match request.selectors.exact_topics() {
        Some(topics) => {
            let mut count = 0;
            for topic in topics {
                search.newest_of(topic, wanted.range.after).await?;
                count += 1;
            }
            count == 1
        }
        None => {
            search.newest_of_all(&request.selectors).await?;
            false
        }
    };
    let kept_through = wanted.kept_through.unwrap_or_default();
    let replay = search.found.into_replay()?.kept_through(kept_through);
    let through = wanted.range.through;
    let cursor = replay.before().unwrap_or(through);
    // Of one topic everything behind the first is wanted, and all of it is there.
    let is_range = is_one_topic && cursor >= kept_through;
    Ok(Newest { cursor, replay: (!is_range).then_some(replay) })
}

impl NewestSearch<'_> {
    /// The newest events of one topic behind a sequence; how many there were.
    async fn newest_of(&mut self, topic: &Topic, after: Sequence) -> Result<usize, NoRoom> {
        let selectors = SelectorSet::one(Selector::exact(topic.clone()));
        let filter = EventFilter::Candidates(&selectors);
        let count = self.wanted.count.get();
        let mut range = ReadRange { after, ..self.wanted.range };
        let mut found = 0;
        while range.after < range.through && found < count {
            let limit = PageLimit { events_max: PAGE.events_max.min(count - found), ..PAGE };
            let Some(page) = self.read_back(range, filter, limit).await? else { break };
            for event in &page.events {
                let is_wanted = event.accepted_ms() >= self.wanted.since_ms;
                if is_wanted && self.look.may_see(event).await {
                    self.found.add(event.sequence())?;
                    found += 1;
                }
            }
            range.through = page.after;
        }
        Ok(found)
    }

    async fn newest_of_all(&mut self, selectors: &SelectorSet) -> Result<(), NoRoom> {
        let Wanted { count, range, .. } = self.wanted;
        let before_memory = self.look.log().in_memory_from().previous();
        let on_disk = before_memory > range.after;
        // Topics are told apart by themselves, of which an event in memory shares the text.
        let mut unfinished: HashMap<Topic, usize> = HashMap::new();
        for part in 0.. {
            let Some(topics) = self.look.log().topics_in_part(part) else { break };
            for topic in topics {
                if !self.look.matches(selectors, std::slice::from_ref(&topic)).await {
                    continue;
                }
                let found = self.newest_of(&topic, range.after.max(before_memory)).await?;
                if on_disk {
                    unfinished.insert(topic, count.get() - found.min(count.get()));
                    self.count_topics(unfinished.capacity())?;
                }
            }
        }
        if on_disk {
            let _turn = self.turns.acquire().await;
            self.newest_on_disk(selectors, unfinished, before_memory.min(range.through)).await?;
        }
        Ok(())
    }

    /// Reads what is on the disk alone, backwards. `wanted` is how many are wanted of each topic that
    /// has events in memory.
    async fn newest_on_disk(
        &mut self,
        selectors: &SelectorSet,
        mut wanted: HashMap<Topic, usize>,
        through: Sequence,
    ) -> Result<(), NoRoom> {
        let mut range = ReadRange { through, ..self.wanted.range };
        let filter = EventFilter::Candidates(selectors);
        while range.after < range.through {
            let Some(page) = self.read_back(range, filter, PAGE).await? else { break };
            for event in &page.events {
                if self.is_wanted(event, selectors, &mut wanted).await {
                    self.found.add(event.sequence())?;
                    self.count_topics(wanted.capacity())?;
                }
            }
            range.through = page.after;
        }
        Ok(())
    }

    /// Whether an event is among the newest of one of its topics; counts it if it is.
    async fn is_wanted(
        &mut self,
        event: &Event,
        selectors: &SelectorSet,
        wanted: &mut HashMap<Topic, usize>,
    ) -> bool {
        let mut topics = Vec::new();
        for topic in event.topics() {
            let is_open = wanted.get(topic).is_none_or(|&left| left > 0);
            if is_open && self.look.matches(selectors, std::slice::from_ref(topic)).await {
                topics.push(topic);
            }
        }
        let is_late = event.accepted_ms() >= self.wanted.since_ms;
        if topics.is_empty() || !is_late || !self.look.may_see(event).await {
            return false;
        }
        for topic in topics {
            let left = wanted.entry(topic.clone()).or_insert(self.wanted.count.get());
            *left = left.saturating_sub(1);
        }
        true
    }

    /// The table of topics has so many places.
    fn count_topics(&mut self, capacity: usize) -> Result<(), NoRoom> {
        self.topics_held.resize(allocated(capacity * size_of::<(Topic, usize)>()))
    }

    /// One page, from the end of the range backwards; nothing if the log has begun another epoch.
    async fn read_back(
        &mut self,
        range: ReadRange,
        filter: EventFilter<'_>,
        limit: PageLimit,
    ) -> Result<Option<PageBack>, NoRoom> {
        Ok(match self.look.read_back(range, filter, limit).await {
            ReadOutcome::Ready(page) => Some(page),
            ReadOutcome::Failed { beyond } => {
                // Whoever reads the list is told of a gap there.
                self.found.add(range.through)?;
                Some(PageBack { events: Vec::new(), after: beyond })
            }
            ReadOutcome::Loading | ReadOutcome::OtherEpoch => None,
        })
    }
}
