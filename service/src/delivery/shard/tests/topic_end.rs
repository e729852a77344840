//! The end of a topic.

use super::*;

const NO_RETRY_HINT: Option<End> = Some(End::Finished(Bytes::new()));

fn end(topics: &[&str]) -> Draft {
    draft(topics, false).ending_topic()
}

impl Stage {
    /// A live subscriber that may see private events of some topics alone.
    fn join_granted(&self, selectors: &[&str], granted: &[&str]) -> Reader {
        let grants = Grants::of(None, Some(set(granted)));
        let request = SubscribeRequest { selectors: set(selectors), grants, resume: None };
        let reader = Reader::with_room(usize::MAX);
        let subscribed = self.hub.subscribe(request, Beginning::Next).now_or_never().unwrap();
        self.post(subscribed.unwrap(), &reader);
        reader
    }
}

#[test]
fn a_stream_that_listens_to_nothing_else_ends_with_its_topic() {
    let mut stage = stage();
    let (live, full, both, all) =
        (stage.join(&["a"]), stage.join(&["a"]), stage.join(&["a", "b"]), stage.join(&["*"]));
    stage.settle();
    full.fill();
    stage.publish("a");
    stage.publish_draft(end(&["a"]));
    stage.settle();
    let replay = stage.join_from_earliest(&["a"], usize::MAX);
    stage.settle();
    let told = vec!["1 2 end[a]".to_owned()];
    for ended in [&live, &replay] {
        assert_eq!((ended.segments(), ended.end()), (told.clone(), NO_RETRY_HINT));
    }
    for open in [&both, &all] {
        assert_eq!((open.segments(), open.end()), (told.clone(), None));
    }
    assert_eq!(full.end(), None);
    stage.make_room(&full, 1);
    stage.settle();
    assert_eq!((full.segments(), full.end()), (told, NO_RETRY_HINT));
    assert_eq!((stage.ended("finished"), stage.subscribers()), (3, 2));
}

#[test]
fn a_stream_ends_when_the_last_of_its_topics_has_ended_whenever_that_was() {
    let mut stage = stage();
    let (live, early) = (stage.join(&["a", "b", "c"]), stage.join(&["a", "b"]));
    for draft in [end(&["b", "x"]), draft(&["a"], false), end(&["c", "a"])] {
        stage.settle();
        assert_eq!((live.end(), early.end()), (None, None));
        stage.publish_draft(draft);
    }
    let late = stage.join(&["a", "b", "d"]);
    let replay = stage.join_from_earliest(&["a", "b", "c"], usize::MAX);
    stage.publish("d");
    stage.settle();
    let told = ["1", "end[b]", "2", "3", "end[c,a]"].join(" ");
    assert_eq!((live.segments().join(" "), live.end()), (told.clone(), NO_RETRY_HINT));
    assert_eq!((replay.segments().join(" "), replay.end()), (told, NO_RETRY_HINT));
    let told_early = "1 end[b] 2 3 end[a]".to_owned();
    assert_eq!((early.segments().join(" "), early.end()), (told_early, NO_RETRY_HINT));
    assert_eq!((late.segments(), late.end()), (vec!["4".to_owned()], None));
    stage.publish_draft(end(&["d"]));
    stage.settle();
    assert_eq!(
        (late.segments(), late.end()),
        (vec!["4".to_owned(), "5 end[d]".to_owned()], NO_RETRY_HINT)
    );
}

#[test]
fn a_stream_ends_with_its_topics_even_if_something_follows_in_the_same_pass() {
    let mut stage = stage();
    let (one, both) = (stage.join(&["a"]), stage.join(&["a", "b"]));
    for draft in [end(&["a"]), draft(&["b"], false), end(&["b"]), draft(&["c"], false)] {
        stage.publish_draft(draft);
    }
    stage.settle();
    assert_eq!((one.segments(), one.end()), (vec!["1 end[a]".to_owned()], NO_RETRY_HINT));
    let told = vec!["1 end[a] 2 3 end[b]".to_owned()];
    assert_eq!((both.segments(), both.end()), (told, NO_RETRY_HINT));
}

#[test]
fn of_a_private_end_those_are_told_who_may_see_the_topic_itself() {
    let mut stage = stage();
    let cases = [
        (stage.join_granted(&["a"], &["a"]), "1 end[a]", true),
        (stage.join_granted(&["a"], &["z"]), "", false),
        (stage.join_granted(&["a", "b"], &["a"]), "1 end[a]", false),
        (stage.join_granted(&["a", "b"], &["{x}"]), "1 end[a,b]", true),
        (stage.join_granted(&["*"], &["b"]), "1 end[b]", false),
        // It may see the event by another topic, whose name it has not asked for.
        (stage.join_granted(&["a"], &["b"]), "1", false),
    ];
    stage.publish_draft(draft(&["a", "b"], true).ending_topic());
    stage.settle();
    for (index, (reader, told, is_over)) in cases.iter().enumerate() {
        assert_eq!(reader.segments().join(" "), *told, "{index}");
        assert_eq!(reader.end().is_some(), *is_over, "{index}");
    }
}

#[test]
fn a_topic_that_is_open_again_has_not_ended() {
    let mut stage = stage_with_log_of(2);
    let reader = stage.join(&["a", "b"]);
    stage.publish_draft(end(&["a"]));
    stage.settle();
    stage.publish_times("c", 2);
    stage.settle();
    stage.publish_draft(end(&["b"]));
    stage.settle();
    assert_eq!(reader.segments().join(" "), "1 end[a] 4 end[b]");
    assert_eq!(reader.end(), None, "somebody may publish to `a`");
    stage.publish_draft(end(&["a"]));
    stage.settle();
    assert_eq!(reader.end(), NO_RETRY_HINT);
}

#[test]
fn whoever_comes_when_all_has_ended_and_was_had_is_let_go_at_once() {
    let mut stage = stage();
    stage.publish_draft(end(&["a"]));
    stage.settle();
    let (late, other) = (stage.join(&["a"]), stage.join(&["a", "b"]));
    stage.settle();
    assert_eq!((late.segments(), late.end()), (Vec::new(), NO_RETRY_HINT));
    assert_eq!((other.segments(), other.end()), (Vec::new(), None));
}

#[test]
fn a_reader_that_takes_a_part_is_sent_the_rest_of_the_end_first() {
    let mut stage = stage();
    stage.publish_draft(draft(&["a"], false));
    stage.publish_draft(end(&["a"]));
    stage.publish("b");
    for cut in 0..200 {
        let reader = stage.join_from_earliest(&["a", "b"], 1);
        reader.cut_after(cut);
        stage.settle();
        stage.make_room(&reader, 5);
        stage.settle();
        assert_eq!(reader.segments().join(" "), "1 2 end[a] 3", "{cut}");
    }
}

#[test]
fn no_policy_leaves_the_end_of_a_topic_out() {
    for rule in ["drop-oldest", "conflate"] {
        let mut stage = stage_with_policy(rule, 2);
        let (slow, one) = (stage.join(&["a", "b"]), stage.join(&["a"]));
        stage.settle();
        slow.fill();
        one.fill();
        stage.publish_times("a", 5);
        stage.publish_draft(end(&["a"]));
        stage.settle();
        stage.publish_times("b", 9);
        stage.settle();
        for reader in [&slow, &one] {
            stage.make_room(reader, usize::MAX);
        }
        stage.settle();
        assert!(slow.segments().join(" ").contains(" 6 end[a] "), "{rule}: {:?}", slow.segments());
        assert!(one.segments().join(" ").ends_with("6 end[a]"), "{rule}: {:?}", one.segments());
        assert_eq!((slow.end(), one.end()), (None, NO_RETRY_HINT), "{rule}");
    }
}

#[test]
fn a_thousand_topics_that_end_at_once_are_found_in_parts_for_everybody() {
    let mut stage = stage();
    let texts: Vec<String> = (0..1_000).map(|number| format!("t/{number}")).collect();
    let topics: Vec<&str> = texts.iter().map(String::as_str).collect();
    let granted = ["t/{x}", "u/{x}"];
    let readers = [
        (stage.join_granted(&["{+x}/7", "t/{x}"], &granted), 1_000, false),
        (stage.join_granted(&["{+x}/77", "t/5{x}"], &granted), 112, false),
        (stage.join_granted(&topics[..600], &["t/1{x}"]), 111, false),
        (stage.join(&topics), 1_000, true),
        (stage.join_granted(&["*"], &["t/9"]), 1, false),
    ];
    stage.shard.allowance = Allowance::Steps(1);
    stage.publish_draft(draft(&topics, true).ending_topic());
    stage.settle();
    let late = stage.join_from_earliest(&topics, usize::MAX);
    stage.settle();
    for (reader, expected, is_over) in readers.iter().chain([&(late, 1_000, true)]) {
        let text = reader.segments().join(" ");
        let told = text.strip_prefix("1 end[").unwrap().split(',').count();
        assert_eq!(told, *expected);
        assert_eq!(reader.end().is_some(), *is_over, "{expected}");
    }
}
