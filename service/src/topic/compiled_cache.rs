//! Compiled selectors by their text, those in use and those that may be used again.

use std::collections::{BTreeMap, HashMap};
use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::compiled::{Compiled, Language};

/// What keeping a compiled selector costs beside itself and its text: its places in the tables below
/// when these are half empty, and what an allocator adds to each of its parts.
const ENTRY_BYTES: usize = 2 * size_of::<(Arc<str>, KeptSelector)>()
    + 2 * size_of::<(u64, (Language, Arc<str>))>()
    + size_of::<SharedCompiled>()
    + 128;

/// What selectors hold: when the last of them goes, it is unused.
pub(super) struct SharedCompiled {
    compiled: Arc<Compiled>,
    /// Where it is kept, unless it belongs to one selector alone.
    kept_by: Option<Weak<Mutex<CompiledCache>>>,
}

/// Compiled selectors by language and text.
#[derive(Default)]
pub(super) struct CompiledCache {
    by_text: [HashMap<Arc<str>, KeptSelector>; Language::COUNT],
    /// Those that are unused, by when they became so.
    unused: BTreeMap<u64, (Language, Arc<str>)>,
    /// Counts how often one became unused.
    next: u64,
    bytes: usize,
}

/// One that is kept.
pub(super) struct KeptSelector {
    compiled: Arc<Compiled>,
    users: Weak<SharedCompiled>,
    /// Its place in `unused`, if it is there.
    unused_since: Option<u64>,
}

impl CompiledCache {
    /// What they hold in memory, with what it costs to keep them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The one of this language and text, if it is kept.
    pub(super) fn find(
        &mut self,
        language: Language,
        text: &str,
        home: &Arc<Mutex<CompiledCache>>,
    ) -> Option<Arc<SharedCompiled>> {
        let entry = self.by_text[language.index()].get_mut(text)?;
        if let Some(shared) = entry.users.upgrade() {
            return Some(shared);
        }
        let shared = entry.share(home);
        if let Some(since) = entry.unused_since.take() {
            self.unused.remove(&since);
        }
        Some(shared)
    }

    /// Whether there is room for so many bytes more within `max`, after unused ones have been evicted.
    pub(super) fn make_room(
        &mut self,
        bytes: usize,
        max: usize,
        evicted: &mut Vec<KeptSelector>,
    ) -> bool {
        while self.bytes + bytes > max {
            let Some((_, (language, text))) = self.unused.pop_first() else { return false };
            let Some(entry) = self.by_text[language.index()].remove(&text) else { continue };
            self.bytes -= cost(&entry.compiled);
            evicted.push(entry);
        }
        true
    }

    /// Keeps one for which there is room.
    pub(super) fn insert(
        &mut self,
        compiled: Arc<Compiled>,
        home: &Arc<Mutex<CompiledCache>>,
    ) -> Arc<SharedCompiled> {
        self.bytes += cost(&compiled);
        let text = Arc::from(compiled.as_str());
        let language = compiled.language().index();
        let mut entry = KeptSelector { compiled, users: Weak::new(), unused_since: None };
        let shared = entry.share(home);
        self.by_text[language].insert(text, entry);
        shared
    }

    /// One has lost its last selector.
    fn left(&mut self, language: Language, text: &str) {
        let by_text = &mut self.by_text[language.index()];
        let Some((text, _)) = by_text.get_key_value(text) else { return };
        let text = Arc::clone(text);
        let Some(entry) = by_text.get_mut(&text) else { return };
        // It may have been found again meanwhile, and left again as well.
        if entry.users.strong_count() > 0 || entry.unused_since.is_some() {
            return;
        }
        entry.unused_since = Some(self.next);
        self.unused.insert(self.next, (language, text));
        self.next += 1;
    }
}

impl KeptSelector {
    fn share(&mut self, home: &Arc<Mutex<CompiledCache>>) -> Arc<SharedCompiled> {
        let compiled = Arc::clone(&self.compiled);
        let shared = Arc::new(SharedCompiled { compiled, kept_by: Some(Arc::downgrade(home)) });
        self.users = Arc::downgrade(&shared);
        shared
    }
}

impl SharedCompiled {
    /// One that is kept nowhere else.
    pub(super) fn alone(compiled: Compiled) -> Arc<Self> {
        Arc::new(Self { compiled: Arc::new(compiled), kept_by: None })
    }

    pub(super) fn language(&self) -> Language {
        self.compiled.language()
    }

    pub(super) fn as_str(&self) -> &str {
        self.compiled.as_str()
    }

    pub(super) fn steps(&self) -> usize {
        self.compiled.steps()
    }

    pub(super) fn matches(&self, topic: &str) -> bool {
        self.compiled.matches(topic)
    }
}

impl Drop for SharedCompiled {
    fn drop(&mut self) {
        if let Some(cache) = self.kept_by.as_ref().and_then(Weak::upgrade) {
            lock(&cache).left(self.compiled.language(), self.compiled.as_str());
        }
    }
}

/// Nothing in here panics between two changes that belong together.
pub(super) fn lock(cache: &Mutex<CompiledCache>) -> MutexGuard<'_, CompiledCache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What keeping one takes. Its text is there twice: as a part of it, and to find it.
pub(super) fn cost(compiled: &Compiled) -> usize {
    compiled.bytes() + compiled.as_str().len() + ENTRY_BYTES
}

#[cfg(test)]
impl CompiledCache {
    pub(super) fn keeps(&self, text: &str) -> bool {
        self.by_text.iter().any(|by_text| by_text.contains_key(text))
    }

    pub(super) fn are_all_unused(&self) -> bool {
        self.unused.len() == self.by_text.iter().map(HashMap::len).sum::<usize>()
    }

    /// What is counted is what is kept, and what nobody uses is known as such.
    pub(super) fn check_counts(&self) {
        let bytes: usize =
            self.by_text.iter().flat_map(HashMap::values).map(|entry| cost(&entry.compiled)).sum();
        assert_eq!(self.bytes, bytes);
        for (text, entry) in self.by_text.iter().flatten() {
            let in_use = entry.users.strong_count() > 0;
            assert_eq!(entry.unused_since.is_some(), !in_use, "{text}");
        }
        for (since, (language, text)) in &self.unused {
            assert_eq!(self.by_text[language.index()][text].unused_since, Some(*since), "{text}");
        }
    }
}
