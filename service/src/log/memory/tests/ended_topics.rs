//! Topics that have ended.

use super::*;

fn end(topics: &[&str], data: &str) -> Draft {
    draft(topics, None, data).ending_topic()
}

impl Stage {
    fn append_draft(&self, draft: Draft) -> Result<(u64, bool), AppendError> {
        let mut results = append(&self.log, vec![draft]);
        results.pop().unwrap().map(|receipt| (receipt.sequence.0, receipt.is_repeat))
    }

    /// The topics of these that have ended, and with which event.
    fn ended(&self, topics: &[&str]) -> Vec<(String, u64)> {
        let topics: Vec<Topic> = topics.iter().map(|text| topic(text)).collect();
        let ends = self.log.ended(&topics).now_or_never().expect("a log in memory says at once");
        ends.iter().map(|end| (end.topic.to_string(), end.by.sequence().0)).collect()
    }
}

fn topic(text: &str) -> Topic {
    Topic::parse(text, 100).unwrap()
}

fn has_ended<T>(text: &str) -> Result<T, AppendError> {
    Err(AppendError::TopicEnded { topic: topic(text) })
}

#[test]
fn nothing_follows_on_a_topic_that_has_ended() {
    let stage = stage(UNBOUNDED);
    assert_eq!(stage.append(&["a", "b"]), [1, 2]);
    assert_eq!(stage.append_draft(end(&["a", "c"], "bye")), Ok((3, false)));
    assert_eq!(stage.append_draft(draft(&["a"], None, "d")), has_ended("a"));
    assert_eq!(stage.append_draft(draft(&["b", "c"], None, "d")), has_ended("c"), "as a whole");
    assert_eq!(stage.append_draft(end(&["a"], "")), has_ended("a"), "it ends once");
    assert_eq!(stage.append_draft(draft(&["b"], None, "d")), Ok((4, false)));
    assert_eq!(stage.ended(&["c", "b", "a", "z"]), [("c".to_owned(), 3), ("a".to_owned(), 3)]);
}

#[test]
fn an_idempotent_event_is_a_repeat_also_when_its_topic_has_ended() {
    let stage = stage(UNBOUNDED);
    let first = || draft(&["t"], Some("x"), "d").idempotent();
    let last = || draft(&["t"], Some("y"), "bye").idempotent().ending_topic();
    assert_eq!(stage.append_draft(first()), Ok((1, false)));
    assert_eq!(stage.append_draft(last()), Ok((2, false)));
    assert_eq!(stage.append_draft(first()), Ok((1, true)));
    assert_eq!(stage.append_draft(last()), Ok((2, true)));
    let other = draft(&["t"], Some("y"), "bye").idempotent();
    assert_eq!(stage.append_draft(other), Err(AppendError::DuplicateId), "it ends nothing");
    let new = draft(&["t"], Some("z"), "d").idempotent();
    assert_eq!(stage.append_draft(new.clone()), has_ended("t"));
    assert_eq!(stage.append_draft(new), has_ended("t"), "what was refused has no id");
    let by_form = draft(&["t"], Some("x"), "d");
    assert_eq!(stage.append_draft(by_form), has_ended("t"));
}

#[test]
fn a_topic_is_open_again_when_the_event_that_ended_it_is_gone() {
    let stage = stage(MemoryLogSettings { events_max: 3, ..UNBOUNDED });
    stage.append_draft(end(&["a", "b"], "bye")).unwrap();
    stage.append(&["x"; 2]);
    assert_eq!(stage.append_draft(draft(&["a"], None, "d")), has_ended("a"));
    stage.append(&["x"]);
    assert_eq!(stage.ended(&["a", "b"]), []);
    assert_eq!(stage.append_draft(draft(&["a"], None, "d")), Ok((5, false)));
    assert_eq!(stage.append_draft(end(&["a"], "")), Ok((6, false)), "and ends anew");
    assert_eq!(stage.ended(&["a", "b"]), [("a".to_owned(), 6)]);
}

#[test]
fn an_end_within_a_batch_holds_for_what_follows_in_it() {
    let stage = stage(UNBOUNDED);
    let batch = vec![draft(&["t"], None, "1"), end(&["t"], "2"), draft(&["t"], None, "3")];
    let results = append(&stage.log, batch).into_iter();
    let results: Vec<_> = results.map(|result| result.map(|receipt| receipt.sequence.0)).collect();
    assert_eq!(results, [Ok(1), Ok(2), has_ended("t")]);
}
