//! Selectors of strangers: equal templates are compiled once and shared, and all templates together
//! have a budget.
//!
//! What is in use cannot be thrown away, so when that alone uses the budget up, further templates
//! are refused. What nobody uses any more stays, since clients come back, until its memory is
//! needed: what has been unused for longest goes first.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Topic;
use super::error::SelectorError;
use super::selector::{Read, Selector};
use super::template::Template;

/// What keeping a template costs beside the template and its text: its places in the tables below
/// when these are half empty, and what an allocator adds to each of its parts.
const ENTRY_BYTES: usize = 2 * size_of::<(Arc<str>, Entry)>()
    + 2 * size_of::<(u64, Arc<str>)>()
    + size_of::<SharedTemplate>()
    + 128;

/// Reads selectors, and keeps their templates. Cheap to clone; clones share what they keep.
#[derive(Clone)]
pub struct SelectorCompiler {
    templates: Arc<Mutex<Templates>>,
    bytes_max: usize,
}

/// A template as selectors hold it: when the last of them goes, the template is unused.
pub(super) struct SharedTemplate {
    template: Arc<Template>,
    /// Where it is kept, unless it belongs to one selector alone.
    kept_by: Option<Weak<Mutex<Templates>>>,
}

#[derive(Default)]
struct Templates {
    by_text: HashMap<Arc<str>, Entry>,
    /// The texts of unused templates, by when they became unused.
    unused: BTreeMap<u64, Arc<str>>,
    /// Counts how often a template became unused.
    next: u64,
    bytes: usize,
}

struct Entry {
    template: Arc<Template>,
    users: Weak<SharedTemplate>,
    /// Its place in `unused`, if it is there.
    unused_since: Option<u64>,
}

impl SelectorCompiler {
    /// One that keeps as many bytes of compiled templates.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { templates: Arc::default(), bytes_max }
    }

    /// The selector of this text, unless it has to be compiled first: `None` says so.
    ///
    /// # Errors
    /// Those of [`Selector::parse`] that are seen without compiling.
    pub fn known(&self, text: &str) -> Result<Option<Selector>, SelectorError> {
        match Selector::read(text)? {
            Read::Selector(selector) => Ok(Some(selector)),
            Read::Braces(topic) => Ok(self.lock().find(&topic, &self.templates)),
        }
    }

    /// The selector of this text. If it is a template that is not kept yet, this takes a
    /// millisecond or two, and should not be done where others wait.
    ///
    /// # Errors
    /// Those of [`Selector::parse`], and when templates in use leave no room for this one.
    pub fn compile(&self, text: &str) -> Result<Selector, SelectorError> {
        let topic = match Selector::read(text)? {
            Read::Selector(selector) => return Ok(selector),
            Read::Braces(topic) => topic,
        };
        if let Some(selector) = self.lock().find(&topic, &self.templates) {
            return Ok(selector);
        }
        // The lock is free meanwhile: streams that end need it.
        let Some(template) = Template::compile(text) else { return Ok(Selector::exact(topic)) };
        let template = Arc::new(template?);
        // Dropped when the lock is free again.
        let mut evicted = Vec::new();
        let mut templates = self.lock();
        if let Some(selector) = templates.find(&topic, &self.templates) {
            return Ok(selector);
        }
        let fits = templates.make_room(cost(&template), self.bytes_max, &mut evicted);
        fits.then(|| templates.insert(template, &self.templates))
            .ok_or(SelectorError::BudgetExhausted)
    }

    /// The memory that compiled templates hold, unused ones included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, Templates> {
        lock(&self.templates)
    }
}

impl Templates {
    fn find(&mut self, topic: &Topic, home: &Arc<Mutex<Templates>>) -> Option<Selector> {
        let entry = self.by_text.get_mut(topic.as_str())?;
        if let Some(shared) = entry.users.upgrade() {
            return Some(Selector::template(shared));
        }
        let shared = entry.share(home);
        if let Some(since) = entry.unused_since.take() {
            self.unused.remove(&since);
        }
        Some(Selector::template(shared))
    }

    /// Whether there is room for as many bytes, after unused templates have been thrown away.
    fn make_room(&mut self, bytes: usize, max: usize, evicted: &mut Vec<Entry>) -> bool {
        while self.bytes + bytes > max {
            let Some((_, text)) = self.unused.pop_first() else { return false };
            let Some(entry) = self.by_text.remove(&text) else { continue };
            self.bytes -= cost(&entry.template);
            evicted.push(entry);
        }
        true
    }

    fn insert(&mut self, template: Arc<Template>, home: &Arc<Mutex<Templates>>) -> Selector {
        self.bytes += cost(&template);
        let text = Arc::from(template.as_str());
        let mut entry = Entry { template, users: Weak::new(), unused_since: None };
        let shared = entry.share(home);
        self.by_text.insert(text, entry);
        Selector::template(shared)
    }

    /// A template has lost its last selector.
    fn left(&mut self, text: &str) {
        let Some((text, _)) = self.by_text.get_key_value(text) else { return };
        let text = Arc::clone(text);
        let Some(entry) = self.by_text.get_mut(&text) else { return };
        // It may have been found again meanwhile, and left again as well.
        if entry.users.strong_count() > 0 || entry.unused_since.is_some() {
            return;
        }
        entry.unused_since = Some(self.next);
        self.unused.insert(self.next, text);
        self.next += 1;
    }
}

impl Entry {
    fn share(&mut self, home: &Arc<Mutex<Templates>>) -> Arc<SharedTemplate> {
        let template = Arc::clone(&self.template);
        let shared = Arc::new(SharedTemplate { template, kept_by: Some(Arc::downgrade(home)) });
        self.users = Arc::downgrade(&shared);
        shared
    }
}

impl SharedTemplate {
    /// A template that is kept nowhere else.
    pub(super) fn alone(template: Template) -> Arc<Self> {
        Arc::new(Self { template: Arc::new(template), kept_by: None })
    }

    pub(super) fn as_str(&self) -> &str {
        self.template.as_str()
    }

    pub(super) fn matches(&self, topic: &str) -> bool {
        self.template.matches(topic)
    }
}

impl Drop for SharedTemplate {
    fn drop(&mut self) {
        if let Some(templates) = self.kept_by.as_ref().and_then(Weak::upgrade) {
            lock(&templates).left(self.template.as_str());
        }
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

/// Nothing in here panics between two changes that belong together.
fn lock(templates: &Mutex<Templates>) -> MutexGuard<'_, Templates> {
    templates.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What keeping a template takes. Its text is there twice: as a part of it, and to find it.
fn cost(template: &Template) -> usize {
    template.bytes() + template.as_str().len() + ENTRY_BYTES
}
