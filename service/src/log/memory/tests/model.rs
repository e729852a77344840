//! A model: all events ever, in a list, and the plainest words for what is retained and matches.

use super::*;
use crate::log::KeptTotals;
use crate::log::window::SAME_ID_COMPARED_MAX;

const TOPICS: [&str; 3] = ["a", "b", "c/1"];
const SELECTORS: [&[&str]; 6] = [&["a"], &["a", "b"], &["c/{x}"], &["c/{x}", "a"], &["*"], &["z"]];

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<AnyDraft>),
    SetClock(u64),
    Expire,
    Read { after: u64, through: u64, selectors: Option<usize>, limit: PageLimit },
}

#[derive(Clone, Debug)]
struct AnyDraft {
    topics: Vec<&'static str>,
    id: Option<u8>,
    idempotent: bool,
    ends: bool,
    data_bytes: usize,
}

impl AnyDraft {
    fn frame_bytes(&self) -> usize {
        let id_bytes = if self.id.is_some() { "id 0".len() } else { HUB_ID_BYTES };
        let is_end_alone = self.ends && self.data_bytes == 0;
        let data = if is_end_alone { 0 } else { "data: \n".len() + self.data_bytes };
        "id: \n\n".len() + id_bytes + data
    }

    fn is_repeat_of(&self, earlier: &ModelEvent) -> bool {
        earlier.topics == self.topics
            && earlier.ends == self.ends
            && earlier.frame_bytes == self.frame_bytes()
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let topics = btree_set(0..TOPICS.len(), 1..=TOPICS.len())
        .prop_map(|indices| indices.into_iter().map(|index| TOPICS[index]).collect());
    let draft = (
        topics,
        option::weighted(0.3, 0..6_u8),
        any::<bool>(),
        prop::bool::weighted(0.1),
        0..3_usize,
    )
        .prop_map(|(topics, id, idempotent, ends, size)| AnyDraft {
            topics,
            id,
            idempotent,
            ends,
            data_bytes: 40 * size,
        });
    let limit = (1..5_usize, prop_oneof![Just(usize::MAX), 0..500_usize])
        .prop_map(|(events_max, bytes_max)| PageLimit { events_max, bytes_max });
    let through = prop_oneof![0..40_u64, Just(u64::MAX)];
    let read = (0..40_u64, through, option::of(0..SELECTORS.len()), limit).prop_map(
        |(after, through, selectors, limit)| Step::Read { after, through, selectors, limit },
    );
    prop_oneof![
        4 => vec(draft, 1..4).prop_map(Step::Append),
        1 => (1_000..1_400_u64).prop_map(Step::SetClock),
        1 => Just(Step::Expire),
        4 => read,
    ]
}

#[derive(Clone, Debug)]
struct ModelEvent {
    sequence: u64,
    topics: Vec<&'static str>,
    id: Option<u8>,
    ends: bool,
    frame_bytes: usize,
    accepted_ms: u64,
}

#[derive(Debug)]
struct Model {
    settings: MemoryLogSettings,
    now_ms: u64,
    all: Vec<ModelEvent>,
    /// How many are gone.
    gone: usize,
}

impl Model {
    fn retained(&self) -> &[ModelEvent] {
        &self.all[self.gone..]
    }

    /// The event with which a topic has ended.
    fn ended_by(&self, topic: &str) -> Option<u64> {
        let newest = self.retained().iter().rfind(|event| event.topics.contains(&topic));
        newest.filter(|newest| newest.ends).map(|newest| newest.sequence)
    }

    fn append(&mut self, drafts: &[AnyDraft], bounds: impl FnOnce() -> Bounds) -> Vec<Option<u64>> {
        let add = |draft: &AnyDraft| {
            if draft.id.is_some() && draft.idempotent {
                let with_id = self.retained().iter().filter(|event| event.id == draft.id);
                let with_id: Vec<_> = with_id.take(SAME_ID_COMPARED_MAX).collect();
                if !with_id.is_empty() {
                    let repeated = with_id.iter().find(|event| draft.is_repeat_of(event));
                    return repeated.map(|event| event.sequence);
                }
            }
            if draft.topics.iter().any(|topic| self.ended_by(topic).is_some()) {
                return None;
            }
            let sequence = self.all.len() as u64 + 1;
            let newest = self.all.last().map_or(0, |event| event.accepted_ms);
            self.all.push(ModelEvent {
                sequence,
                topics: draft.topics.clone(),
                id: draft.id,
                ends: draft.ends,
                frame_bytes: draft.frame_bytes(),
                accepted_ms: self.now_ms.max(newest),
            });
            Some(sequence)
        };
        let results = drafts.iter().map(add).collect();
        self.evict(&bounds());
        results
    }

    /// The most of the newest events that keep to the limits. What they hold is for the log to say;
    /// it must be within the limit, and no more may be gone for it than has to.
    fn evict(&mut self, bounds: &Bounds) {
        let keeps = |events: &[ModelEvent]| {
            let age_ms = self.settings.age_max.as_millis() as u64;
            events.len() <= self.settings.events_max
                && events.iter().all(|event| event.accepted_ms + age_ms >= self.now_ms)
        };
        let gone = (self.gone..=self.all.len()).find(|&gone| keeps(&self.all[gone..])).unwrap();
        let gone_by_bytes = usize::try_from(bounds.oldest.0).unwrap() - 1;
        assert!(bounds.bytes <= self.settings.bytes_max || bounds.events <= 1);
        assert!(
            gone_by_bytes >= gone
                && (gone_by_bytes == gone || self.settings.bytes_max < usize::MAX)
        );
        self.gone = gone_by_bytes;
    }

    fn matching(&self, after: u64, through: u64, selectors: Option<usize>) -> Vec<u64> {
        let filter = |topic: &&str| match selectors.map(|index| SELECTORS[index]) {
            None | Some(["*"]) => true,
            Some(texts) => texts
                .iter()
                .any(|text| text == topic || (*text == "c/{x}" && topic.starts_with("c/"))),
        };
        let in_range = self.retained().iter().filter(|event| {
            event.sequence > after && event.sequence <= through && event.topics.iter().any(filter)
        });
        in_range.map(|event| event.sequence).collect()
    }
}

const HUB_ID_BYTES: usize = "e:".len() + 21;

fn append_any(log: &MemoryLog, drafts: &[AnyDraft]) -> Vec<Option<u64>> {
    let drafts = drafts.iter().map(|any| {
        let id = any.id.map(|id| format!("id {id}"));
        let draft = draft(&any.topics, id.as_deref(), &"d".repeat(any.data_bytes));
        let draft = if any.ends { draft.ending_topic() } else { draft };
        if any.idempotent { draft.idempotent() } else { draft }
    });
    let results = append(log, drafts.collect());
    results.into_iter().map(|result| result.ok().map(|receipt| receipt.sequence.0)).collect()
}

/// Reads page after page, and checks each.
fn read_all(
    stage: &Stage,
    model: &Model,
    range: ReadRange,
    selectors: Option<usize>,
    limit: PageLimit,
) -> Vec<u64> {
    let set = selectors.map(|index| set(SELECTORS[index]));
    let filter = set.as_ref().map_or(EventFilter::Everything, EventFilter::Candidates);
    let ReadRange { mut after, through } = range;
    let end = Sequence(through.0.min(model.all.len() as u64));
    let mut all = Vec::new();
    loop {
        let page = stage.log.read_now(ReadRange { after, through }, filter, limit);
        let lost = |sequence| sequence <= model.gone as u64 && sequence <= through.0;
        assert_eq!(page.is_truncated, lost(after.0 + 1), "{after}..={through}");
        let bytes: usize = sequences(&page)
            .iter()
            .map(|&sequence| model.all[usize::try_from(sequence).unwrap() - 1].frame_bytes)
            .sum();
        assert!(page.events.len() <= limit.events_max);
        assert!(bytes <= limit.bytes_max || page.events.len() == 1);
        match &set {
            Some(set) => all.extend(matching(page.events.iter(), set)),
            None => all.extend(sequences(&page)),
        }
        if page.through >= end {
            assert_eq!(page.through, end.max(after));
            return all;
        }
        assert!(page.through > after, "a page gets on");
        after = page.through;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_log_does_what_a_plain_list_would_do(
        steps in vec(any_step(), 1..40),
        events_max in 1..12_usize,
        bytes_max in prop_oneof![Just(usize::MAX), 300..8_000_usize],
        age_ms in prop_oneof![Just(1_000_000), 0..300_u64],
    ) {
        let age_max = Duration::from_millis(age_ms);
        let settings = MemoryLogSettings { events_max, bytes_max, age_max };
        let stage = stage(settings);
        let mut model = Model { settings, now_ms: 1_000, all: Vec::new(), gone: 0 };
        for step in steps {
            match step {
                Step::Append(drafts) => {
                    let appended = append_any(&stage.log, &drafts);
                    prop_assert_eq!(appended, model.append(&drafts, || stage.log.bounds()));
                }
                Step::SetClock(ms) => {
                    stage.set_clock(ms);
                    model.now_ms = ms;
                }
                Step::Expire => {
                    stage.log.expire();
                    model.evict(&stage.log.bounds());
                }
                Step::Read { after, through, selectors, limit } => {
                    let read = read_all(&stage, &model, range(after, through), selectors, limit);
                    prop_assert_eq!(read, model.matching(after, through, selectors));
                }
            }
            let retained = model.retained();
            let bounds = stage.log.bounds();
            let expected = Bounds {
                epoch: stage.epoch(),
                head: Sequence(model.all.len() as u64),
                head_ms: model.all.last().map_or(1_000, |event| event.accepted_ms),
                oldest: Sequence(model.gone as u64 + 1),
                start_ms: model.all[..model.gone].last().map_or(1_000, |event| event.accepted_ms),
                events: retained.len(),
                bytes: bounds.bytes,
                oldest_ms: retained.first().map(|event| event.accepted_ms),
last_uncounted: Sequence(0),
            kept: KeptTotals::default(),
            };
            prop_assert_eq!(bounds, expected);
            for id in 0..6_u8 {
                let known = retained.iter().find(|event| event.id == Some(id));
                let expected = known
                    .map_or(Position::Unknown, |event| Position::After(Sequence(event.sequence)));
                prop_assert_eq!(stage.locate(&format!("id {id}")), expected);
            }
            for text in TOPICS {
                let topic = Topic::parse(text, 100).unwrap();
                let ends = stage.log.ended(std::slice::from_ref(&topic)).now_or_never().unwrap();
                let ended_by = ends.first().map(|end| end.by.sequence().0);
                prop_assert_eq!(ended_by, model.ended_by(text), "{}", text);
            }
            let topics = TOPICS
                .iter()
                .filter(|topic| retained.iter().any(|event| event.topics.contains(topic)));
            prop_assert_eq!(stage.topics_indexed(), topics.count());
        }
    }
}
