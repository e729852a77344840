//! What a subscriber asks for: one selector, and the set of all selectors of one subscriber.
//!
//! Selectors are parsed once, when a stream or a token comes in, and matched for every event. Exact
//! ones can be looked up in a map, so a caller need not ask each of them.

#[cfg(test)]
mod tests;

use std::cmp;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::compiled::{Compiled, Language};
use super::compiled_cache::SharedCompiled;
use super::error::{
    COMPILE_STEPS_MAX, SELECTOR_BYTES_MAX, SELECTORS_MAX, SelectorError, URL_PATTERNS_MAX,
};
use super::template::{Template, TooComplex};
use super::url_pattern::UrlPatternError;
use super::{Topic, TopicError};

const ANY: &str = "*";

/// The order of the kinds in a set.
const ANY_KIND: u8 = 0;
const EXACT_KIND: u8 = 1;
const TEMPLATE_KIND: u8 = 2;
const URL_PATTERN_KIND: u8 = 3;

/// In which notation a selector comes in a request or a token. In each of them `*` is every topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notation {
    /// A URI Template, and any other text as the exact topic: draft-07 of the protocol.
    TopicOrTemplate,
    /// Exactly this topic, whatever it looks like.
    Exact,
    /// A URL pattern.
    UrlPattern,
}

/// What a subscriber asks for: an exact topic, a URI Template (RFC 6570), a URL pattern, or `*`.
/// Cheap to clone.
///
/// Two selectors are equal when their kind and their text are: the template `{x}` is neither the
/// template `{y}`, which matches the same topics, nor the exact topic `{x}`.
#[derive(Clone)]
pub struct Selector(SelectorKind);

#[derive(Clone)]
enum SelectorKind {
    Any,
    Exact(Topic),
    Compiled(Arc<SharedCompiled>),
}

/// What a text is at first sight.
pub(super) enum Read {
    Selector(Selector),
    /// It has to be compiled. What is no template after all is the exact topic of this text.
    Compile(Language, Topic),
}

impl Selector {
    /// The longest text that [`Selector::parse`] takes.
    pub const MAX_BYTES: usize = SELECTOR_BYTES_MAX;

    /// Reads `*` as every topic, a URI Template as such, and any other text as an exact topic, also
    /// when it has braces that do not make a template. The template belongs to this selector and
    /// its clones alone; see [`SelectorCompiler`](super::SelectorCompiler) for those of strangers.
    ///
    /// # Errors
    /// When the text is empty, too long, has a control or a format character, or is a URI Template
    /// that is too complex.
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        match Selector::read(Notation::TopicOrTemplate, text)? {
            Read::Selector(selector) => Ok(selector),
            Read::Compile(_, topic) => match Template::compile(topic.as_str()) {
                Some(template) => {
                    let compiled = Compiled::Template(template?);
                    Ok(Selector::compiled(SharedCompiled::alone(compiled)))
                }
                None => Ok(Selector::exact(topic)),
            },
        }
    }

    /// Reads as far as nothing need be compiled.
    pub(super) fn read(notation: Notation, text: &str) -> Result<Read, SelectorError> {
        let topic = Topic::parse(text, Self::MAX_BYTES)?;
        if text == ANY {
            return Ok(Read::Selector(Selector::any()));
        }
        Ok(match notation {
            Notation::TopicOrTemplate if text.contains('{') => {
                Read::Compile(Language::Template, topic)
            }
            Notation::UrlPattern => Read::Compile(Language::UrlPattern, topic),
            Notation::TopicOrTemplate | Notation::Exact => Read::Selector(Selector::exact(topic)),
        })
    }

    pub(super) fn compiled(compiled: Arc<SharedCompiled>) -> Selector {
        Selector(SelectorKind::Compiled(compiled))
    }

    /// The one topic that a client names, braces and all; `None` for `*`, which no event has as a topic.
    /// A stream of it would stay silent for ever, and be told of as if it were subscribed to everything.
    ///
    /// # Errors
    /// When the text is no topic.
    pub fn one_topic(text: &str, bytes_max: usize) -> Result<Option<Selector>, TopicError> {
        let topic = Topic::parse(text, bytes_max)?;
        Ok((text != ANY).then(|| Selector::exact(topic)))
    }

    /// Exactly this topic, also when it is called `*` or has braces.
    #[must_use]
    pub fn exact(topic: Topic) -> Selector {
        Selector(SelectorKind::Exact(topic))
    }

    /// Every topic.
    #[must_use]
    pub fn any() -> Selector {
        Selector(SelectorKind::Any)
    }

    /// The selector as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            SelectorKind::Any => ANY,
            SelectorKind::Exact(topic) => topic.as_str(),
            SelectorKind::Compiled(compiled) => compiled.as_str(),
        }
    }

    /// Whether an event of this topic is asked for. A template also matches its own text.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        match &self.0 {
            SelectorKind::Any => true,
            SelectorKind::Exact(exact) => exact.as_str() == topic,
            SelectorKind::Compiled(compiled) => compiled.matches(topic),
        }
    }

    /// The only topic that matches, if the selector is exact.
    #[must_use]
    pub fn exact_topic(&self) -> Option<&Topic> {
        match &self.0 {
            SelectorKind::Exact(topic) => Some(topic),
            SelectorKind::Any | SelectorKind::Compiled(_) => None,
        }
    }

    /// Whether every topic matches because the selector is `*`.
    #[must_use]
    pub fn is_any(&self) -> bool {
        matches!(self.0, SelectorKind::Any)
    }

    /// What compiling it took, whoever did so first: steps of 5 to 10 ns each.
    #[must_use]
    pub fn compile_steps(&self) -> usize {
        match &self.0 {
            SelectorKind::Any | SelectorKind::Exact(_) => 0,
            SelectorKind::Compiled(compiled) => compiled.steps(),
        }
    }

    fn is_compiled(&self) -> bool {
        matches!(self.0, SelectorKind::Compiled(_))
    }

    /// How many steps a try of a pattern takes for each byte of a topic, at most: as a URL, a byte may
    /// be three that are percent-encoded, and a topic may have to be parsed first.
    pub(super) fn steps_per_byte(&self) -> usize {
        if self.is_url_pattern() { 8 } else { 1 }
    }

    fn is_url_pattern(&self) -> bool {
        matches!(&self.0, SelectorKind::Compiled(compiled) if compiled.language() == Language::UrlPattern)
    }

    /// What identity and order are made of. The kind comes first, so that a sorted set has its
    /// patterns at the end and can be searched for a name before them.
    fn key(&self) -> (u8, &str) {
        let kind = match self.0 {
            SelectorKind::Any => ANY_KIND,
            SelectorKind::Exact(_) => EXACT_KIND,
            SelectorKind::Compiled(ref compiled) => match compiled.language() {
                Language::Template => TEMPLATE_KIND,
                Language::UrlPattern => URL_PATTERN_KIND,
            },
        };
        (kind, self.as_str())
    }
}

impl From<TopicError> for SelectorError {
    fn from(error: TopicError) -> Self {
        match error {
            TopicError::Empty => Self::Empty,
            TopicError::TooLong { bytes, .. } => Self::TooLong { bytes },
            TopicError::ControlCharacter { at } => Self::ControlCharacter { at },
            TopicError::FormatCharacter { at } => Self::FormatCharacter { at },
        }
    }
}

impl From<TooComplex> for SelectorError {
    fn from(_: TooComplex) -> Self {
        Self::TooComplex
    }
}

impl From<UrlPatternError> for SelectorError {
    fn from(error: UrlPatternError) -> Self {
        Self::UrlPattern(error)
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Selector {}

impl Hash for Selector {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Ord for Selector {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Selector {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            SelectorKind::Any => "Any",
            SelectorKind::Exact(_) => "Exact",
            SelectorKind::Compiled(ref compiled) => match compiled.language() {
                Language::Template => "Template",
                Language::UrlPattern => "UrlPattern",
            },
        };
        formatter.debug_tuple(kind).field(&self.as_str()).finish()
    }
}

/// The selectors of one subscriber, 1 to [`SelectorSet::MAX`] of them, sorted and without
/// duplicates: sets are equal when their selectors are, in whatever order these were given. Cheap
/// to clone.
#[derive(Clone)]
pub struct SelectorSet {
    /// By [`Selector::key`].
    sorted: Arc<[Selector]>,
    /// Where the first pattern stands, which follows from the selectors.
    patterns_from: usize,
    /// Counts what its names hold, for as long as it or a clone is there.
    _held: Option<Arc<HeldNames>>,
}

/// Bytes of names that are counted until this is dropped.
#[derive(Debug)]
pub(super) struct HeldNames {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl HeldNames {
    pub(super) fn new(bytes: usize, all: &Arc<AtomicUsize>) -> Self {
        all.fetch_add(bytes, Ordering::Relaxed);
        Self { bytes, all: Arc::clone(all) }
    }
}

impl Drop for HeldNames {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl SelectorSet {
    /// The most selectors that one subscriber may ask for, duplicates included.
    pub const MAX: usize = SELECTORS_MAX;

    /// The most URL patterns among those of a request. In a token there may be as many as of any
    /// kind.
    pub const URL_PATTERNS_MAX: usize = URL_PATTERNS_MAX;

    /// What compiling the selectors of a request may take, in steps of 5 to 10 ns: less than a tenth of
    /// a second. 256 plain URL patterns take half of it, and a thousand plain templates a third.
    pub const COMPILE_STEPS_MAX: usize = COMPILE_STEPS_MAX;

    /// Sorts the selectors and drops duplicates. It stops reading as soon as there are too many.
    ///
    /// # Errors
    /// When there is no selector, or more than [`SelectorSet::MAX`].
    pub fn new(
        selectors: impl IntoIterator<Item = Selector>,
    ) -> Result<SelectorSet, SelectorError> {
        let mut selectors: Vec<_> = selectors.into_iter().take(Self::MAX + 1).collect();
        if selectors.is_empty() {
            return Err(SelectorError::NoSelectors);
        }
        if selectors.len() > Self::MAX {
            return Err(SelectorError::TooMany);
        }
        selectors.sort_unstable();
        selectors.dedup();
        Ok(SelectorSet::of_sorted(selectors.into()))
    }

    /// Every topic.
    #[must_use]
    pub fn any() -> SelectorSet {
        SelectorSet::one(Selector::any())
    }

    /// What this one selector asks for.
    #[must_use]
    pub fn one(selector: Selector) -> SelectorSet {
        SelectorSet::of_sorted(Arc::from([selector]))
    }

    fn of_sorted(sorted: Arc<[Selector]>) -> SelectorSet {
        let patterns_from = sorted.partition_point(|selector| !selector.is_compiled());
        SelectorSet { sorted, patterns_from, _held: None }
    }

    /// The selectors: `*`, then exact topics, then templates, then URL patterns, each kind sorted by
    /// text.
    pub fn iter(&self) -> std::slice::Iter<'_, Selector> {
        self.sorted.iter()
    }

    /// The same, counted.
    pub(super) fn holding(self, held: HeldNames) -> SelectorSet {
        SelectorSet { _held: Some(Arc::new(held)), ..self }
    }

    /// What its names hold in memory.
    pub(super) fn name_bytes(&self) -> usize {
        // A text has two counts and its allocation's own word beside it.
        const EACH: usize = size_of::<Selector>() + 32;
        self.names().iter().map(|name| name.as_str().len() + EACH).sum()
    }

    /// The selectors that are compared as text, not run: `*` and the exact topics.
    pub(super) fn names(&self) -> &[Selector] {
        &self.sorted[..self.patterns_from]
    }

    /// Templates and URL patterns.
    pub(super) fn patterns(&self) -> &[Selector] {
        &self.sorted[self.patterns_from..]
    }

    /// Whether `*` or an exact topic matches. Sorted names are searched, so a thousand of them cost
    /// ten comparisons.
    pub(super) fn matches_by_name(&self, topic: &str) -> bool {
        let exactly = |selector: &Selector| selector.key().cmp(&(EXACT_KIND, topic));
        self.is_any() || self.names().binary_search_by(exactly).is_ok()
    }

    /// Whether one of the selectors matches.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        self.matches_by_name(topic)
            || self.patterns().iter().any(|selector| selector.matches(topic))
    }

    /// Whether one of the selectors matches one of the topics of an event.
    #[must_use]
    pub fn matches_any<'a>(&self, topics: impl IntoIterator<Item = &'a str>) -> bool {
        topics.into_iter().any(|topic| self.matches(topic))
    }

    /// The topics, when every selector is exact: then a map finds this set, and nothing else does
    /// match.
    #[must_use]
    pub fn exact_topics(&self) -> Option<impl Iterator<Item = &Topic>> {
        let all_exact = self.patterns().is_empty() && !self.is_any();
        all_exact.then(|| self.iter().filter_map(Selector::exact_topic))
    }

    /// Whether every topic matches because `*` is among the selectors.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.sorted.first().is_some_and(Selector::is_any)
    }
}

impl PartialEq for SelectorSet {
    fn eq(&self, other: &Self) -> bool {
        self.sorted == other.sorted
    }
}

impl Eq for SelectorSet {}

impl Hash for SelectorSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sorted.hash(state);
    }
}

impl fmt::Debug for SelectorSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a SelectorSet {
    type Item = &'a Selector;
    type IntoIter = std::slice::Iter<'a, Selector>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
