//! An index finds what a plain look at all events finds.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::event::{EncodedEvent, EventContent, EventData};
use crate::log::file::batch::{BatchHead, BatchKind};
use crate::log::file::disk::model::{ModelDisk, Plan};
use crate::log::file::disk::{Disk as _, DiskFile as _, FileContent};
use crate::log::file::segment::SegmentHead;
use crate::log::record::{RecordKind, put_record};

const FIRST: Sequence = Sequence(1_001);

fn epoch() -> Epoch {
    Epoch::begun_at(1_795_000_000_000, 7)
}

/// What stands at a sequence: topics and id of an event, or nothing.
type Entry = Option<(Vec<u16>, Option<u16>)>;

/// A segment with one batch for each few of the entries.
fn segment(entries: &[Entry]) -> (SegmentHead, Vec<u8>) {
    let head = SegmentHead { epoch: epoch(), first: FIRST, salt: Salt(5), before: 77 };
    let mut bytes = head.write();
    let mut sequence = FIRST;
    for same in entries.chunk_by(|one, other| one.is_some() == other.is_some()) {
        for part in same.chunks(3) {
            let mut records = Vec::new();
            let kind = if part[0].is_some() { BatchKind::Events } else { BatchKind::Hole };
            let first = sequence;
            for entry in part {
                if let Some((topics, id)) = entry {
                    let event = event_of(topics, *id);
                    let place = (sequence, 5_000 + sequence.0);
                    put_record(&mut records, RecordKind::Next, place, &event.content()).unwrap();
                }
                sequence = sequence.next();
            }
            let batch = BatchHead { kind, first, count: part.len() as u64, synced: 0 };
            batch.write(&records, head.salt, &mut bytes);
        }
    }
    (head, bytes)
}

fn with_id<F: FileContent>(lookup: &IndexLookup<'_, F>, hash: u64, from: Sequence) -> Vec<u32> {
    lookup.with_id(hash, from).unwrap().map(Result::unwrap).collect()
}

fn event_of(topics: &[u16], id: Option<u16>) -> EncodedEvent {
    let mut topics: Vec<String> = topics.iter().map(|topic| format!("topic/{topic}")).collect();
    topics.sort();
    topics.dedup();
    let id = id.map(|id| format!("id-{id}"));
    let content = EventContent {
        topics: topics.iter().map(String::as_str).collect(),
        id: id.as_deref(),
        event_type: None,
        retry_ms: None,
        data: EventData::Text("data"),
        private: false,
        for_one_stream: false,
        ends_topic: false,
        idempotent: false,
    };
    content.encode().unwrap()
}

fn file_of(bytes: &[u8]) -> impl crate::log::file::disk::DiskFile {
    let file = ModelDisk::new(Plan::default()).create("index").unwrap();
    file.write_at(bytes, 0).unwrap();
    file
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let event = (prop::collection::vec(0..4_u16, 1..4), prop::option::of(0..4_u16));
    prop::collection::vec(prop::option::weighted(0.8, event), 0..40)
}

proptest! {
    #[test]
    fn an_index_finds_what_a_look_at_all_events_finds(entries in entries()) {
        let (segment, bytes) = segment(&entries);
        let (head, index) = build(segment, &bytes).unwrap();
        prop_assert_eq!(IndexHead::read(&index), Some(head));
        let file = file_of(&index);
        let lookup = IndexLookup::new(&file, &head);
        prop_assert!(lookup.is_whole().unwrap());
        prop_assert_eq!(head.next.0, FIRST.0 + entries.len() as u64);

        let events: Vec<_> = (FIRST.0..).zip(&entries)
            .filter_map(|(sequence, entry)| Some((sequence, entry.as_ref()?))).collect();
        prop_assert_eq!(head.events as usize, events.len());
        let newest = events.last().map_or(0, |(sequence, _)| 5_000 + sequence);
        prop_assert_eq!(head.newest_ms, newest);

        let places = lookup.places(0..head.events).unwrap();
        for (sequence, entry) in (FIRST.0..).zip(&entries) {
            match lookup.spot(Sequence(sequence)).unwrap() {
                Spot::Event { number, before, behind } => {
                    prop_assert_eq!(lookup.sequence_of(number).unwrap(), Sequence(sequence));
                    let first = (number - before) as usize;
                    let run = &events[first..=(number + behind) as usize];
                    prop_assert!(run.iter().zip(sequence - u64::from(before)..)
                        .all(|((there, _), expected)| *there == expected));
                    let at = places[number as usize] as usize;
                    let (record, _) = crate::log::record::read_record(&bytes[at..]).unwrap();
                    prop_assert_eq!(record.sequence, Sequence(sequence));
                }
                Spot::Hole { after, through } => {
                    prop_assert!(entry.is_none() && after.0 < sequence);
                    let before = after.0.checked_sub(FIRST.0);
                    prop_assert!(before.is_none_or(|at| entries[at as usize].is_some()));
                    let behind = (through.0 + 1 - FIRST.0) as usize;
                    prop_assert!(entries.get(behind).is_none_or(Option::is_some));
                }
            }
        }
        for from in [0, 1, events.len() / 2] {
            let numbers = from.min(events.len()) as u32..head.events;
            for topic in 0..5_u16 {
                let expected: Vec<u32> = numbers.clone()
                    .filter(|&number| events[number as usize].1.0.contains(&topic)).collect();
                let hash = hash(epoch(), &format!("topic/{topic}"));
                let first = &expected[..expected.len().min(2)];
                prop_assert_eq!(lookup.with_topic(hash, numbers.clone(), 2).unwrap(), first);
                let last = &expected[expected.len().saturating_sub(2)..];
                prop_assert_eq!(lookup.with_topic_back(hash, numbers.clone(), 2).unwrap(), last);
            }
        }
        let filter = lookup.filter().unwrap().unwrap();
        for id in 0..5_u16 {
            let expected: Vec<u32> = (0..head.events)
                .filter(|&number| events[number as usize].1.1 == Some(id)).collect();
            let hash = hash(epoch(), &format!("id-{id}"));
            for from in [0, FIRST.0, FIRST.0 + 1, FIRST.0 + entries.len() as u64 / 2, u64::MAX] {
                let from_there: Vec<u32> = expected.iter().copied()
                    .filter(|&number| events[number as usize].0 >= from).collect();
                prop_assert_eq!(with_id(&lookup, hash, Sequence(from)), from_there);
            }
            prop_assert!(expected.is_empty() || filter.may_have(hash));
        }
    }

    #[test]
    fn a_change_of_any_bit_of_an_index_is_seen(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let entries = vec![Some((vec![1, 2], Some(3))), None, Some((vec![2], None))];
        let (segment, bytes) = segment(&entries);
        let (head, mut index) = build(segment, &bytes).unwrap();
        let at = at.index(index.len());
        index[at] ^= 1 << bit;
        let is_seen = IndexHead::read(&index) != Some(head)
            || !IndexLookup::new(&file_of(&index), &head).is_whole().unwrap()
            || IndexLookup::new(&file_of(&index), &head).filter().unwrap().is_none();
        prop_assert!(is_seen, "byte {at}");
    }
}

/// Every table is larger than what a search reads at once.
#[test]
fn tables_are_searched_that_are_larger_than_a_read() {
    let number_of = |at: u16| u32::from(at - at.div_ceil(3));
    let entries: Vec<Entry> =
        (0..3_000).map(|at| (at % 3 > 0).then(|| (vec![at], Some(at)))).collect();
    let (segment, bytes) = segment(&entries);
    let (head, index) = build(segment, &bytes).unwrap();
    let file = file_of(&index);
    let lookup = IndexLookup::new(&file, &head);
    for at in 0..3_000 {
        let sequence = Sequence(FIRST.0 + u64::from(at));
        let expected = if at % 3 > 0 { vec![number_of(at)] } else { Vec::new() };
        let topic = hash(epoch(), &format!("topic/{at}"));
        assert_eq!(lookup.with_topic(topic, 0..head.events, 9).unwrap(), expected, "{at}");
        let id = hash(epoch(), &format!("id-{at}"));
        assert_eq!(with_id(&lookup, id, sequence), expected, "{at}");
        assert!(with_id(&lookup, id, sequence.next()).is_empty(), "{at}");
        match lookup.spot(sequence).unwrap() {
            Spot::Event { number, .. } => {
                assert_eq!(vec![number], expected, "{at}");
                assert_eq!(lookup.sequence_of(number).unwrap(), sequence, "{at}");
            }
            Spot::Hole { after, through } => {
                let alone = (sequence.previous(), sequence);
                assert_eq!((expected, (after, through)), (Vec::new(), alone), "{at}");
            }
        }
    }
}

#[test]
fn hardly_any_id_is_looked_for_in_vain() {
    let hashes: Vec<u64> = (0..10_000).map(|id| hash(epoch(), &format!("{id}"))).collect();
    let filter = IdFilter::of(hashes.iter().copied());
    assert!(hashes.iter().all(|&hash| filter.may_have(hash)));
    let in_vain = (10_000..20_000).filter(|id| filter.may_have(hash(epoch(), &format!("{id}"))));
    assert!(in_vain.count() < 200);
}

#[test]
fn nothing_is_made_of_a_segment_that_is_not_whole() {
    let (head, mut bytes) = segment(&[Some((vec![1], None)), Some((vec![2], None))]);
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    assert_eq!(build(head, &bytes), None);
}

/// A table is searched from where a hash should be, were they spread evenly.
#[test]
fn a_hash_is_found_however_unevenly_they_are_spread() {
    const EVENLY: u64 = u64::MAX / 3_000;
    let spread = |count: u64, of: &dyn Fn(u64) -> u64| (0..count).map(of).collect::<Vec<u64>>();
    let same = |hash: u64| vec![hash; 2_000];
    let tables = [
        Vec::new(),
        vec![u64::MAX],
        spread(3_000, &|at| at),
        spread(3_000, &|at| u64::MAX - at),
        spread(3_000, &|at| u64::MAX / 2 + at),
        spread(3_000, &|at| at * EVENLY),
        [spread(1_500, &|at| at), spread(1_500, &|at| u64::MAX - at)].concat(),
        [same(0), spread(1_000, &|at| at * 3 * EVENLY + 1), same(u64::MAX)].concat(),
        [spread(700, &|at| at * EVENLY), same(900 * EVENLY), vec![u64::MAX]].concat(),
    ];
    for (number, mut hashes) in tables.into_iter().enumerate() {
        hashes.sort_unstable();
        let (empty, bytes) = segment(&[]);
        let (head, mut index) = build(empty, &bytes).unwrap();
        let head = IndexHead { ids: hashes.len() as u32, ..head };
        index.truncate(HEADER_BYTES);
        for (at, hash) in (0_u32..).zip(&hashes) {
            index.extend_from_slice(&hash.to_le_bytes());
            index.extend_from_slice(&at.to_le_bytes());
        }
        let file = file_of(&index);
        let lookup = IndexLookup::new(&file, &head);
        let near = hashes.iter().flat_map(|&hash| [hash, hash.wrapping_add(1)]);
        let mut wanted: Vec<u64> = near.chain([0, u64::MAX]).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for hash in wanted {
            let (begin, end) = (
                hashes.partition_point(|&other| other < hash),
                hashes.partition_point(|&other| other <= hash),
            );
            let expected: Vec<u32> = (begin as u32..end as u32).collect();
            let found = with_id(&lookup, hash, Sequence(0));
            assert_eq!(found, expected, "table {number}, {hash}");
        }
    }
}

#[test]
fn a_topic_with_more_events_than_are_read_at_once_is_read_in_parts() {
    let entries: Vec<Entry> = (0..4_000).map(|at| Some((vec![at % 4 / 3], None))).collect();
    let (segment, bytes) = segment(&entries);
    let (head, index) = build(segment, &bytes).unwrap();
    let file = file_of(&index);
    let lookup = IndexLookup::new(&file, &head);
    // Three of four events have the first topic, and one the second: those are read at once.
    for (topic, is_of_it) in [(0, 0..3), (1, 3..4)] {
        let hash = hash(epoch(), &format!("topic/{topic}"));
        for numbers in [0..4_000, 0..0, 1..2, 3_998..4_000, 1_000..3_001, 4_000..4_000] {
            let all: Vec<u32> =
                numbers.clone().filter(|number| is_of_it.contains(&(number % 4))).collect();
            for count in [1, 7, 5_000] {
                let first = &all[..all.len().min(count)];
                assert_eq!(lookup.with_topic(hash, numbers.clone(), count).unwrap(), first);
                let last = &all[all.len().saturating_sub(count)..];
                assert_eq!(lookup.with_topic_back(hash, numbers.clone(), count).unwrap(), last);
            }
        }
    }
}

/// How often it was read.
struct CountedReads<F>(F, AtomicUsize);

impl<F: FileContent> FileContent for CountedReads<F> {
    fn bytes(&self) -> io::Result<u64> {
        self.0.bytes()
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.read_at(buffer, at)
    }
}

#[test]
fn of_very_many_events_with_an_id_no_more_entries_are_read_than_are_asked_for() {
    let entries: Vec<Entry> = vec![Some((vec![1], Some(7))); 2_000];
    let (segment, bytes) = segment(&entries);
    let (head, index) = build(segment, &bytes).unwrap();
    let id = hash(epoch(), "id-7");
    let reads = |from: u64, count: usize| {
        let file = CountedReads(file_of(&index), AtomicUsize::new(0));
        let lookup = IndexLookup::new(&file, &head);
        let found = lookup.with_id(id, Sequence(FIRST.0 + from)).unwrap().take(count);
        assert!(found.map(Result::unwrap).eq((from as u32..2_000).take(count)));
        file.1.into_inner()
    };
    for from in [0, 1_500] {
        assert_eq!(reads(from, 9), reads(from, 1) + 8, "from {from}");
        assert!(reads(from, 1) < 20, "from {from}");
    }
}
