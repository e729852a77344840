//! Whatever happens in whatever order.

use super::*;

const SELECTORS: [&[&str]; 5] = [&["a"], &["b"], &["a", "b"], &["{x}"], &["*"]];

impl Stage {
    /// Each member knows its place in its audience, and each audience has a member.
    fn assert_members_know_their_places(&mut self) {
        let mut members = 0;
        for audience in self.shard.audiences.values_mut() {
            assert!(!audience.members.is_empty(), "an audience without members is forgotten");
            for (index, &member) in audience.members.iter().enumerate() {
                assert_eq!(self.shard.subscribers[member].member_index, index);
            }
            members += audience.members.len();
        }
        assert_eq!(members, self.shard.subscribers.len());
        assert_eq!(members as u64, self.subscribers());
        assert_eq!(members, self.mailbox.load());
    }
}

#[derive(Clone, Debug)]
enum Step {
    Publish { topics: Vec<&'static str>, private: bool },
    Subscribe { selectors: usize, granted: bool, after: Option<Index> },
    Join { which: Index, room: usize },
    Pass,
    Fill(Index),
    MakeRoom(Index, usize),
    Leave(Index),
}

fn any_step() -> impl Strategy<Value = Step> {
    let topics = prop_oneof![Just(vec!["a"]), Just(vec!["b"]), Just(vec!["b", "a"])];
    let room = || prop_oneof![Just(0), Just(1), Just(2), Just(usize::MAX)];
    let subscribe = (0..SELECTORS.len(), any::<bool>(), option::of(any::<Index>()))
        .prop_map(|(selectors, granted, after)| Step::Subscribe { selectors, granted, after });
    prop_oneof![
        5 => (topics, any::<bool>())
            .prop_map(|(topics, private)| Step::Publish { topics, private }),
        3 => subscribe,
        3 => (any::<Index>(), room()).prop_map(|(which, room)| Step::Join { which, room }),
        6 => Just(Step::Pass),
        2 => any::<Index>().prop_map(Step::Fill),
        2 => (any::<Index>(), room()).prop_map(|(which, room)| Step::MakeRoom(which, room)),
        1 => any::<Index>().prop_map(Step::Leave),
    ]
}

/// What a subscriber is to get in the end.
#[derive(Clone, Debug)]
struct Terms {
    cursor: u64,
    selectors: &'static [&'static str],
    granted: bool,
}

/// Takes the steps, and remembers what was published and who is there.
struct Play {
    stage: Stage,
    published: Vec<(Vec<&'static str>, bool)>,
    on_their_way: Vec<(Subscription, Terms)>,
    joined: Vec<(Reader, Terms)>,
}

impl Play {
    fn take(&mut self, step: Step) {
        match step {
            Step::Publish { topics, private } => {
                self.stage.publish_draft(draft(&topics, private));
                self.published.push((topics, private));
            }
            Step::Subscribe { selectors, granted, after } => {
                self.subscribe(SELECTORS[selectors], granted, after);
            }
            Step::Join { which, room } => self.join(which, room),
            Step::Pass => self.pass(),
            Step::Fill(which) => {
                if let Some(at) = chosen(which, &self.joined) {
                    self.joined[at].0.fill();
                }
            }
            Step::MakeRoom(which, room) => {
                if let Some(at) = chosen(which, &self.joined) {
                    self.make_room(at, room);
                }
            }
            Step::Leave(which) => {
                if let Some(at) = chosen(which, &self.joined) {
                    self.leave(at);
                }
            }
        }
    }

    fn subscribe(
        &mut self,
        selectors: &'static [&'static str],
        granted: bool,
        after: Option<Index>,
    ) {
        let grants = if granted { Grants::all() } else { Grants::subscribe_to(topic("none")) };
        let request = SubscribeRequest { selectors: set(selectors), grants, resume: None };
        let mut subscription = self.stage.hub.subscribe(request);
        if let Some(after) = after {
            subscription.cursor = Sequence(after.index(self.published.len() + 1) as u64);
        }
        let cursor = subscription.cursor.0;
        self.on_their_way.push((subscription, Terms { cursor, selectors, granted }));
    }

    fn join(&mut self, which: Index, room: usize) {
        let Some(at) = chosen(which, &self.on_their_way) else { return };
        let (subscription, terms) = self.on_their_way.swap_remove(at);
        let reader = Reader::with_room(room);
        self.stage.post(subscription, &reader);
        self.joined.push((reader, terms));
    }

    fn pass(&mut self) {
        self.stage.shard.turn();
        self.stage.assert_members_know_their_places();
    }

    fn leave(&mut self, at: usize) {
        self.pass(); // Whoever was on the way has its key now.
        let (reader, terms) = self.joined.swap_remove(at);
        assert!(self.expected(&terms).starts_with(&reader.sequences()));
        self.stage.leave(&reader);
        self.pass();
    }

    fn make_room(&mut self, at: usize, room: usize) {
        let reader = &self.joined[at].0;
        if room > 0 {
            self.stage.make_room(reader, room);
        }
    }

    fn expected(&self, terms: &Terms) -> Vec<u64> {
        let selectors = set(terms.selectors);
        let events = (1..).zip(&self.published).filter(|(sequence, (topics, private))| {
            *sequence > terms.cursor
                && selectors.matches_any(topics.iter().copied())
                && (terms.granted || !private)
        });
        events.map(|(sequence, _)| sequence).collect()
    }
}

fn chosen<T>(which: Index, list: &[T]) -> Option<usize> {
    (!list.is_empty()).then(|| which.index(list.len()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn everybody_gets_everything_once_and_in_order(steps in vec(any_step(), 1..60)) {
        let (stage, nobody) = (stage(), Vec::new());
        let mut play =
            Play { stage, published: Vec::new(), on_their_way: Vec::new(), joined: nobody };
        for step in steps {
            play.take(step);
        }
        play.pass();
        for at in 0..play.joined.len() {
            play.make_room(at, usize::MAX);
        }
        play.stage.settle();
        let mut delivered = 0;
        for (reader, terms) in &play.joined {
            prop_assert_eq!(reader.sequences(), play.expected(terms));
            prop_assert_eq!(reader.end(), None);
            delivered += reader.sequences().len() as u64;
        }
        prop_assert!(play.stage.metrics.delivered_total() >= delivered);
    }
}
