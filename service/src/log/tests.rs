use super::*;

#[test]
fn an_error_says_whether_the_event_may_have_been_published_and_what_to_do() {
    let cases = [
        (AppendError::DuplicateId, false, "use a new id"),
        (AppendError::TooLarge { bytes: 9, max: 5 }, false, "has 9 bytes"),
        (AppendError::Unavailable, true, "try again"),
        (AppendError::Unknown { repeatable: true }, true, "send it again with the same id"),
        (AppendError::Unknown { repeatable: false }, true, "it may be delivered twice"),
    ];
    for (error, is_temporary, told) in cases {
        assert_eq!(error.is_temporary(), is_temporary, "{error:?}");
        assert!(error.to_string().contains(told), "{error}");
        let may_be = matches!(error, AppendError::Unknown { .. });
        assert_eq!(error.to_string().contains("may have been published"), may_be, "{error}");
    }
}

#[test]
fn nobody_is_sent_to_a_log_that_has_failed_or_lacks_events_and_a_full_one_is_read() {
    let why = "no space left on device".into();
    let cases = [
        (LogHealth::Healthy, None),
        (LogHealth::Full, None),
        (LogHealth::Stalled { seconds: 12 }, None),
        (LogHealth::Behind { events: 7 }, Some("the event log is 7 events behind")),
        (
            LogHealth::Away { why: "no broker answers".into() },
            Some("the event log cannot be reached: no broker answers"),
        ),
        (LogHealth::Failed { why }, Some("the event log has failed: no space left on device")),
    ];
    for (health, problem) in cases {
        assert_eq!(health.problem().as_deref(), problem);
    }
}
