//! Whatever happens in whatever order: events, subscribers that come, stop, take a part, go on and
//! leave, in the middle of passes too; under every policy, and no subscriber loses anything but
//! what it was notified of, has anything twice, or has it out of order.

use std::collections::HashMap;
use std::pin::pin;

use super::super::super::backpressure::BackpressurePolicy;
use super::*;

const SELECTORS: [&[&str]; 5] = [&["a"], &["b"], &["a", "b"], &["{x}"], &["*"]];

impl Stage {
    /// Each member knows its place in its audience, and each audience has a member.
    fn assert_members_know_their_places(&mut self) {
        let mut members = 0;
        for audience in self.shard.audiences.values_mut() {
            assert!(!audience.members.is_empty(), "an audience without members is forgotten");
            for (index, &member) in audience.members.iter().enumerate() {
                assert_eq!(self.shard.subscribers[member].member_index(), index);
            }
            members += audience.members.len();
        }
        assert_eq!(members, self.shard.subscribers.len());
        assert_eq!(members as u64, self.subscribers());
        // Those on their way are counted there as well.
        assert!(members <= self.mailbox.load());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Publish { topics: Vec<&'static str>, private: bool, times: usize },
    End { topics: Vec<&'static str>, private: bool },
    Subscribe { selectors: usize, granted: bool, from: From },
    Join { which: Index, room: usize },
    Crowd { selectors: usize, count: usize },
    Pass,
    Fill(Index),
    CutAfter(Index, usize),
    BeFickle(Index),
    MakeRoom(Index, usize),
    Leave(Index),
}

/// Where a subscriber begins.
#[derive(Clone, Debug)]
enum From {
    Now,
    After(Index),
    /// What came after an event, and then its place.
    Since(Index),
    Newest(usize),
}

fn any_from() -> impl Strategy<Value = From> {
    prop_oneof![
        2 => Just(From::Now),
        2 => any::<Index>().prop_map(From::After),
        1 => any::<Index>().prop_map(From::Since),
        2 => (1..5_usize).prop_map(From::Newest),
    ]
}

fn any_step() -> impl Strategy<Value = Step> {
    let topics = || prop_oneof![Just(vec!["a"]), Just(vec!["b"]), Just(vec!["b", "a"])];
    let times = prop_oneof![2 => Just(1), 1 => 2..20_usize];
    let room = || prop_oneof![Just(0), Just(1), Just(2), Just(usize::MAX)];
    let subscribe = (0..SELECTORS.len(), any::<bool>(), any_from())
        .prop_map(|(selectors, granted, from)| Step::Subscribe { selectors, granted, from });
    prop_oneof![
        10 => (topics(), any::<bool>(), times)
            .prop_map(|(topics, private, times)| Step::Publish { topics, private, times }),
        1 => (topics(), any::<bool>()).prop_map(|(topics, private)| Step::End { topics, private }),
        6 => subscribe,
        6 => (any::<Index>(), room()).prop_map(|(which, room)| Step::Join { which, room }),
        12 => Just(Step::Pass),
        4 => any::<Index>().prop_map(Step::Fill),
        8 => (any::<Index>(), any::<usize>()).prop_map(|(which, at)| Step::CutAfter(which, at)),
        2 => any::<Index>().prop_map(Step::BeFickle),
        4 => (any::<Index>(), room()).prop_map(|(which, room)| Step::MakeRoom(which, room)),
        2 => any::<Index>().prop_map(Step::Leave),
    ]
}

/// More subscribers than a slice of a pass serves, and many of them leave.
fn any_step_of_a_crowd() -> impl Strategy<Value = Step> {
    let crowd = (0..SELECTORS.len(), 200..400_usize)
        .prop_map(|(selectors, count)| Step::Crowd { selectors, count });
    prop_oneof![1 => crowd, 12 => any_step(), 4 => any::<Index>().prop_map(Step::Leave)]
}

/// What a subscriber is to get in the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Terms {
    /// Everything behind this.
    cursor: u64,
    /// And before that these, if it is told the place of the cursor behind them.
    first: Option<Vec<u64>>,
    selectors: &'static [&'static str],
    granted: bool,
}

/// What was published.
#[derive(Clone, Debug)]
struct PublishedEvent {
    topics: Vec<&'static str>,
    private: bool,
    ends: bool,
}

/// Takes the steps, and remembers what was published and which subscribers are there.
struct Play {
    stage: Stage,
    policy: BackpressurePolicy,
    published: Vec<PublishedEvent>,
    on_their_way: Vec<(Subscription, Terms)>,
    joined: Vec<(Reader, Terms)>,
    /// What the subscribers that have left have had.
    had: Had,
}

/// What a subscriber has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Had {
    events: u64,
    gaps: u64,
    missed: u64,
}

impl Play {
    fn with(policy: BackpressurePolicy, lag_events_max: u64, steps: Option<usize>) -> Self {
        let (published, on_their_way, joined) = <_>::default();
        let mut stage = stage_with_policy(policy.name(), lag_events_max);
        if let Some(steps) = steps {
            stage.shard.allowance = Allowance::Steps(steps);
        }
        Self { stage, policy, published, on_their_way, joined, had: Had::default() }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Publish { topics, private, times } => {
                for _ in 0..times {
                    self.publish(draft(&topics, private), (&topics, private, false));
                }
            }
            Step::End { topics, private } => {
                let draft = draft(&topics, private).ending_topic();
                self.publish(draft, (&topics, private, true));
            }
            Step::Subscribe { selectors, granted, from } => {
                self.subscribe(SELECTORS[selectors], granted, &from);
            }
            Step::Join { which, room } => {
                if let Some(at) = chosen(which, &self.on_their_way) {
                    self.join(at, room);
                }
            }
            Step::Crowd { selectors, count } => {
                for _ in 0..count {
                    self.subscribe(SELECTORS[selectors], true, &From::Now);
                    self.join(self.on_their_way.len() - 1, usize::MAX);
                }
            }
            Step::Pass => self.pass(),
            Step::Fill(which) => self.with_one(which, |play, at| play.joined[at].0.fill()),
            Step::CutAfter(which, bytes) => {
                self.with_one(which, |play, at| play.joined[at].0.cut_after(bytes));
            }
            Step::BeFickle(which) => self.with_one(which, |play, at| play.joined[at].0.be_fickle()),
            Step::MakeRoom(which, room) => {
                self.with_one(which, |play, at| play.make_room(at, room));
            }
            Step::Leave(which) => self.with_one(which, Self::leave),
        }
    }

    fn publish(&mut self, draft: Draft, (topics, private, ends): (&[&'static str], bool, bool)) {
        let has_ended = topics.iter().any(|topic| self.ended_by(topic, true).is_some());
        let result = self.stage.hub.publish(draft).now_or_never().unwrap();
        assert_eq!(result.is_err(), has_ended);
        if !has_ended {
            self.published.push(PublishedEvent { topics: topics.to_vec(), private, ends });
        }
    }

    /// The event that ended a topic, for somebody who may see private ones or not.
    fn ended_by(&self, topic: &str, granted: bool) -> Option<u64> {
        let ended = self.published.iter().position(|event| {
            event.ends && event.topics.contains(&topic) && (granted || !event.private)
        });
        ended.map(|index| index as u64 + 1)
    }

    /// Whether a subscriber gets nothing more.
    fn is_over(&self, terms: &Terms) -> bool {
        let is_exact = set(terms.selectors).exact_topics().is_some();
        let has_ended = |topic: &&str| self.ended_by(topic, terms.granted).is_some();
        is_exact && terms.selectors.iter().all(has_ended)
    }

    fn with_one(&mut self, which: Index, act: impl FnOnce(&mut Self, usize)) {
        if let Some(at) = chosen(which, &self.joined) {
            act(self, at);
        }
    }

    fn subscribe(&mut self, selectors: &'static [&'static str], granted: bool, from: &From) {
        let grants = if granted { Grants::all() } else { Grants::subscribe_to(topic("none")) };
        let request = SubscribeRequest { selectors: set(selectors), grants, resume: None };
        let beginning = match from {
            From::Newest(count) => {
                Beginning::Newest { count: (*count).try_into().unwrap(), since_ms: None }
            }
            // All were accepted at the same time.
            From::Since(_) => Beginning::Since(0),
            From::Now | From::After(_) => Beginning::Next,
        };
        let mut subscribing = pin!(self.stage.hub.subscribe(request, beginning));
        // A long search lets others have their turn, and nothing else keeps it waiting.
        let subscribed = loop {
            if let Some(subscribed) = subscribing.as_mut().now_or_never() {
                break subscribed;
            }
        };
        let mut subscription = subscribed.unwrap();
        let head = self.published.len() as u64;
        if let From::After(after) | From::Since(after) = from {
            let after = Sequence(after.index(self.published.len() + 1) as u64);
            subscription.cursor = after;
            if subscription.initial_replay.is_none() {
                subscription.last_id.sequence = after;
            }
        }
        let all = |cursor| Terms { cursor, first: None, selectors, granted };
        let terms = match from {
            From::Now | From::After(_) => all(subscription.cursor.0),
            From::Since(_) => {
                let first = self.expected(&all(subscription.cursor.0));
                Terms { first: Some(first), ..all(head) }
            }
            From::Newest(count) => Terms { first: Some(self.newest(*count, &all(0))), ..all(head) },
        };
        self.on_their_way.push((subscription, terms));
    }

    /// The newest events of each topic that is asked for.
    fn newest(&self, count: usize, terms: &Terms) -> Vec<u64> {
        let all = self.expected(terms);
        let wanted = set(terms.selectors);
        let mut newest = Vec::new();
        for topic in ["a", "b"].into_iter().filter(|topic| wanted.matches(topic)) {
            let of_topic =
                |sequence: &&u64| self.published[**sequence as usize - 1].topics.contains(&topic);
            newest.extend(all.iter().rev().filter(of_topic).take(count));
        }
        newest.sort_unstable();
        newest.dedup();
        newest
    }

    fn join(&mut self, at: usize, room: usize) {
        let (subscription, terms) = self.on_their_way.swap_remove(at);
        let reader = Reader::with_room(room);
        self.stage.post(subscription, &reader);
        self.joined.push((reader, terms));
    }

    /// A slice of a pass, and what else is due.
    fn pass(&mut self) {
        self.stage.shard.iterate();
        self.stage.assert_members_know_their_places();
    }

    fn leave(&mut self, at: usize) {
        while self.joined[at].0.change(|reading| reading.key.is_none()) {
            self.pass(); // It was on the way, and has its key now.
        }
        let (reader, terms) = self.joined.swap_remove(at);
        let had = self.assert_in_order(&reader, &terms, &self.expected(&terms));
        self.count(had);
        self.stage.leave(&reader);
        self.pass();
    }

    fn make_room(&mut self, at: usize, room: usize) {
        let reader = &self.joined[at].0;
        if room > 0 {
            self.stage.make_room(reader, room);
        }
    }

    fn count(&mut self, had: Had) {
        self.had.events += had.events;
        self.had.gaps += had.gaps;
        self.had.missed += had.missed;
    }

    fn expected(&self, terms: &Terms) -> Vec<u64> {
        let selectors = set(terms.selectors);
        let events = (1..).zip(&self.published).filter(|(sequence, event)| {
            *sequence > terms.cursor
                && selectors.matches_any(event.topics.iter().copied())
                && (terms.granted || !event.private)
        });
        let first = terms.first.iter().flatten().copied();
        first.chain(events.map(|(sequence, _)| sequence)).collect()
    }

    /// Everything that a reader has had, in order, with exactly what was announced as missing; what
    /// follows may still come.
    fn assert_in_order(&self, reader: &Reader, terms: &Terms, expected: &[u64]) -> Had {
        let (mut had, mut unannounced, mut next, mut last) = (Had::default(), 0, 0, None);
        let (mut announced_before, mut ends_follow) = (None, None);
        let first = terms.first.as_ref().map_or(0, Vec::len);
        for word in words(reader) {
            let told = if let Word::End(topics) = &word { Some(topics.clone()) } else { None };
            assert_eq!(told, ends_follow.take(), "right behind the event");
            match word {
                Word::End(_) => {}
                Word::Gap { missed, after, before } => {
                    assert!(self.policy.skips(), "{}", self.policy);
                    assert_eq!(after, last.or(Some(terms.cursor)), "the last that was sent");
                    announced_before = before;
                    unannounced -= missed as i64;
                    had.gaps += 1;
                    had.missed += missed;
                }
                Word::Place(place) => {
                    assert_eq!((Some(place), next), (Some(terms.cursor), first), "behind them");
                    last = Some(place);
                }
                Word::Event(sequence) => {
                    assert!(announced_before.take().is_none_or(|before| before == sequence));
                    let skipped = expected[next..].iter().position(|&other| other == sequence);
                    let skipped = skipped.unwrap_or_else(|| panic!("{sequence} in {expected:?}"));
                    unannounced += skipped as i64;
                    next += skipped + 1;
                    last = Some(sequence);
                    had.events += 1;
                    ends_follow = self.told_behind(sequence, terms);
                    // What drop-oldest leaves out lies at the gap; conflate, also behind it.
                    let announced = if self.policy == BackpressurePolicy::Conflate {
                        unannounced <= 0
                    } else {
                        unannounced == 0
                    };
                    assert!(announced, "{unannounced} before {sequence}");
                }
            }
        }
        assert_eq!(ends_follow, None);
        let never_full = reader.change(|reading| !reading.was_full);
        let end = reader.end().filter(|end| *end != FINISHED);
        assert!(!never_full || (had.gaps == 0 && end.is_none()), "it was never full");
        had
    }

    /// Which topics a subscriber is told of behind an event.
    fn told_behind(&self, sequence: u64, terms: &Terms) -> Option<Vec<String>> {
        let event = &self.published[sequence as usize - 1];
        let asked = event.topics.iter().filter(|topic| set(terms.selectors).matches_any([**topic]));
        let asked: Vec<String> = asked.map(|&topic| topic.to_owned()).collect();
        event.ends.then_some(asked)
    }

    /// In the end every subscriber has had everything, or was notified of what it missed, or was
    /// cut.
    fn assert_all_is_well(&mut self) {
        // Once more for the readers that have just taken a part.
        for _ in 0..3 {
            for at in 0..self.joined.len() {
                self.make_room(at, usize::MAX);
            }
            self.stage.settle();
        }
        assert_eq!(self.stage.shard.subscribers.len(), self.stage.mailbox.load());
        let mut known = HashMap::new();
        for (reader, terms) in std::mem::take(&mut self.joined) {
            let expected = known.entry(terms.clone()).or_insert_with(|| self.expected(&terms));
            let had = self.assert_in_order(&reader, &terms, expected);
            if reader.end() == Some(End::Aborted) {
                assert_eq!(self.policy, BackpressurePolicy::Disconnect);
            } else {
                let is_over = self.is_over(&terms);
                assert_eq!(reader.end(), is_over.then_some(FINISHED), "{terms:?}");
                assert_eq!(had.events + had.missed, expected.len() as u64, "{terms:?}");
            }
            self.count(had);
        }
        assert_eq!(self.stage.metrics.delivered_total(), self.had.events);
        for policy in [BackpressurePolicy::DropOldest, BackpressurePolicy::Conflate] {
            let figure = |name| self.stage.figure(&format!("{name}{{policy=\"{policy}\"}}"));
            let stats = (
                figure("fanfare_backpressure_actions_total"),
                figure("fanfare_events_dropped_total"),
            );
            let its_own = policy == self.policy;
            let announced = if its_own { (self.had.gaps, self.had.missed) } else { (0, 0) };
            assert_eq!(stats, announced, "{policy}");
        }
    }
}

/// The end of a stream whose topics have ended.
const FINISHED: End = End::Finished(Bytes::new());

enum Word {
    Place(u64),
    End(Vec<String>),
    Gap { missed: u64, after: Option<u64>, before: Option<u64> },
    Event(u64),
}

/// `(missed 7 after 1 before 9) 9 10 at-10`, in parts.
fn words(reader: &Reader) -> Vec<Word> {
    let text = reader.segments().join(" ").replace(['(', ')'], "");
    let mut words = text.split_whitespace();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        found.push(if word == "missed" {
            let mut number = |skip| words.nth(skip).expect("a number").parse().ok();
            let missed = number(0).expect("policies know it");
            Word::Gap { missed, after: number(1), before: number(1) }
        } else if let Some(place) = word.strip_prefix("at-") {
            Word::Place(place.parse().expect("a sequence"))
        } else if let Some(topics) = word.strip_prefix("end[") {
            Word::End(topics.trim_end_matches(']').split(',').map(str::to_owned).collect())
        } else {
            Word::Event(word.parse().expect("a sequence"))
        });
    }
    found
}

fn chosen<T>(which: Index, list: &[T]) -> Option<usize> {
    (!list.is_empty()).then(|| which.index(list.len()))
}

fn any_policy() -> impl Strategy<Value = (BackpressurePolicy, u64)> {
    let lag_events_max = prop_oneof![1 => Just(u64::MAX), 4 => 1..6_u64];
    (prop::sample::select(&BackpressurePolicy::ALL[..]), lag_events_max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn everybody_gets_everything_once_and_in_order_or_is_told(
        (policy, lag_events_max) in any_policy(),
        cut in any::<bool>(),
        steps in vec(any_step(), 1..60),
    ) {
        // With one, everything is cut that can be.
        let mut play = Play::with(policy, lag_events_max, cut.then_some(1));
        for step in steps {
            play.take(step);
        }
        play.pass();
        play.assert_all_is_well();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn so_does_everybody_in_a_crowd_that_is_served_in_slices(
        (policy, lag_events_max) in any_policy(),
        cut in any::<bool>(),
        steps in vec(any_step_of_a_crowd(), 1..60),
    ) {
        let mut play = Play::with(policy, lag_events_max, cut.then_some(200_000));
        play.take(Step::Crowd { selectors: 0, count: 600 });
        for step in steps {
            play.take(step);
        }
        play.pass();
        play.assert_all_is_well();
    }
}
