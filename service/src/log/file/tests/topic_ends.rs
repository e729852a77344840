//! Topics that have ended, wherever the events are that ended them.

use super::super::topic_ends::KnownEnds;
use super::*;
use crate::topic::Topic;

impl Steps {
    /// With which event each of these topics has ended.
    pub(super) fn ended(&self, topics: &[&str]) -> Vec<Option<u64>> {
        let topics: Vec<Topic> = topics.iter().map(|text| topic(text)).collect();
        let inner = &self.opened.inner;
        let Some(known) = KnownEnds::of(&inner.retained, inner.epoch, &topics) else {
            return vec![None; topics.len()];
        };
        let ends = known.completed_from(&inner.reader, &topics);
        ends.unwrap().into_iter().map(|by| by.map(|event| event.sequence().0)).collect()
    }

    fn append_one(&mut self, draft: Draft) -> Result<u64, AppendError> {
        self.append(vec![draft]).remove(0).map(|receipt| receipt.sequence.0)
    }

    /// So many events of other topics, which push what came before out of memory.
    fn append_others(&mut self, count: usize) {
        for _ in 0..count {
            self.append_sized("other", 3_000);
            self.upkeep();
        }
    }
}

fn topic(text: &str) -> Topic {
    Topic::parse(text, 100).unwrap()
}

fn end(topics: &[&str], id: Option<&str>) -> Draft {
    draft(topics, id, "bye").idempotent().ending_topic()
}

fn has_ended(text: &str) -> Result<u64, AppendError> {
    Err(AppendError::TopicEnded { topic: topic(text) })
}

#[test]
fn a_topic_has_ended_wherever_the_event_is_that_ended_it() {
    let mut log = steps(SMALL);
    log.append_sized("b", 10);
    assert_eq!(log.append_one(end(&["a", "c"], Some("last"))), Ok(2));
    for place in ["in memory", "on the disk", "after a restart", "after two"] {
        assert_eq!(log.ended(&["a", "b", "c", "z"]), [Some(2), None, Some(2), None], "{place}");
        assert_eq!(log.append_one(draft(&["b", "a"], None, "d")), has_ended("a"), "{place}");
        assert_eq!(log.append_one(end(&["c"], None)), has_ended("c"), "{place}");
        assert_eq!(log.append_one(end(&["a", "c"], Some("last"))), Ok(2), "a repeat {place}");
        if place == "in memory" {
            log.append_others(60);
            assert!(log.in_memory_from() > 2);
        } else {
            log = log.restart();
        }
    }
    assert!(log.append_one(draft(&["b"], None, "d")).is_ok());
}

#[test]
fn a_topic_that_ended_right_before_a_restart_has_ended() {
    let mut log = steps(SMALL);
    log.append_one(end(&["a"], None)).unwrap();
    let mut log = log.restart();
    assert_eq!(log.ended(&["a"]), [Some(1)]);
    assert_eq!(log.append_one(draft(&["a"], None, "d")), has_ended("a"));
}

#[test]
fn a_topic_is_open_again_when_the_event_that_ended_it_is_not_retained() {
    let mut log = steps(FileLogSettings { events_max: 80, ..SMALL });
    log.append_one(end(&["a"], None)).unwrap();
    log.append_others(79);
    assert!(log.in_memory_from() > 1);
    assert_eq!(log.append_one(draft(&["a"], None, "d")), has_ended("a"));
    log.append_others(1);
    assert_eq!(log.ended(&["a"]), [None]);
    assert_eq!(log.append_one(draft(&["a"], None, "d")), Ok(82));
    assert_eq!(log.append_one(end(&["a"], None)), Ok(83));
    log.append_others(60);
    assert_eq!(log.ended(&["a"]), [Some(83)]);
}

#[test]
fn an_end_that_is_retained_again_has_not_ended_a_topic_that_went_on() {
    let mut log = steps(FileLogSettings { events_max: 5, memory_max: 8 << 10, ..SMALL });
    log.append_one(end(&["a"], None)).unwrap();
    for _ in 0..8 {
        log.append_sized("other", 10);
    }
    let went_on = log.append_one(draft(&["a"], None, "d")).unwrap();
    while log.in_memory_from() <= went_on {
        log.append_others(1);
    }
    // Segments are removed as a whole, so that a larger limit finds what was left of them.
    log.settings.events_max = usize::MAX;
    let mut log = log.restart();
    assert_eq!(log.bounds().oldest, Sequence(1));
    assert!(log.in_memory_from() > went_on);
    assert_eq!(log.ended(&["a"]), [None]);
    assert!(log.append_one(draft(&["a"], None, "d")).is_ok());
}

#[test]
fn within_one_write_an_end_holds_for_what_follows_if_it_was_written() {
    let mut log = steps(SMALL);
    let batch = || vec![draft(&["t"], None, "1"), end(&["t"], None), draft(&["t"], None, "3")];
    let results: Vec<_> =
        log.append(batch()).into_iter().map(|result| result.map(|it| it.sequence.0)).collect();
    assert_eq!(results, [Ok(1), Ok(2), has_ended("t")]);
    let mut log = steps(SMALL);
    log.disk.fail_sync(0);
    let unknown = Err(AppendError::Unknown { repeatable: false });
    assert_eq!(log.append(batch()), vec![unknown; 3]);
}

#[test]
fn an_index_without_ends_is_what_it_was_before_there_were_any() {
    let mut log = steps(SMALL);
    log.append_others(60);
    let name = index::name_of(Sequence(1));
    assert_eq!(log.disk.content(&name)[100..104], [0; 4]);
    let mut log = steps(SMALL);
    log.append_one(end(&["a", "b"], None)).unwrap();
    log.append_others(60);
    assert_eq!(log.disk.content(&name)[100..104], [2, 0, 0, 0]);
}
