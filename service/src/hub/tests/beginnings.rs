//! Which events a stream begins with.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::log::{EventFilter, ReadNow as _};
use crate::topic::Topic;

pub(super) fn newest(count: usize, since_ms: Option<u64>) -> Beginning {
    Beginning::Newest { count: count.try_into().unwrap(), since_ms }
}

fn request_of(selectors: &[&str], grants: Grants, resume: Option<Resume>) -> SubscribeRequest {
    let selectors = selectors.iter().map(|text| Selector::parse(text).unwrap());
    SubscribeRequest { selectors: SelectorSet::new(selectors).unwrap(), grants, resume }
}

/// A search lets others run, but here is nobody else.
pub(super) fn begin(
    hub: &Hub,
    request: SubscribeRequest,
    beginning: Beginning,
) -> Result<Subscription, SubscribeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(hub.subscribe(request, beginning))
}

impl Stage {
    fn begin(&self, request: SubscribeRequest, beginning: Beginning) -> Subscription {
        begin(&self.hub, request, beginning).unwrap()
    }

    pub(super) fn publish_in(&self, topics: &[&str], private: bool) {
        let topics = topics.iter().map(|&topic| topic.into()).collect();
        let fields = DraftFields { topics, private, ..DraftFields::default() };
        let draft = fields.check(&EventLimits::default()).unwrap();
        self.hub.publish(draft).now_or_never().unwrap().unwrap();
    }

    /// The sequences that a stream is sent up to the head as it began.
    pub(super) fn first_of(&self, mut subscription: Subscription) -> Vec<u64> {
        let initial = subscription.initial_replay.take().expect("there is something first");
        let (mut after, head) = (subscription.cursor, initial.head.sequence);
        let mut found = Vec::new();
        while after < head {
            let mut range = ReadRange { after, through: head };
            if let Some(list) = &initial.list {
                let Some(run) = list.next_run(after) else { break };
                let through = run.range().through.min(head);
                range = ReadRange { through, ..run.range() };
            }
            let limit = PageLimit { events_max: 3, bytes_max: usize::MAX };
            let page = self.log.read_now(range, EventFilter::Everything, limit);
            let visible = page.events.iter().filter(|event| {
                let (mut progress, mut steps) = (MatchProgress::default(), usize::MAX);
                let topics = event.topics();
                let matched =
                    subscription.selectors.match_within(topics, &mut progress, &mut steps);
                matched == Some(true)
                    && match subscription.grants.visibility(event) {
                        Visibility::Known(may_see) => may_see,
                        Visibility::IfMatched(selectors) => {
                            selectors.matches_any(topics.iter().map(Topic::as_str))
                        }
                    }
            });
            found.extend(visible.map(|event| event.sequence().0));
            // Of what has been dropped meanwhile nothing is read.
            after = page.through.max(range.after.next());
        }
        found
    }
}

#[test]
fn a_stream_begins_with_the_newest_of_each_topic_or_with_what_came_since_a_time() {
    let stage = stage(100);
    for (ms, topic) in [(1_000, "a"), (1_001, "b"), (1_002, "a"), (1_003, "c/1"), (1_004, "b")] {
        stage.set_clock(ms);
        stage.publish_in(&[topic], false);
    }
    let cases: [(&[&str], Beginning, &[u64]); 13] = [
        (&["a"], newest(1, None), &[3]),
        (&["a"], newest(2, None), &[1, 3]),
        (&["a"], newest(9, None), &[1, 3]),
        (&["a", "b"], newest(1, None), &[3, 5]),
        (&["a", "c/1"], newest(2, None), &[1, 3, 4]),
        (&["none"], newest(2, None), &[]),
        (&["*"], newest(1, None), &[3, 4, 5]),
        (&["c/{x}", "b"], newest(1, None), &[4, 5]),
        (&["*"], newest(2, Some(1_002)), &[3, 4, 5]),
        (&["b"], newest(2, Some(1_001)), &[2, 5]),
        (&["*"], Beginning::Since(1_002), &[3, 4, 5]),
        (&["b"], Beginning::Since(0), &[2, 5]),
        (&["*"], Beginning::Since(1_005), &[]),
    ];
    for (selectors, beginning, expected) in cases {
        let subscription = stage.begin(request_of(selectors, Grants::all(), None), beginning);
        assert_eq!(subscription.resumed_after, None, "no id was given");
        assert_eq!(stage.first_of(subscription), expected, "{selectors:?} {beginning:?}");
    }
}

#[test]
fn an_id_that_is_found_wins_and_behind_one_that_is_not_the_beginning_decides() {
    let stage = stage(3);
    let ids = stage.publish(5);
    let resume = |id: &str| Some(Resume::After(id.to_owned()));
    let begin = |resume| stage.begin(request_of(&["*"], Grants::all(), resume), newest(1, None));
    let found = begin(resume(&ids[3]));
    assert_eq!(
        (found.cursor, found.gap.clone(), found.initial_replay.is_none()),
        (Sequence(4), None, true)
    );
    for (id, why) in [(&*ids[0], Resumed::Expired), ("elsewhere", Resumed::Unknown)] {
        let lost = begin(resume(id));
        assert_eq!((lost.cursor, lost.resumed), (Sequence(4), Some(why)));
        let place = stage.log.id_at(Sequence(4)).unwrap().to_string();
        let gap =
            GapNotice { missed: None, after: Some(id.to_owned()), before: Some(place.clone()) };
        assert_eq!((&lost.gap, &lost.resumed_after), (&Some(gap), &Some(place)));
        assert_eq!(stage.first_of(lost), [5]);
    }
    for (resume, cursor) in [(Resume::Earliest, 2), (Resume::Now, 5)] {
        let begun = begin(Some(resume));
        assert_eq!((begun.cursor, begun.initial_replay.is_none()), (Sequence(cursor), true));
    }
}

#[test]
fn a_list_that_takes_more_than_there_is_room_for_is_refused_and_leaves_no_count() {
    let stage = stage(10_000);
    for number in 0..4_000 {
        stage.publish_in(&[&format!("rare/{number}")], false);
        stage.publish_in(&["busy"], false);
    }
    let budget = MemoryBudget::new(1_000);
    let hub =
        Hub::new(stage.log.clone(), stage.metrics.clone()).with_partial_replays(budget.clone());
    let begin = |selectors: &[&str]| {
        let request = request_of(selectors, Grants::all(), None);
        self::begin(&hub, request, newest(1, None))
    };
    assert_eq!(begin(&["*"]).err(), Some(SubscribeError::NoRoom));
    assert_eq!(budget.held(), 0);
    let few = begin(&["rare/1", "rare/2", "rare/3"]).unwrap();
    assert!((1..500).contains(&budget.held()), "{}", budget.held());
    drop(few);
    assert_eq!(budget.held(), 0);
    assert!(begin(&["busy"]).is_ok());
}

const SETS: [&[&str]; 6] =
    [&["a"], &["a", "b"], &["*"], &["{x}"], &["{x}", "c/1"], &["c/{x}", "a"]];
const TOPICS: [&[&str]; 5] = [&["a"], &["b"], &["c/1"], &["a", "b"], &["b", "c/1", "c/2"]];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_is_what_a_look_at_every_event_finds(
        events in vec((0..TOPICS.len(), any::<bool>()), 0..60),
        retained in 1..80_usize,
        selectors in 0..SETS.len(),
        sees in 0..3_usize,
        count in 1..6_usize,
        since in prop::option::of(0..70_u64),
    ) {
        let stage = stage(retained);
        for (at, &(topics, private)) in events.iter().enumerate() {
            stage.set_clock(1_000 + at as u64);
            stage.publish_in(TOPICS[topics], private);
        }
        let of_b = Grants::of(None, Some(SelectorSet::one(Selector::parse("b").unwrap())));
        let grants = [Grants::all(), Grants::public(), of_b][sees].clone();
        let wanted = request_of(SETS[selectors], grants.clone(), None).selectors;
        let may_see = |&(topics, private): &(usize, bool)| {
            !private || sees == 0 || (sees == 2 && TOPICS[topics].contains(&"b"))
        };
        let oldest = events.len().saturating_sub(retained) as u64 + 1;
        let from = since.map_or(oldest, |since| oldest.max(since + 1));
        let mut expected: Vec<u64> = Vec::new();
        for topic in ["a", "b", "c/1", "c/2"].into_iter().filter(|topic| wanted.matches(topic)) {
            let of_topic = (1_u64..).zip(&events).filter(|(sequence, event)| {
                *sequence >= from && TOPICS[event.0].contains(&topic) && may_see(event)
            });
            let of_topic: Vec<u64> = of_topic.map(|(sequence, _)| sequence).collect();
            expected.extend(of_topic.iter().rev().take(count));
        }
        expected.sort_unstable();
        expected.dedup();
        let beginning = newest(count, since.map(|since| 1_000 + since));
        let subscription = stage.begin(request_of(SETS[selectors], grants, None), beginning);
        prop_assert_eq!(stage.first_of(subscription), expected);
    }
}
