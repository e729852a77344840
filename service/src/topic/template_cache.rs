//! Compiled templates by their text, those in use and those that may be used again.

use std::collections::{BTreeMap, HashMap};
use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::template::Template;

/// What keeping a template costs beside the template and its text: its places in the tables below
/// when these are half empty, and what an allocator adds to each of its parts.
const ENTRY_BYTES: usize = 2 * size_of::<(Arc<str>, Entry)>()
    + 2 * size_of::<(u64, Arc<str>)>()
    + size_of::<SharedTemplate>()
    + 128;

/// A template as selectors hold it: when the last of them goes, the template is unused.
pub(super) struct SharedTemplate {
    template: Arc<Template>,
    /// Where it is kept, unless it belongs to one selector alone.
    kept_by: Option<Weak<Mutex<Templates>>>,
}

/// Templates by their text.
#[derive(Default)]
pub(super) struct Templates {
    by_text: HashMap<Arc<str>, Entry>,
    /// The texts of unused templates, by when they became unused.
    unused: BTreeMap<u64, Arc<str>>,
    /// Counts how often a template became unused.
    next: u64,
    bytes: usize,
}

/// A template that is kept.
pub(super) struct Entry {
    template: Arc<Template>,
    users: Weak<SharedTemplate>,
    /// Its place in `unused`, if it is there.
    unused_since: Option<u64>,
}

impl Templates {
    /// What they hold in memory, with what it costs to keep them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The template of this text, if it is kept.
    pub(super) fn find(
        &mut self,
        text: &str,
        home: &Arc<Mutex<Templates>>,
    ) -> Option<Arc<SharedTemplate>> {
        let entry = self.by_text.get_mut(text)?;
        if let Some(shared) = entry.users.upgrade() {
            return Some(shared);
        }
        let shared = entry.share(home);
        if let Some(since) = entry.unused_since.take() {
            self.unused.remove(&since);
        }
        Some(shared)
    }

    /// Whether there is room for this one within `max` bytes, after unused ones have been thrown away.
    pub(super) fn make_room(
        &mut self,
        template: &Template,
        max: usize,
        evicted: &mut Vec<Entry>,
    ) -> bool {
        let bytes = cost(template);
        while self.bytes + bytes > max {
            let Some((_, text)) = self.unused.pop_first() else { return false };
            let Some(entry) = self.by_text.remove(&text) else { continue };
            self.bytes -= cost(&entry.template);
            evicted.push(entry);
        }
        true
    }

    /// Keeps a template for which there is room.
    pub(super) fn insert(
        &mut self,
        template: Arc<Template>,
        home: &Arc<Mutex<Templates>>,
    ) -> Arc<SharedTemplate> {
        self.bytes += cost(&template);
        let text = Arc::from(template.as_str());
        let mut entry = Entry { template, users: Weak::new(), unused_since: None };
        let shared = entry.share(home);
        self.by_text.insert(text, entry);
        shared
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

/// Nothing in here panics between two changes that belong together.
pub(super) fn lock(templates: &Mutex<Templates>) -> MutexGuard<'_, Templates> {
    templates.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What keeping a template takes. Its text is there twice: as a part of it, and to find it.
fn cost(template: &Template) -> usize {
    template.bytes() + template.as_str().len() + ENTRY_BYTES
}

#[cfg(test)]
impl Templates {
    pub(super) fn keeps(&self, text: &str) -> bool {
        self.by_text.contains_key(text)
    }

    pub(super) fn are_all_unused(&self) -> bool {
        self.unused.len() == self.by_text.len()
    }

    /// What is counted is what is kept, and what nobody uses is known as such.
    pub(super) fn check_counts(&self) {
        let bytes: usize = self.by_text.values().map(|entry| cost(&entry.template)).sum();
        assert_eq!(self.bytes, bytes);
        for (text, entry) in &self.by_text {
            let in_use = entry.users.strong_count() > 0;
            assert_eq!(entry.unused_since.is_some(), !in_use, "{text}");
        }
        for (since, text) in &self.unused {
            assert_eq!(self.by_text[text].unused_since, Some(*since), "{text}");
        }
    }
}
