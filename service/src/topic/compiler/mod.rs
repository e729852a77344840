//! Selectors of strangers: equal ones are compiled once and shared, and all that are compiled have a
//! budget together.
//!
//! What is in use cannot be thrown away, so when that alone uses the budget up, further templates
//! are refused. A template that is no longer used stays, since clients come back, until its memory
//! is needed: what has been unused for longest goes first.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::Topic;
use super::compiled::Language;
use super::compiled_cache::{self, CompiledCache};
use super::error::SelectorError;
use super::selector::{HeldNames, Notation, Read, Selector, SelectorSet};
use super::url_pattern::TopicResolver;

/// Reads selectors, and keeps what it compiles. Cheap to clone; clones share what they keep.
#[derive(Clone)]
pub struct SelectorCompiler {
    compiled: Arc<Mutex<CompiledCache>>,
    /// What the names of large sets hold.
    names: Arc<AtomicUsize>,
    resolver: TopicResolver,
    bytes_max: usize,
}

/// Names that fit into the headers of a request are bounded by the number of requests.
const NAMES_UNCOUNTED: usize = 16 << 10;

impl SelectorCompiler {
    /// One that keeps as many bytes of compiled selectors, and resolves relative patterns and topics
    /// against the URL of the hub.
    #[must_use]
    pub fn new(bytes_max: usize, resolver: TopicResolver) -> Self {
        Self { compiled: Arc::default(), names: Arc::default(), resolver, bytes_max }
    }

    /// The selector of this text, unless it has to be compiled first: `None` says so.
    ///
    /// # Errors
    /// Those of [`Selector::parse`] that are seen without compiling.
    pub fn known(&self, notation: Notation, text: &str) -> Result<Option<Selector>, SelectorError> {
        match Selector::read(notation, text)? {
            Read::Selector(selector) => Ok(Some(selector)),
            Read::Compile(language, topic) => Ok(self.find(language, &topic)),
        }
    }

    /// The selector of this text. If it has to be compiled and is not kept yet, this takes a
    /// millisecond or two, and should not be done where others wait.
    ///
    /// # Errors
    /// Those of [`Selector::parse`], and when compiled selectors in use leave no room for this one.
    pub fn compile(&self, notation: Notation, text: &str) -> Result<Selector, SelectorError> {
        let (language, topic) = match Selector::read(notation, text)? {
            Read::Selector(selector) => return Ok(selector),
            Read::Compile(language, topic) => (language, topic),
        };
        if let Some(selector) = self.find(language, &topic) {
            return Ok(selector);
        }
        // The lock is free meanwhile: streams that end need it.
        let Some(compiled) = language.compile(topic.as_str(), &self.resolver) else {
            return Ok(Selector::exact(topic));
        };
        let compiled = Arc::new(compiled?);
        // Dropped when the lock is free again.
        let mut evicted = Vec::new();
        let mut kept = self.lock();
        if let Some(shared) = kept.find(language, topic.as_str(), &self.compiled) {
            return Ok(Selector::compiled(shared));
        }
        let room = self.bytes_max.saturating_sub(self.names.load(Ordering::Relaxed));
        let fits = kept.make_room(compiled_cache::cost(&compiled), room, &mut evicted);
        fits.then(|| Selector::compiled(kept.insert(compiled, &self.compiled)))
            .ok_or(SelectorError::BudgetExhausted)
    }

    /// Counts what the names of a set hold in the same budget, if that is much.
    ///
    /// # Errors
    /// When there is no room for them.
    pub fn count_names(&self, set: SelectorSet) -> Result<SelectorSet, SelectorError> {
        let bytes = set.name_bytes();
        if bytes <= NAMES_UNCOUNTED {
            return Ok(set);
        }
        // Counted at once and given back on return if there is no room, so that two sets cannot both
        // take the last of it.
        let held = HeldNames::new(bytes, &self.names);
        let room = self.bytes_max.checked_sub(self.names.load(Ordering::Relaxed));
        let mut evicted = Vec::new();
        let fits = room.is_some_and(|room| self.lock().make_room(0, room, &mut evicted));
        fits.then(|| set.holding(held)).ok_or(SelectorError::BudgetExhausted)
    }

    /// The memory that compiled selectors hold, unused ones included, and the names of large sets.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lock().bytes() + self.names.load(Ordering::Relaxed)
    }

    /// The memory that topics hold which were parsed as URLs. Clones of the resolver share it.
    #[must_use]
    pub fn topic_url_bytes(&self) -> usize {
        self.resolver.bytes()
    }

    fn find(&self, language: Language, topic: &Topic) -> Option<Selector> {
        self.lock().find(language, topic.as_str(), &self.compiled).map(Selector::compiled)
    }

    fn lock(&self) -> MutexGuard<'_, CompiledCache> {
        compiled_cache::lock(&self.compiled)
    }
}

impl fmt::Debug for SelectorCompiler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SelectorCompiler")
            .field("bytes", &self.bytes())
            .field("bytes_max", &self.bytes_max)
            .finish_non_exhaustive()
    }
}
