//! The end of a topic.

use super::*;

#[test]
fn a_stream_that_listens_to_nothing_else_ends_with_its_topic() {
    let mut stage = stage();
    let (live, full, both, all) =
        (stage.join(&["a"]), stage.join(&["a"]), stage.join(&["a", "b"]), stage.join(&["*"]));
    stage.settle();
    full.fill();
    stage.publish("a");
    stage.publish_draft(draft(&["a"], false).ending_topic());
    stage.settle();
    let replay = stage.join_from_earliest(&["a"], usize::MAX);
    stage.settle();
    let no_retry_hint = Some(End::Finished(Bytes::new()));
    for ended in [&live, &replay] {
        assert_eq!(
            (ended.segments(), ended.end()),
            (vec!["1 2".to_owned()], no_retry_hint.clone())
        );
    }
    for open in [&both, &all] {
        assert_eq!((open.segments(), open.end()), (vec!["1 2".to_owned()], None));
    }
    assert_eq!(full.end(), None);
    stage.make_room(&full, 1);
    stage.settle();
    assert_eq!((full.segments(), full.end()), (vec!["1 2".to_owned()], no_retry_hint));
    assert_eq!((stage.ended("finished"), stage.subscribers()), (3, 2));
}

#[test]
fn a_stream_ends_with_its_topic_even_if_something_follows_in_the_same_pass() {
    let mut stage = stage();
    let reader = stage.join(&["a"]);
    stage.publish_draft(draft(&["a"], false).ending_topic());
    stage.publish("a");
    stage.settle();
    assert!(reader.end().is_some());
}
