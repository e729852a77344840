//! Which events of a folder were no longer retained when a later one was accepted. A server that takes all
//! of them one after the other has them still, and would refuse the later ones.
//!
//! A folder has more than its server retained, because whole files go, and what the limits were is written
//! nowhere. But the events show it. While it is retained, an event that ends a topic is the last of that
//! topic, and no idempotent event gets the id of another.
//!
//! There may be many millions of ids, and of topics that have ended. So each is a hash at first, and what
//! two events seem to have in common is read once more and compared as text, so many at a time.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::io;

use crate::event::{Event, Sequence};
use crate::topic::Topic;

/// What two events may have in common. A topic may have the text of an id.
#[derive(Clone, Copy, Hash)]
enum ComparedName<'a> {
    Topic(&'a str),
    Id(&'a str),
}

/// The names of the events of a folder, of which it is found out which ones are shared.
#[derive(Debug, Default)]
pub(super) struct NamesSeen<S = RandomState> {
    hasher: S,
    /// The hashes of all ids, and of all topics that have ended.
    seen: HashSet<u64>,
    /// The hashes of those that may show that an event was no longer retained.
    shared: HashSet<u64>,
}

/// The hashes of names that have to be compared.
#[derive(Debug)]
pub(super) struct SharedNames<S = RandomState> {
    hasher: S,
    /// In order.
    hashes: Vec<u64>,
}

/// Events that were no longer retained when a later one was accepted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Superseded {
    /// Those that end a topic which a later event has, in order.
    ends: Vec<Sequence>,
    /// Those that have the id of a later idempotent one, in order.
    ids: Vec<Sequence>,
}

impl<S: BuildHasher> NamesSeen<S> {
    /// Adds the next event.
    pub(super) fn add(&mut self, event: &Event) {
        for topic in event.topics() {
            let hash = self.hasher.hash_one(ComparedName::Topic(topic.as_str()));
            if self.seen.contains(&hash) {
                self.shared.insert(hash);
            }
            if event.ends_topic() {
                self.seen.insert(hash);
            }
        }
        if event.has_custom_id() {
            let hash = self.hasher.hash_one(ComparedName::Id(event.id()));
            let is_new = self.seen.insert(hash);
            if !is_new && event.is_idempotent() {
                self.shared.insert(hash);
            }
        }
    }

    /// Adds an event that comes before all others, when these have been added. There are few of that kind,
    /// so that all of their names are compared.
    pub(super) fn add_earlier(&mut self, event: &Event) {
        if event.ends_topic() {
            let topics = event.topics().iter();
            self.shared.extend(
                topics.map(|topic| self.hasher.hash_one(ComparedName::Topic(topic.as_str()))),
            );
        }
        if event.has_custom_id() {
            self.shared.insert(self.hasher.hash_one(ComparedName::Id(event.id())));
        }
    }

    /// What has to be compared.
    pub(super) fn into_shared(self) -> SharedNames<S> {
        drop(self.seen);
        let mut hashes: Vec<u64> = self.shared.into_iter().collect();
        hashes.sort_unstable();
        SharedNames { hasher: self.hasher, hashes }
    }
}

impl<S: BuildHasher> SharedNames<S> {
    /// Compares so many names at once, each time by a reading that shows all events in their order. None is
    /// needed where no name is shared.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn superseded(
        &self,
        at_once: usize,
        mut read: impl FnMut(&mut dyn FnMut(&Event)) -> io::Result<()>,
    ) -> io::Result<Superseded> {
        let mut found = Superseded::default();
        for hashes in self.hashes.chunks(at_once) {
            let mut comparison = Comparison {
                hasher: &self.hasher,
                hashes,
                ends: HashMap::new(),
                ids: HashMap::new(),
                found: &mut found,
            };
            read(&mut |event: &Event| comparison.add(event))?;
        }
        // An event that ends several topics is found with each.
        for sequences in [&mut found.ends, &mut found.ids] {
            sequences.sort_unstable();
            sequences.dedup();
        }
        Ok(found)
    }
}

/// Names that are compared by their texts.
struct Comparison<'a, S> {
    hasher: &'a S,
    /// Other names are left to another reading.
    hashes: &'a [u64],
    /// The topics that have ended, and on which nothing has come since.
    ends: HashMap<Topic, Sequence>,
    /// The events with each id since the last one that was idempotent, and that one.
    ids: HashMap<Box<str>, Vec<Sequence>>,
    found: &'a mut Superseded,
}

impl<S: BuildHasher> Comparison<'_, S> {
    fn add(&mut self, event: &Event) {
        for topic in event.topics() {
            if !self.has(ComparedName::Topic(topic.as_str())) {
                continue;
            }
            self.found.ends.extend(self.ends.remove(topic));
            if event.ends_topic() {
                self.ends.insert(topic.clone(), event.sequence());
            }
        }
        if event.has_custom_id() && self.has(ComparedName::Id(event.id())) {
            let earlier = self.ids.entry(event.id().into()).or_default();
            if event.is_idempotent() {
                self.found.ids.append(earlier);
            }
            earlier.push(event.sequence());
        }
    }

    fn has(&self, name: ComparedName<'_>) -> bool {
        self.hashes.binary_search(&self.hasher.hash_one(name)).is_ok()
    }
}

impl Superseded {
    /// Why an event was no longer retained, if that is known.
    pub(super) fn reason(&self, sequence: Sequence) -> Option<&'static str> {
        let has = |sequences: &[Sequence]| sequences.binary_search(&sequence).is_ok();
        if has(&self.ends) {
            return Some(
                "they end a topic, and were no longer retained when a later event of it was accepted",
            );
        }
        let is_repeated = has(&self.ids);
        is_repeated
            .then_some("they were no longer retained when a later event with their id was accepted")
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasherDefault, Hasher};
    use std::time::Instant;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Buffers, DraftFields, EncodedEvent, Epoch, EventLimits};

    /// All names have the same hash.
    #[derive(Default)]
    struct OneHash;

    impl Hasher for OneHash {
        fn write(&mut self, _bytes: &[u8]) {}

        fn finish(&self) -> u64 {
            7
        }
    }

    /// An event of some topics, as `a,b`. With `!` it ends them, `=k` is the id of an idempotent one, and
    /// `~k` of another.
    fn event(sequence: u64, text: &str) -> Event {
        let (topics, id) = text.split_once(' ').unwrap_or((text, ""));
        let fields = DraftFields {
            topics: topics.trim_end_matches('!').split(',').map(Into::into).collect(),
            id: id.get(1..).map(Into::into),
            end: topics.ends_with('!'),
            ..DraftFields::default()
        };
        let draft = fields.check(&EventLimits::default()).unwrap();
        let draft = if id.starts_with('=') { draft.idempotent() } else { draft };
        let (place, epoch) = ((1_795_000_000_000, None::<Instant>), Epoch::begun_at(1, 1));
        let event = EncodedEvent::encode(draft);
        event.assign(Sequence(sequence), place, epoch, &Buffers::default())
    }

    fn events(texts: &[impl AsRef<str>]) -> Vec<Event> {
        (1..).zip(texts).map(|(sequence, text)| event(sequence, text.as_ref())).collect()
    }

    /// What is found, and in how many looks. So many of the events were written again.
    fn found<S: BuildHasher + Default>(
        events: &[Event],
        again: usize,
        at_once: usize,
    ) -> (Superseded, usize) {
        let mut names = NamesSeen::<S>::default();
        events[again..].iter().for_each(|event| names.add(event));
        events[..again].iter().for_each(|event| names.add_earlier(event));
        let mut looks = 0;
        let found = names.into_shared().superseded(at_once, |each| {
            looks += 1;
            events.iter().for_each(each);
            Ok(())
        });
        (found.unwrap(), looks)
    }

    fn superseded(ends: &[u64], ids: &[u64]) -> Superseded {
        let sequences = |numbers: &[u64]| numbers.iter().copied().map(Sequence).collect();
        Superseded { ends: sequences(ends), ids: sequences(ids) }
    }

    #[test]
    fn an_end_is_superseded_by_a_later_event_of_a_topic_and_an_id_by_a_later_idempotent_one() {
        let cases: [(&[&str], &[u64], &[u64]); 21] = [
            (&[], &[], &[]),
            (&["a", "a", "b"], &[], &[]),
            (&["a", "a!", "b", "c!"], &[], &[]),
            (&["a!", "a"], &[1], &[]),
            (&["a!", "a!"], &[1], &[]),
            (&["a!", "a", "a!", "b", "a", "a!"], &[1, 3], &[]),
            (&["a,b!", "b"], &[1], &[]),
            (&["a,b!", "b", "a"], &[1], &[]),
            (&["a!", "b!", "c,b,a"], &[1, 2], &[]),
            (&["a =k", "b =l"], &[], &[]),
            (&["a =k", "b =k"], &[], &[1]),
            (&["a =k", "b =k", "a =k"], &[], &[1, 2]),
            (&["a ~k", "b ~k", "a ~k"], &[], &[]),
            (&["a =k", "b ~k"], &[], &[]),
            (&["a ~k", "b =k"], &[], &[1]),
            (&["a =k", "a ~k", "b =k", "b ~k"], &[], &[1, 2]),
            // A topic with the text of an id is another name.
            (&["a! =b", "b =a", "c"], &[], &[]),
            (&["a!", "b =a", "b ~a"], &[], &[]),
            (&["a! =k", "a! =k"], &[1], &[1]),
            (&["a! =k", "b! =k", "a"], &[1], &[1]),
            (&["a!", "b =k", "c", "c", "a", "b =k", "a"], &[1], &[2]),
        ];
        for (texts, ends, ids) in cases {
            let (events, expected) = (events(texts), superseded(ends, ids));
            for at_once in [1, 2, 1_000] {
                assert_eq!(found::<RandomState>(&events, 0, at_once).0, expected, "{texts:?}");
                let with_one_hash = found::<BuildHasherDefault<OneHash>>(&events, 0, at_once).0;
                assert_eq!(with_one_hash, expected, "{texts:?}, with one hash");
            }
        }
    }

    #[test]
    fn events_are_read_once_more_only_where_a_name_is_shared_and_for_so_many_names_at_once() {
        let cases: [(&[&str], usize, usize); 6] = [
            (&["a =k", "b =l", "c!"], 1, 0),
            (&["a ~k", "b ~k", "c!"], 1, 0),
            (&["a!", "a"], 1, 1),
            (&["a,b!", "a,b =k", "c =k"], 1, 3),
            (&["a,b!", "a,b =k", "c =k"], 2, 2),
            (&["a,b!", "a,b =k", "c =k"], 3, 1),
        ];
        for (texts, at_once, expected) in cases {
            let looks = found::<RandomState>(&events(texts), 0, at_once).1;
            assert_eq!(looks, expected, "{texts:?}, {at_once} at once");
        }
    }

    #[test]
    fn each_event_that_is_superseded_has_its_reason_and_no_other_has_one() {
        let found = superseded(&[1, 4], &[2, 4]);
        let cases =
            [(1, Some("end a topic")), (2, Some("their id")), (3, None), (4, Some("end a"))];
        for (sequence, expected) in cases {
            let reason = found.reason(Sequence(sequence));
            assert_eq!(reason.is_some(), expected.is_some(), "{sequence}: {reason:?}");
            assert!(reason.unwrap_or_default().contains(expected.unwrap_or_default()));
        }
    }

    /// The same by comparing each event with all later ones.
    fn compared(events: &[Event]) -> Superseded {
        let mut found = Superseded::default();
        for (index, event) in events.iter().enumerate() {
            let later = &events[index + 1..];
            let has_topic =
                |later: &Event| event.topics().iter().any(|topic| later.topics().contains(topic));
            if event.ends_topic() && later.iter().any(has_topic) {
                found.ends.push(event.sequence());
            }
            let has_id = |later: &Event| {
                later.is_idempotent() && later.has_custom_id() && later.id() == event.id()
            };
            if event.has_custom_id() && later.iter().any(has_id) {
                found.ids.push(event.sequence());
            }
        }
        found
    }

    proptest! {
        #[test]
        fn the_same_is_found_as_by_comparing_each_event_with_all_later_ones(
            texts in vec("[abc](,[abc])?!?( [=~][ab])?", 0..12),
            again in 0..12_usize,
            at_once in 1..4_usize,
        ) {
            let events = events(&texts);
            let (again, expected) = (again.min(events.len()), compared(&events));
            prop_assert_eq!(&found::<RandomState>(&events, again, at_once).0, &expected);
            let with_one_hash = found::<BuildHasherDefault<OneHash>>(&events, again, at_once).0;
            prop_assert_eq!(&with_one_hash, &expected);
        }
    }
}
