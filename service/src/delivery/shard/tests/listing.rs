//! Saying which streams there are, and ending one.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use super::super::super::listing::{
    ListRequest, ListedStream, ShardOrder, ShardStreams, StreamProgress,
};
use super::super::super::stream_id::StreamId;
use super::*;

impl Stage {
    /// Asks for streams, and gets them when the shard has nothing left to do.
    fn list(&mut self, what: ShardOrder, limit: usize) -> ShardStreams {
        let (recipient, mut answer) = oneshot::channel();
        let request = ListRequest::new(3, what, limit, recipient);
        self.mailbox.post(Notice::List(Box::new(request)));
        self.settle();
        answer.try_recv().expect("an answer")
    }

    fn slowest(&mut self, limit: usize) -> Vec<(String, Option<u64>)> {
        let found = self.list(ShardOrder::SlowestFirst, limit).streams;
        let lag =
            |stream: ListedStream| (stream.selectors[0].clone(), stream.lag.map(|lag| lag.events));
        found.into_iter().map(lag).collect()
    }
}

#[test]
fn pages_have_every_stream_once_however_an_iteration_is_cut() {
    for allowance in [Allowance::Steps(1), Allowance::Time(Duration::from_secs(3_600))] {
        let mut stage = stage();
        stage.shard.allowance = allowance;
        for n in 0..25 {
            stage.join(&[["a", "b", "c{d}"][n % 3]]);
        }
        stage.settle();
        for limit in [1, 2, 7, 24, 25, 26, 1_000] {
            let (mut ids, mut pages, mut from) = (Vec::new(), 0, None);
            loop {
                let ShardStreams { streams, next, .. } = stage.list(ShardOrder::From(from), limit);
                assert!(streams.len() <= limit);
                ids.extend(streams.iter().map(|stream| stream.id.to_string()));
                pages += 1;
                let Some(next) = next else { break };
                from = Some(Walk::from_numbers(next.numbers()));
            }
            assert_eq!(pages, 25_usize.div_ceil(limit), "pages of {limit}");
            assert_eq!(ids.len(), 25);
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 25);
        }
    }
}

#[test]
fn who_stays_is_listed_although_others_leave_between_two_pages() {
    let mut stage = stage();
    let readers: Vec<_> = (0..20).map(|n| stage.join(&[["a", "b"][n % 2]])).collect();
    stage.settle();
    let (mut ids, mut from, mut leaving) = (BTreeSet::new(), None, readers[..10].iter());
    loop {
        let ShardStreams { streams, next, .. } = stage.list(ShardOrder::From(from), 3);
        ids.extend(streams.iter().map(|stream| stream.id.to_string()));
        for reader in leaving.by_ref().take(2) {
            stage.leave(reader);
        }
        stage.settle();
        let Some(next) = next else { break };
        from = Some(next);
    }
    for reader in &readers[10..] {
        let id = StreamId { shard: 3, key: reader.key() }.to_string();
        assert!(ids.contains(&id), "{id} in {ids:?}");
    }
}

#[test]
fn whatever_a_page_is_said_to_begin_with_it_ends() {
    let mut stage = stage();
    for _ in 0..5 {
        stage.join(&["a"]);
    }
    stage.settle();
    let numbers = [0, 1, 2, u64::MAX, 1 << 32, 4_294_967_297];
    for (audiences, audience, left) in
        numbers.iter().flat_map(|a| numbers.iter().flat_map(move |b| numbers.map(|c| (*a, *b, c))))
    {
        let walk = Walk::from_numbers([audiences, audience, left]);
        let found = stage.list(ShardOrder::From(Some(walk)), 3);
        assert!(found.streams.len() <= 3);
    }
}

#[test]
fn the_slowest_come_first_and_no_more_than_were_asked_for() {
    for allowance in [Allowance::Steps(1), Allowance::Time(Duration::from_secs(3_600))] {
        let mut stage = stage();
        stage.shard.allowance = allowance;
        let topics: Vec<String> = (0..9).map(|n| format!("t{n}")).collect();
        for (n, topic) in topics.iter().enumerate() {
            stage.join(&[topic]);
            let slow = Reader::with_room(0);
            stage.post(stage.subscribe(&[topic, "all"], None), &slow);
            stage.settle();
            stage.publish_times(topic, n + 1);
            stage.settle();
        }
        let found = stage.slowest(1_000);
        assert_eq!(found.len(), 18);
        let lags: Vec<u64> = found.iter().filter_map(|(_, lag)| *lag).take(9).collect();
        assert_eq!(lags, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
        for limit in [1, 2, 3, 5] {
            let found = stage.slowest(limit);
            assert_eq!(found.len(), limit);
            let expected = lags[..limit].iter().map(|lag| Some(*lag)).collect::<Vec<_>>();
            assert_eq!(found.iter().map(|(_, lag)| *lag).collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn a_stream_is_shown_as_it_is() {
    let mut stage = stage_with_lag_limit(1_000, u64::MAX);
    let slow = Reader::with_room(0);
    stage.post(stage.subscribe(&["a", "b{c}"], None), &slow);
    stage.settle();
    stage.at(30);
    stage.publish_times("a", 3);
    stage.settle();
    let found = stage.list(ShardOrder::From(None), 10).streams;
    let [stream] = &found[..] else { panic!("{found:?}") };
    assert_eq!(stream.id.to_string(), "3-1-0");
    assert_eq!((&*stream.selectors, stream.selectors_count), (&["a".into(), "b{c}".into()][..], 2));
    assert_eq!(
        (stream.progress, stream.is_slow, stream.is_blocked),
        (StreamProgress::Live, true, true)
    );
    assert_eq!(stream.lag.map(|lag| lag.events), Some(3));
    assert_eq!(stream.age, TICK * 30);
    assert_eq!((stream.ends, stream.policy.name()), (None, "disconnect"));
    stage.make_room(&slow, usize::MAX);
    stage.settle();
    let found = stage.list(ShardOrder::From(None), 10).streams;
    assert_eq!((found[0].is_slow, found[0].is_blocked), (false, false));
    assert_eq!(found[0].lag.map(|lag| lag.events), Some(0));
}

#[test]
fn one_that_is_replayed_has_no_lag() {
    let mut stage = stage();
    stage.publish_times("a", 5);
    stage.settle();
    stage.join_from_earliest(&["a"], 0);
    stage.settle();
    let found = stage.list(ShardOrder::From(None), 10).streams;
    assert_eq!((found[0].progress, found[0].lag), (StreamProgress::Replaying, None));
}

#[test]
fn nobody_is_told_who_has_stopped_waiting_and_the_next_one_is() {
    let mut stage = stage();
    stage.shard.allowance = Allowance::Steps(1);
    for _ in 0..10 {
        stage.join(&["a"]);
    }
    stage.settle();
    let (recipient, answer) = oneshot::channel();
    let request = ListRequest::new(0, ShardOrder::From(None), 10, recipient);
    stage.mailbox.post(Notice::List(Box::new(request)));
    assert!(stage.shard.iterate());
    drop(answer);
    stage.settle();
    assert!(stage.shard.listing.is_none());
    assert_eq!(stage.list(ShardOrder::From(None), 10).streams.len(), 10);
}

#[test]
fn a_stream_is_ended_politely_and_once() {
    let mut stage = stage();
    let (reader, other) = (stage.join(&["a"]), stage.join(&["a"]));
    stage.settle();
    let mut end = |key| {
        let (ended, mut answer) = oneshot::channel();
        stage.mailbox.post(Notice::End { key, ended });
        stage.settle();
        answer.try_recv().expect("an answer")
    };
    let was = end(reader.key()).expect("it was there");
    assert_eq!(was.selectors, ["a"]);
    assert!(end(reader.key()).is_none());
    assert_eq!(reader.change(|reading| reading.end.clone()), retry_hint());
    assert_eq!(other.change(|reading| reading.end.clone()), None);
    assert_eq!((stage.ended("operator"), stage.subscribers()), (1, 1));
}
