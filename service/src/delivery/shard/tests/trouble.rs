//! Whatever trouble the log makes: what comes next has to be loaded or cannot be read, sequences are
//! left out, others append, outcomes are unknown, epochs end. Clients come back when their streams
//! end, as browsers do, and have everything once and in order, or are told of a gap where it lay;
//! and none waits for ever.

use tokio::runtime::Runtime;

use super::super::super::backpressure::BackpressurePolicy;
use super::*;
use crate::event::HEARTBEAT;
use crate::log::AppendError;
use crate::log::trouble::{Chances, HistoryEntry, TroubleLog};
use crate::metrics::{PublishSource, Resumed};

const SELECTORS: [&[&str]; 5] = [&["a"], &["b"], &["a", "b"], &["{x}"], &["*"]];

#[derive(Clone, Debug)]
enum Step {
    Publish {
        topics: Vec<&'static str>,
        private: bool,
        with_id: bool,
        times: usize,
    },
    PublishElsewhere(&'static str),
    /// It ends the topic.
    End(&'static str),
    LeaveOut(u64),
    BeginEpoch,
    WakeAll,
    Pass,
    Heartbeats,
    Subscribe {
        selectors: usize,
        granted: bool,
    },
    /// A client that has no stream finds its place.
    Resume(Index),
    /// One that has found it gets its stream.
    Join(Index, usize),
    Fill(Index),
    CutAfter(Index, usize),
    MakeRoom(Index, usize),
    Leave(Index),
}

fn any_step() -> impl Strategy<Value = Step> {
    let topics = prop_oneof![Just(vec!["a"]), Just(vec!["b"]), Just(vec!["b", "a"])];
    let times = prop_oneof![2 => Just(1), 1 => 2..20_usize];
    let room = || prop_oneof![Just(0), Just(1), Just(2), Just(usize::MAX)];
    let publish = (topics, any::<bool>(), any::<bool>(), times).prop_map(
        |(topics, private, with_id, times)| Step::Publish { topics, private, with_id, times },
    );
    let subscribe = (0..SELECTORS.len(), any::<bool>())
        .prop_map(|(selectors, granted)| Step::Subscribe { selectors, granted });
    prop_oneof![
        6 => publish,
        2 => prop::sample::select(&["a", "b"][..]).prop_map(Step::PublishElsewhere),
        1 => prop::sample::select(&["a", "b"][..]).prop_map(Step::End),
        1 => (1..4_u64).prop_map(Step::LeaveOut),
        1 => Just(Step::BeginEpoch),
        4 => Just(Step::WakeAll),
        8 => Just(Step::Pass),
        1 => Just(Step::Heartbeats),
        3 => subscribe,
        3 => any::<Index>().prop_map(Step::Resume),
        5 => (any::<Index>(), room()).prop_map(|(which, room)| Step::Join(which, room)),
        2 => any::<Index>().prop_map(Step::Fill),
        3 => (any::<Index>(), any::<usize>()).prop_map(|(which, at)| Step::CutAfter(which, at)),
        3 => (any::<Index>(), room()).prop_map(|(which, room)| Step::MakeRoom(which, room)),
        1 => any::<Index>().prop_map(Step::Leave),
    ]
}

/// A client, over all of its streams.
struct Client {
    selectors: &'static [&'static str],
    granted: bool,
    /// Where it was when it came for the first time, in the history of the log.
    began: usize,
    last_id: Option<String>,
    had: Vec<Had>,
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    None,
    Found(Box<Subscription>),
    Open {
        reader: Reader,
        segments_read: usize,
    },
    /// All of its topics had ended, so that it did not come back, when the history was so long.
    Over {
        at: usize,
    },
}

/// What a client has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Had {
    Event(usize),
    /// Of so many events, where that is known. Those that conflation leaves out may lie behind it.
    Gap(Option<u64>),
    /// A new stream.
    Began,
    /// The log did not know the client's id, and sends all that it retains.
    Everything,
}

impl Client {
    fn new(selectors: &'static [&'static str], granted: bool, began: usize) -> Self {
        let (last_id, had, stream) = (None, Vec::new(), Stream::None);
        Self { selectors, granted, began, last_id, had, stream }
    }

    fn request(&self) -> SubscribeRequest {
        let grants = if self.granted { Grants::all() } else { Grants::subscribe_to(topic("none")) };
        let resume = self.last_id.clone().map(Resume::After);
        SubscribeRequest { selectors: set(self.selectors), grants, resume }
    }

    fn found(&mut self, subscription: Subscription, now: usize) {
        let all_by = subscription.ended.all_by();
        if subscription.gap.is_none() && all_by.is_some_and(|by| by <= subscription.cursor) {
            self.stream = Stream::Over { at: now };
            return;
        }
        self.had.push(Had::Began);
        if subscription.resumed == Some(Resumed::Unknown) {
            self.had.push(Had::Everything);
        }
        if subscription.gap.is_some() {
            self.had.push(Had::Gap(None));
        }
        self.last_id = Some(subscription.place.clone());
        self.stream = Stream::Found(Box::new(subscription));
    }

    /// Reads what has come, and notices the end.
    fn read(&mut self) {
        let Stream::Open { reader, segments_read } = &mut self.stream else { return };
        let segments = reader.bytes();
        for segment in segments[*segments_read..].iter().filter(|bytes| **bytes != HEARTBEAT) {
            for block in std::str::from_utf8(segment).unwrap().split_terminator("\n\n") {
                let field = |name| block.lines().find_map(|line| line.strip_prefix(name));
                if let Some(id) = field("id: ") {
                    self.last_id = Some(id.to_owned());
                }
                match (field("event: "), field("data: ")) {
                    (Some("fanfare-gap"), Some(json)) => {
                        let gap: serde_json::Value = serde_json::from_str(json).unwrap();
                        self.had.push(Had::Gap(gap["missed"].as_u64()));
                    }
                    (Some("fanfare-end"), _) => {}
                    (_, Some(number)) => self.had.push(Had::Event(number.parse().unwrap())),
                    _ => {}
                }
            }
        }
        *segments_read = segments.len();
        if reader.end().is_some() {
            self.stream = Stream::None;
        }
    }

    /// Whether an entry of the history is for it, or may have been.
    fn misses(&self, entry: &HistoryEntry) -> bool {
        match entry {
            HistoryEntry::Event { topics, private, .. } => {
                (self.granted || !private)
                    && set(self.selectors).matches_any(topics.iter().map(String::as_str))
            }
            HistoryEntry::Hole => true,
            HistoryEntry::Epoch => false,
        }
    }

    /// Behind the last event that is for it, of so many entries.
    fn last_event_before(&self, at: usize, history: &[HistoryEntry]) -> usize {
        let is_for_it = |entry: &HistoryEntry| *entry != HistoryEntry::Hole && self.misses(entry);
        history[..at]
            .iter()
            .rposition(is_for_it)
            .map_or(self.began, |last| last + 1)
            .max(self.began)
    }

    /// Everything once, in order, and gaps told where they lie.
    fn assert_was_told_of_everything(&self, history: &[HistoryEntry], conflates: bool) {
        let (mut next, mut is_told, mut announced) = (self.began, false, 0);
        for had in &self.had {
            match *had {
                Had::Gap(missed) => {
                    announced += missed.unwrap_or(0);
                    is_told |= missed.is_none() || !conflates;
                }
                Had::Began => announced = 0,
                Had::Everything => next = 0,
                Had::Event(number) => {
                    let at = place_of(number, history);
                    assert!(at >= next, "{number} is out of order in {:?}", self.had);
                    assert!(self.misses(&history[at]), "{number} is not for {:?}", self.selectors);
                    self.assert_told(is_told, &mut announced, &history[next..at]);
                    (next, is_told) = (at + 1, false);
                }
            }
        }
        self.assert_told(is_told, &mut announced, &history[next..]);
    }

    fn assert_told(&self, is_told: bool, announced: &mut u64, left_out: &[HistoryEntry]) {
        for missed in left_out.iter().filter(|entry| !is_told && self.misses(entry)) {
            let is_event = *missed != HistoryEntry::Hole;
            let left = announced.checked_sub(1).filter(|_| is_event);
            *announced =
                left.unwrap_or_else(|| panic!("{missed:?} was not told to {:?}", self.had));
        }
    }
}

/// Where the event with a number is in the history.
fn place_of(number: usize, history: &[HistoryEntry]) -> usize {
    let text = number.to_string();
    let is_it =
        |entry: &HistoryEntry| matches!(entry, HistoryEntry::Event { data, .. } if *data == text);
    history.iter().position(is_it).expect("nothing is invented")
}

struct Play {
    stage: Stage<TroubleLog>,
    runtime: Runtime,
    clients: Vec<Client>,
    published: usize,
    tick: Tick,
    conflates: bool,
}

impl Play {
    fn begin(
        seed: u64,
        chances: Chances,
        (policy, lag_events_max): (BackpressurePolicy, u64),
        events_max: usize,
        steps: Option<usize>,
    ) -> Self {
        let (delivery, _) = no_limits();
        let lag = LagLimit { events_max: lag_events_max, bytes_max: u64::MAX };
        let policies = Policies::new([policy.name().parse().unwrap()]);
        let heartbeat = TICK * 100;
        let settings = DeliverySettings { lag, policies, heartbeat, ..delivery };
        let mut stage = stage_over(TroubleLog::new(seed, events_max, chances), settings);
        if let Some(steps) = steps {
            stage.shard.allowance = Allowance::Steps(steps);
        }
        let mailbox = Arc::clone(&stage.mailbox);
        stage.log.follow(Arc::new(move |change| match change {
            LogChange::Head => mailbox.wake(),
            LogChange::Epoch => mailbox.post(Notice::Epoch),
        }));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let conflates = policy == BackpressurePolicy::Conflate;
        Self { stage, runtime, clients: Vec::new(), published: 0, tick: 0, conflates }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Publish { topics, private, with_id, times } => {
                for _ in 0..times {
                    self.publish(&topics, private, with_id);
                }
            }
            Step::PublishElsewhere(topic) => {
                let draft = self.draft(&[topic], false, false);
                self.stage.log.append_foreign(EncodedEvent::encode(draft));
            }
            Step::End(topic) => {
                let draft = self.draft(&[topic], false, false).ending_topic();
                self.stage.log.append_foreign(EncodedEvent::encode(draft));
            }
            Step::LeaveOut(count) => self.stage.log.leave_out(count),
            Step::BeginEpoch => self.stage.log.begin_epoch(),
            Step::WakeAll => self.stage.log.wake_all(),
            Step::Pass => {
                self.pass();
            }
            Step::Heartbeats => {
                self.tick += 100;
                self.stage.at(self.tick);
            }
            Step::Subscribe { selectors, granted } => {
                let began = self.stage.log.history().len();
                self.clients.push(Client::new(SELECTORS[selectors], granted, began));
                self.find_place(self.clients.len() - 1);
            }
            Step::Resume(which) => self.with_one(which, Self::find_place),
            Step::Join(which, room) => self.with_one(which, |play, at| play.join(at, room)),
            Step::Fill(which) => self.with_reader(which, |_, reader| reader.fill()),
            Step::CutAfter(which, bytes) => {
                self.with_reader(which, |_, reader| reader.cut_after(bytes));
            }
            Step::MakeRoom(which, room) if room > 0 => {
                self.with_reader(which, |stage, reader| stage.make_room(reader, room));
            }
            Step::MakeRoom(..) => {}
            Step::Leave(which) => self.with_one(which, Self::leave),
        }
    }

    fn with_one(&mut self, which: Index, act: impl FnOnce(&mut Self, usize)) {
        if !self.clients.is_empty() {
            act(self, which.index(self.clients.len()));
        }
    }

    fn with_reader(&mut self, which: Index, act: impl FnOnce(&Stage<TroubleLog>, &Reader)) {
        self.with_one(which, |play, at| {
            if let Stream::Open { reader, .. } = &play.clients[at].stream
                && reader.change(|reading| reading.key.is_some())
            {
                act(&play.stage, reader);
            }
        });
    }

    /// Each event has a number, by which it is known whatever its sequence is.
    fn draft(&mut self, topics: &[&str], private: bool, with_id: bool) -> Draft {
        self.published += 1;
        let number = self.published.to_string();
        let fields = DraftFields {
            topics: topics.iter().map(|&topic| topic.into()).collect(),
            private,
            id: with_id.then(|| format!("id-{number}").into()),
            data: number.into(),
            ..DraftFields::default()
        };
        fields.check(&EventLimits::default()).unwrap().idempotent()
    }

    /// A publisher does what it is told.
    fn publish(&mut self, topics: &[&str], private: bool, with_id: bool) {
        let draft = self.draft(topics, private, with_id);
        for _ in 0..1_000 {
            let published = self.stage.hub.publish_from(PublishSource::Raw, draft.clone());
            match published.now_or_never().unwrap() {
                Ok(_)
                | Err(
                    AppendError::Unknown { repeatable: false } | AppendError::TopicEnded { .. },
                ) => {
                    return;
                }
                Err(AppendError::Unknown { repeatable: true }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        panic!("the log never says what became of an event");
    }

    fn find_place(&mut self, at: usize) {
        if matches!(self.clients[at].stream, Stream::None) {
            let request = self.clients[at].request();
            // A log may answer slowly, or have to load what it is asked for.
            let log = Arc::clone(&self.stage.log);
            let subscription = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    subscription = self.stage.hub.subscribe(request, Beginning::Next) => {
                        subscription.unwrap()
                    }
                    () = async {
                        loop {
                            tokio::task::yield_now().await;
                            log.wake_all();
                        }
                    } => unreachable!("it goes on for ever"),
                }
            });
            let now = self.stage.log.history().len();
            self.clients[at].found(subscription, now);
        }
    }

    fn join(&mut self, at: usize, room: usize) {
        match std::mem::replace(&mut self.clients[at].stream, Stream::None) {
            Stream::Found(subscription) => {
                let reader = Reader::with_room(room);
                self.stage.post(*subscription, &reader);
                self.clients[at].stream = Stream::Open { reader, segments_read: 0 };
            }
            other => self.clients[at].stream = other,
        }
    }

    fn leave(&mut self, at: usize) {
        self.clients[at].read();
        if let Stream::Open { reader, .. } = &self.clients[at].stream
            && reader.change(|reading| reading.key.is_some())
        {
            self.stage.leave(reader);
            self.clients[at].stream = Stream::None;
        }
    }

    /// An iteration of the shard, and what clients see of it.
    fn pass(&mut self) -> bool {
        let more = self.stage.shard.iterate();
        self.clients.iter_mut().for_each(Client::read);
        more
    }

    /// Lets everybody read and come back; whether anybody had to.
    fn serve_everybody(&mut self) -> bool {
        let mut iterations = 0;
        while self.pass() {
            iterations += 1;
            assert!(iterations < 1_000_000, "the shard is never done");
        }
        let mut changed = false;
        for at in 0..self.clients.len() {
            if let Stream::Open { reader, .. } = &self.clients[at].stream {
                if reader.change(|reading| reading.room < 1_000) {
                    self.stage.make_room(reader, usize::MAX);
                    changed = true;
                }
                continue;
            }
            if let Stream::Over { .. } = self.clients[at].stream {
                continue;
            }
            self.find_place(at);
            self.join(at, usize::MAX);
            changed = true;
        }
        changed
    }

    /// When there is no trouble any more, every client gets a stream and all that it still lacks.
    fn assert_all_is_well(&mut self) {
        self.stage.log.calm_down();
        let mut rounds = 0;
        while self.serve_everybody() {
            rounds += 1;
            assert!(rounds < 100, "somebody waits for ever");
        }
        assert!(self.stage.shard.behind.is_empty());
        let history = self.stage.log.history();
        for client in &self.clients {
            let until = match client.stream {
                Stream::Open { .. } => history.len(),
                // What came behind the end, and cannot be read, was nothing for it.
                Stream::Over { at } => client.last_event_before(at, &history),
                _ => panic!("it has a stream"),
            };
            client.assert_was_told_of_everything(&history[..until], self.conflates);
        }
        for (_, subscriber) in &self.stage.shard.subscribers {
            assert!(!subscriber.is_loading(), "nothing is being loaded");
            let audience = self.stage.shard.audiences.get(subscriber.audience()).unwrap();
            assert!(audience.has_no_more_after(subscriber.cursor()), "it has caught up");
        }
    }
}

fn quiet(chances: Chances) -> Play {
    Play::begin(1, chances, (BackpressurePolicy::Disconnect, u64::MAX), 1_000, None)
}

const LOADING: Chances = Chances { loading: 100, failed: 0, unknown: 0, slow: 0 };

impl Play {
    fn client(&mut self, selectors: usize) {
        self.take(Step::Subscribe { selectors, granted: true });
        self.join(self.clients.len() - 1, usize::MAX);
    }

    fn settle(&mut self) {
        while self.pass() {}
    }

    fn had(&self, client: usize) -> &[Had] {
        &self.clients[client].had
    }
}

#[test]
fn while_something_is_loaded_the_shard_rests_and_it_goes_on_when_it_is_woken() {
    let mut play = quiet(LOADING);
    play.client(0);
    play.publish(&["a"], false, false);
    play.settle();
    assert_eq!(play.had(0), [Had::Began]);
    // It may still not be there.
    play.stage.log.wake_all();
    play.settle();
    assert_eq!(play.had(0), [Had::Began]);
    play.stage.log.calm_down();
    play.settle();
    assert_eq!(play.had(0), [Had::Began, Had::Event(1)]);
}

#[test]
fn all_who_wait_for_a_page_are_served_when_it_has_been_loaded_and_who_has_left_is_forgotten() {
    let mut play = quiet(Chances::default());
    play.publish(&["a"], false, false);
    play.settle();
    for _ in 0..10 {
        play.clients.push(Client::new(SELECTORS[0], true, 0));
    }
    for at in 0..10 {
        let (selectors, grants) = (set(SELECTORS[0]), Grants::all());
        let request = SubscribeRequest { selectors, grants, resume: Some(Resume::Earliest) };
        let subscription =
            play.stage.hub.subscribe(request, Beginning::Next).now_or_never().unwrap().unwrap();
        play.clients[at].found(subscription, usize::MAX);
        play.join(at, usize::MAX);
    }
    play.stage.log.make(LOADING);
    play.settle();
    assert_eq!(play.stage.log.loads(), 1, "one load serves all");
    play.leave(3);
    play.stage.log.calm_down();
    play.settle();
    for at in (0..10).filter(|&at| at != 3) {
        assert_eq!(play.had(at), [Had::Began, Had::Event(1)]);
    }
    assert_eq!(play.had(3), [Had::Began]);
}

#[test]
fn a_hole_is_told_to_everybody_and_ends_no_stream() {
    let mut play = quiet(Chances::default());
    play.client(0);
    play.client(1);
    play.publish(&["a"], false, false);
    play.settle();
    play.stage.log.leave_out(3);
    play.publish(&["a"], false, false);
    play.settle();
    let gap = Had::Gap(None);
    assert_eq!(play.had(0), [Had::Began, Had::Event(1), gap, Had::Event(2)]);
    assert_eq!(play.had(1), [Had::Began, gap]);
    assert_eq!(play.stage.subscribers(), 2);
}

#[test]
fn a_new_epoch_ends_all_streams_and_their_clients_find_their_places_in_it() {
    let mut play = quiet(Chances::default());
    play.client(0);
    play.client(1);
    play.publish(&["a"], false, false);
    play.settle();
    play.stage.log.begin_epoch();
    play.publish(&["a"], false, false);
    play.settle();
    assert_eq!((play.stage.subscribers(), play.stage.ended("new_epoch")), (0, 2));
    play.assert_all_is_well();
    let again = [Had::Began, Had::Gap(None)];
    assert_eq!(play.had(0), [&[Had::Began, Had::Event(1)], &again[..], &[Had::Event(2)]].concat());
    assert_eq!(play.had(1), [&[Had::Began], &again[..]].concat());
}

/// One step of one thread, between replay and live.
#[derive(Clone, Copy, Debug)]
enum Turn {
    Publish,
    Subscribe,
    Join,
    Deliver,
    Wake,
    BeginEpoch,
}

fn play_in_order(order: &[Turn], chances: Chances) {
    let mut play = quiet(chances);
    play.publish(&["a"], false, false);
    for turn in order {
        match turn {
            Turn::Publish => play.publish(&["a"], false, false),
            Turn::Subscribe => play.take(Step::Subscribe { selectors: 0, granted: true }),
            Turn::Join => play.join(0, usize::MAX),
            Turn::Deliver => drop(play.pass()),
            Turn::Wake => play.stage.log.wake_all(),
            Turn::BeginEpoch => play.stage.log.begin_epoch(),
        }
    }
    play.assert_all_is_well();
}

#[test]
fn in_whatever_order_pages_are_asked_for_and_loaded_nothing_is_lost_between_replay_and_live() {
    use Turn::{Deliver, Join, Publish, Subscribe, Wake};
    let threads: [&[Turn]; 4] =
        [&[Publish, Publish], &[Subscribe, Join], &[Deliver, Deliver], &[Wake, Wake]];
    for order in every_order::orders(&threads) {
        play_in_order(&order, LOADING);
    }
}

#[test]
fn in_whatever_order_a_new_epoch_begins_nothing_of_it_is_taken_for_the_old_one() {
    use Turn::{BeginEpoch, Deliver, Join, Publish, Subscribe};
    let threads: [&[Turn]; 3] = [
        &[Publish, BeginEpoch, Publish, Publish],
        &[Subscribe, Join],
        &[Deliver, Deliver, Deliver],
    ];
    for order in every_order::orders(&threads) {
        play_in_order(&order, Chances::default());
    }
}

fn any_policy() -> impl Strategy<Value = (BackpressurePolicy, u64)> {
    let lag_events_max = prop_oneof![1 => Just(u64::MAX), 2 => 1..6_u64];
    (prop::sample::select(&BackpressurePolicy::ALL[..]), lag_events_max)
}

fn any_chances() -> impl Strategy<Value = Chances> {
    let chance = || prop_oneof![1 => Just(0), 2 => 1..60_u32];
    (chance(), chance(), chance(), chance()).prop_map(|(loading, failed, unknown, slow)| Chances {
        loading,
        failed,
        unknown,
        slow,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn everybody_has_everything_once_and_in_order_or_is_told_whatever_trouble_the_log_makes(
        seed in any::<u64>(),
        chances in any_chances(),
        policy in any_policy(),
        events_max in prop_oneof![Just(1_000), 1..30_usize],
        cut in any::<bool>(),
        steps in vec(any_step(), 1..80),
    ) {
        let mut play = Play::begin(seed, chances, policy, events_max, cut.then_some(1));
        for step in steps {
            play.take(step);
        }
        play.assert_all_is_well();
    }
}
