//! Subscribing, and where it begins.

use super::*;
use crate::log::trouble::{Chances, TroubleLog};

#[test]
fn the_value_of_last_event_id_is_an_id_or_earliest_or_nothing() {
    let after = |id: &str| Some(Resume::After(id.to_owned()));
    let cases = [
        ("", None),
        ("earliest", Some(Resume::Earliest)),
        ("now", Some(Resume::Now)),
        ("Earliest", after("Earliest")),
        ("earliest ", after("earliest ")),
        ("some id", after("some id")),
    ];
    for (text, expected) in cases {
        assert_eq!(Resume::parse(text), expected, "{text:?}");
    }
}

#[test]
fn a_subscriber_who_asks_for_nothing_begins_at_the_head() {
    let stage = stage(2);
    for count in [0, 1, 2] {
        stage.publish(count);
        let subscription = stage.subscribe(None);
        assert_eq!(subscription.cursor, stage.hub.log().bounds().head);
        assert_eq!(subscription.gap, None);
        assert_eq!(subscription.resumed_after, None);
        assert_eq!(subscription.place, stage.hub.log().bounds().head_id().to_string());
    }
}

#[test]
fn now_begins_at_the_head_as_well_and_says_where_that_is() {
    let stage = stage(2);
    let check = |resumed_after: &str| {
        let subscription = stage.subscribe(Some(Resume::Now));
        assert_eq!(subscription.cursor, stage.hub.log().bounds().head);
        assert_eq!((subscription.gap, subscription.resumed), (None, None));
        assert_eq!(subscription.resumed_after.as_deref(), Some(resumed_after));
    };
    check("earliest");
    let ids = stage.publish(3);
    check(&ids[2]);
}

/// A stream begins with an id, and a client that comes back with it goes on at the same position.
#[test]
fn the_place_that_a_stream_begins_with_is_where_its_cursor_is() {
    let stage = stage(3);
    let ids = stage.publish(5);
    publish_all(&stage.hub, vec![draft("t", Some("mine"))]);
    let resumes = [
        None,
        Some(Resume::Now),
        Some(Resume::Earliest),
        Some(Resume::After(ids[0].clone())),
        Some(Resume::After(ids[2].clone())),
        Some(Resume::After(ids[4].clone())),
        Some(Resume::After("mine".to_owned())),
        Some(Resume::After("nobody's".to_owned())),
        Some(Resume::After(id_of_another_epoch(500))),
    ];
    for resume in resumes {
        let began = stage.subscribe(resume.clone());
        assert_eq!(began.last_id.sequence, began.cursor, "{resume:?}");
        assert_eq!(began.last_id.by_publisher, began.place == "mine", "{resume:?}");
        let again = stage.resume_after(&began.place);
        assert_eq!((again.cursor, again.gap), (began.cursor, None), "{resume:?}");
        assert_eq!(again.place, began.place, "{resume:?}");
        assert_eq!(again.resumed_after, Some(began.place), "{resume:?}");
    }
}

#[test]
fn nobody_learns_that_an_id_exists_which_only_others_may_see() {
    let stage = stage(5);
    stage.publish(1);
    let secret = DraftFields {
        topics: vec!["secret".into()],
        id: Some("CUSTOMER-4711".into()),
        private: true,
        ..DraftFields::default()
    };
    publish_all(&stage.hub, vec![secret.check(&EventLimits::default()).unwrap()]);
    let resume = |grants: Grants, id: &str| {
        let resume = Some(Resume::After(id.to_owned()));
        subscribe(&stage.hub, SubscribeRequest { selectors: set(&["other"]), grants, resume })
    };
    let stranger = || Grants::subscribe_to(topic("other"));
    for id in ["CUSTOMER-4711", "CUSTOMER-4712", "nope"] {
        let resumed = resume(stranger(), id);
        let gap = resumed.gap.unwrap();
        assert_eq!((resumed.cursor, gap.after.as_deref()), (Sequence(0), Some(id)));
        assert_eq!(resumed.resumed_after.as_deref(), Some("earliest"));
        for text in [gap.before.unwrap(), resumed.place] {
            assert!(HubId::parse(&text).is_some(), "{text}");
        }
    }
    let own = resume(Grants::subscribe_to(topic("secret")), "CUSTOMER-4711");
    assert_eq!((own.cursor, own.gap, own.place.as_str()), (Sequence(2), None, "CUSTOMER-4711"));
}

#[test]
fn a_subscription_keeps_what_was_asked_for() {
    let stage = stage(2);
    let grants = Grants::subscribe_to(topic("a"));
    let selectors = set(&["a", "b"]);
    let request =
        SubscribeRequest { selectors: selectors.clone(), grants: grants.clone(), resume: None };
    let subscription = subscribe(&stage.hub, request);
    assert_eq!(subscription.selectors, selectors);
    assert_eq!(subscription.grants, grants);
}

#[test]
fn earliest_begins_before_the_oldest_event_and_misses_nothing() {
    let stage = stage(2);
    let check = |cursor, resumed_after: &str| {
        let subscription = stage.subscribe(Some(Resume::Earliest));
        assert_eq!(subscription.cursor, Sequence(cursor));
        assert_eq!(subscription.gap, None);
        assert_eq!(subscription.resumed_after.as_deref(), Some(resumed_after));
    };
    check(0, "earliest");
    stage.publish(2);
    check(0, "earliest");
    let ids = stage.publish(3);
    check(3, &ids[0]);
    stage.set_clock(100_000);
    stage.log.expire();
    check(5, &ids[2]);
}

#[test]
fn a_retained_id_is_where_a_subscriber_goes_on() {
    let stage = stage(4);
    let mut ids = stage.publish(2);
    publish_all(&stage.hub, vec![draft("t", Some("mine"))]);
    ids.push("mine".to_owned());
    ids.extend(stage.publish(1));
    for (id, sequence) in ids.iter().zip(1..) {
        let subscription = stage.resume_after(id);
        assert_eq!(subscription.cursor, Sequence(sequence), "{id}");
        assert_eq!(subscription.gap, None);
        assert_eq!(subscription.resumed_after.as_ref(), Some(id));
    }
}

#[test]
fn an_event_that_was_the_last_one_to_go_leaves_no_gap() {
    let stage = stage(2);
    let ids = stage.publish(5);
    let subscription = stage.resume_after(&ids[2]);
    assert_eq!(subscription.cursor, Sequence(3));
    assert_eq!(subscription.gap, None);
}

#[test]
fn whoever_resumes_too_late_gets_all_that_is_retained_and_is_told_of_the_gap() {
    let stage = stage(2);
    let ids = stage.publish(5);
    let subscription = stage.resume_after(&ids[0]);
    assert_eq!(subscription.cursor, Sequence(3));
    // Events 2 and 3 are gone.
    let gap =
        GapNotice { missed: Some(2), after: Some(ids[0].clone()), before: Some(ids[2].clone()) };
    assert_eq!(subscription.gap, Some(gap));
    assert_eq!(subscription.resumed_after.as_ref(), Some(&ids[2]));
}

#[test]
fn only_who_sees_every_event_is_told_how_many_were_missed() {
    let stage = stage(2);
    let ids = stage.publish(5);
    let check = |selectors: &[&str], grants: Grants, missed| {
        let resume = Some(Resume::After(ids[0].clone()));
        let request = SubscribeRequest { selectors: set(selectors), grants, resume };
        let gap = subscribe(&stage.hub, request).gap.unwrap();
        assert_eq!(gap.missed, missed, "{selectors:?}");
    };
    check(&["*"], Grants::all(), Some(2));
    check(&["*", "t"], Grants::all(), Some(2));
    check(&["t"], Grants::all(), None);
    check(&["{x}"], Grants::all(), None);
    check(&["*"], Grants::subscribe_to(topic("t")), None);
}

#[test]
fn an_event_for_one_stream_is_never_counted_as_missed_by_others() {
    let stage = stage(2);
    let before = stage.publish(1);
    stage.hub.publish(draft("t", None).for_one_stream()).now_or_never().unwrap().unwrap();
    let after = stage.publish(5);
    // How many of them were only for others is not known, unless none lies in between.
    for (id, missed) in [(&before[0], None), (&after[0], Some(2))] {
        let gap = stage.resume_after(id).gap.unwrap();
        assert_eq!((gap.after.as_ref(), gap.missed), (Some(id), missed));
    }
}

#[test]
fn an_id_that_means_nothing_gets_all_that_is_retained_and_a_gap_of_unknown_size() {
    let stage = stage(2);
    let ids = stage.publish(5);
    let subscription = stage.resume_after("who knows");
    assert_eq!(subscription.cursor, Sequence(3));
    let gap = GapNotice {
        missed: None,
        after: Some("who knows".to_owned()),
        before: Some(ids[2].clone()),
    };
    assert_eq!(subscription.gap, Some(gap));
    assert_eq!(subscription.resumed_after.as_ref(), Some(&ids[2]));
}

#[test]
fn where_nothing_is_retained_nothing_comes_after_a_gap() {
    let stage = stage(2);
    let subscription = stage.resume_after("who knows");
    assert_eq!(subscription.cursor, Sequence(0));
    let before = Some(stage.hub.log().bounds().head_id().to_string());
    let gap = GapNotice { missed: None, after: Some("who knows".to_owned()), before };
    assert_eq!(subscription.gap, Some(gap));
    assert_eq!(subscription.resumed_after.as_deref(), Some("earliest"));
}

#[test]
fn an_id_of_another_epoch_resumes_by_its_time_and_always_tells_of_a_gap() {
    let stage = stage(10);
    let mut ids = stage.publish(2);
    stage.set_clock(2_000);
    ids.extend(stage.publish(1));
    let check = |accepted_ms, cursor: u64| {
        let id = id_of_another_epoch(accepted_ms);
        let subscription = stage.resume_after(&id);
        assert_eq!(subscription.cursor, Sequence(cursor), "{id}");
        let place = HubId::parse(&subscription.place).unwrap();
        assert_eq!(place.sequence, Sequence(cursor), "{id}");
        let header = if cursor == 0 { "earliest" } else { &*subscription.place };
        assert_eq!(subscription.resumed_after.as_deref(), Some(header), "{id}");
        let before = Some(subscription.place);
        assert_eq!(subscription.gap, Some(GapNotice { missed: None, after: Some(id), before }));
    };
    check(1_500, 2);
    // Earlier than everything, and later than everything.
    check(1, 0);
    check(2_000, 3);
    // From a clock that is ahead: nothing that is retained is left out.
    check(9_000, 0);
}

#[tokio::test(start_paused = true)]
async fn a_place_that_the_log_does_not_find_in_time_counts_as_unknown() {
    let log = Arc::new(TroubleLog::new(1, 10, Chances::default()));
    let hub = Hub::new(log.clone(), Metrics::new(1));
    publish_all(&hub, vec![draft("t", Some("mine")), draft("t", None)]);
    let resume = || request("*", Some(Resume::After("mine".to_owned())));
    assert_eq!(hub.subscribe(resume(), Beginning::Next).await.unwrap().cursor, Sequence(1));
    log.make(Chances { slow: 100, ..Chances::default() });
    assert_eq!(hub.subscribe(resume(), Beginning::Next).await.unwrap().cursor, Sequence(1));
    // Whether the client may know of it has to be read, and nobody loads that.
    log.make(Chances { loading: 100, ..Chances::default() });
    let subscription = hub.subscribe(resume(), Beginning::Next).await.unwrap();
    assert_eq!((subscription.cursor, subscription.resumed), (Sequence(0), Some(Resumed::Unknown)));
    assert_eq!(subscription.gap.unwrap().after.as_deref(), Some("mine"));
}

#[test]
fn who_has_seen_the_event_that_was_evicted_last_is_exactly_where_it_was() {
    let stage = stage(2);
    let ids = stage.publish(5);
    let subscription = stage.resume_after(&ids[2]);
    assert_eq!(subscription.gap, None);
    assert_eq!(subscription.resumed_after.as_ref(), Some(&ids[2]));
}
