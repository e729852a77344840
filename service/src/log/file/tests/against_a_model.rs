//! A model: all events ever, in a list, and the plainest words for what is retained and matches.

use super::*;

struct Known {
    sequence: Sequence,
    topics: Vec<String>,
    ends: bool,
    frame: bytes::Bytes,
}

/// What a random run does.
struct Play {
    random: StdRng,
    log: Steps,
    all: Vec<Known>,
}

impl Play {
    fn append(&mut self) {
        let count = self.random.random_range(1..6);
        let mut topics = Vec::new();
        let mut drafts = Vec::new();
        for _ in 0..count {
            let names: Vec<String> = ["a", "b", "c", "d"]
                .into_iter()
                .filter(|_| self.random.random_bool(0.3))
                .map(str::to_owned)
                .collect();
            let names = if names.is_empty() { vec!["e".to_owned()] } else { names };
            let id = self.random.random_bool(0.3).then(|| self.random.random_range(0..20_u32));
            let id = id.map(|id| format!("id-{id}"));
            let bytes = self.random.random_range(0..6_000);
            let texts: Vec<&str> = names.iter().map(String::as_str).collect();
            let ends = self.random.random_bool(0.02);
            let draft = draft(&texts, id.as_deref(), &"x".repeat(bytes));
            drafts.push(if ends { draft.ending_topic() } else { draft });
            topics.push((names, ends));
        }
        if self.log.opened.writer.is_memory_too_full() {
            self.log.upkeep();
        }
        // What this write pushes out has a say in it.
        let oldest = self.log.bounds().oldest;
        for (result, (topics, ends)) in self.log.append(drafts).into_iter().zip(topics) {
            let has_ended = topics.iter().any(|topic| self.ended_by(topic, oldest).is_some());
            assert_eq!(result.is_err(), has_ended, "{topics:?}: {result:?}");
            let Ok(Receipt { sequence, .. }) = result else { continue };
            let range = ReadRange { after: sequence.previous(), through: sequence };
            let (events, _) = self.log.read(range, EventFilter::Everything);
            self.all.push(Known { sequence, topics, ends, frame: events[0].frame().clone() });
        }
    }

    /// The event that ended a topic, by those that are retained.
    fn ended_by(&self, topic: &str, oldest: Sequence) -> Option<Sequence> {
        let newest = self.all.iter().rfind(|known| known.topics.iter().any(|it| it == topic))?;
        (newest.ends && newest.sequence >= oldest).then_some(newest.sequence)
    }

    fn check(&mut self) {
        let topics = ["a", "b", "c", "d", "e"];
        let oldest = self.log.bounds().oldest;
        let expected = topics.map(|topic| self.ended_by(topic, oldest).map(|by| by.0));
        assert_eq!(self.log.ended(&topics), expected);
        let head = self.log.bounds().head.0;
        let after = self.random.random_range(0..=head);
        let through = self.random.random_range(after..=head + 2);
        let oldest = self.log.bounds().oldest;
        let wanted: Vec<&str> =
            ["a", "b", "c", "e"].into_iter().filter(|_| self.random.random_bool(0.4)).collect();
        let selectors = (!wanted.is_empty()).then(|| set(&wanted));
        let filter = selectors.as_ref().map_or(EventFilter::Everything, EventFilter::Candidates);
        let expected: Vec<&bytes::Bytes> = self
            .all
            .iter()
            .filter(|known| known.sequence >= oldest)
            .filter(|known| (after + 1..=through).contains(&known.sequence.0))
            .filter(|known| {
                wanted.is_empty()
                    || known.topics.iter().any(|topic| wanted.contains(&topic.as_str()))
            })
            .map(|known| &known.frame)
            .collect();
        let (events, unreadable) = self.log.read(range(after, through), filter);
        assert_eq!(unreadable, []);
        let frames: Vec<_> = events.iter().map(|event| event.frame()).collect();
        assert_eq!(frames, expected, "{after}..={through} {wanted:?}");
        let events = self.log.read_back(range(after, through), filter);
        let mut frames: Vec<_> = events.iter().map(|event| event.frame()).collect();
        frames.reverse();
        assert_eq!(frames, expected, "back {after}..={through} {wanted:?}");
    }
}

#[test]
fn whatever_happens_it_shows_what_is_retained_and_nothing_else() {
    for seed in 0..60 {
        let mut random = StdRng::seed_from_u64(seed);
        let settings = FileLogSettings {
            events_max: random.random_range(10..300),
            memory_max: random.random_range(1..100 << 10),
            ..SMALL
        };
        let mut play = Play { random, log: steps(settings), all: Vec::new() };
        for _ in 0..150 {
            match play.random.random_range(0..20) {
                0..10 => play.append(),
                10..14 => play.log.upkeep(),
                14..19 => play.check(),
                _ => play.log = play.log.restart(),
            }
        }
        play.check();
    }
}

#[test]
fn what_was_confirmed_is_there_after_a_crash_at_any_moment() {
    for seed in 0..300_u64 {
        let mut random = StdRng::seed_from_u64(seed);
        let plan = Plan { crash_after: Some(random.random_range(0..160)), ..Plan::default() };
        let now_ms = Arc::new(AtomicU64::new(1_795_000_000_000));
        let disk = ModelDisk::new(plan);
        let mut confirmed = Vec::new();
        if let Ok(mut log) = open_steps(disk.clone(), SMALL, Arc::clone(&now_ms)) {
            for number in 0..80_u64 {
                let data = format!("{number} {}", "x".repeat(random.random_range(0..6_000)));
                let result = log.append(vec![draft(&["t"], None, &data)]).remove(0);
                let Ok(receipt) = result else { break };
                confirmed.push((receipt.id.to_string(), data));
                log.upkeep();
            }
        }
        let log = open_steps(disk.after_crash(seed, Plan::default()), SMALL, now_ms).unwrap();
        let events = log.everything();
        // One that was not confirmed may be there all the same.
        assert!(events.len() <= confirmed.len() + 1, "seed {seed}");
        for ((id, data), event) in confirmed.iter().zip(&events) {
            let frame = std::str::from_utf8(event.frame()).unwrap();
            assert_eq!(event.id(), id, "seed {seed}");
            assert!(frame.contains(data.as_str()), "seed {seed}");
        }
        assert!(events.len() >= confirmed.len(), "seed {seed}");
    }
}
