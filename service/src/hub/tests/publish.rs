//! Publishing.

use super::*;
use crate::log::Seeking;

#[test]
fn publishing_gives_a_receipt_for_each_draft_and_a_bad_one_does_not_stop_the_others() {
    let stage = stage(10);
    let drafts =
        [None, Some("x"), Some("x"), Some("y")].map(|id| draft("t", id).idempotent()).to_vec();
    let results = publish_all(&stage.hub, drafts);
    let sequences: Vec<_> =
        results.iter().map(|result| result.as_ref().map(|receipt| receipt.sequence.0)).collect();
    assert_eq!(sequences, [Ok(1), Ok(2), Ok(2), Ok(3)]);

    let new = results.iter().flatten().filter(|receipt| !receipt.is_repeat);
    let bytes: usize = new.map(|receipt| receipt.frame_bytes).sum();
    assert_eq!(stage.figure(r#"fanfare_events_published_total{source="raw"}"#), 3);
    assert_eq!(stage.figure("fanfare_events_published_bytes_total"), bytes as u64);
    assert_eq!(stage.figure("fanfare_publish_repeats_total"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_repeat_at_the_end_of_a_batch_does_not_let_its_publisher_go_before_the_others_are_delivered()
 {
    let stage = stage(1_000);
    let hub = stage.hub.clone().with_publish_window(10);
    let follower = hub.follow(Sequence(0));
    let repeat = || draft("t", Some("x")).idempotent();
    let mut drafts = vec![repeat()];
    drafts.extend((0..50).map(|_| draft("t", None)));
    drafts.push(repeat());
    let mut publishing = Box::pin(hub.publish_all(PublishSource::Raw, drafts));
    assert!(publishing.as_mut().now_or_never().is_none(), "it waits");
    drop(follower);
}

#[test]
fn one_draft_has_one_receipt() {
    let stage = stage(10);
    let publish = |id| stage.hub.publish(draft("t", id)).now_or_never().unwrap();
    assert_eq!(publish(Some("x")).unwrap().id.to_string(), "x");
    let other = draft("u", Some("x")).idempotent();
    assert_eq!(stage.hub.publish(other).now_or_never(), Some(Err(AppendError::DuplicateId)));
    assert_eq!(publish(None).unwrap().sequence, Sequence(2));
}

/// A log that is away.
#[derive(Debug, Default)]
struct Away {
    buffers: Buffers,
}

impl Log for Away {
    fn append(&self, _: Vec<EncodedEvent>) -> Appending<'_> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn follow(&self, _: OnChange) {}

    fn read(
        &self,
        _: &LogReader<'_>,
        range: ReadRange,
        _: EventFilter<'_>,
        _: PageLimit,
    ) -> ReadOutcome<Page> {
        ReadOutcome::Failed { beyond: range.through }
    }

    fn read_back(
        &self,
        _: &LogReader<'_>,
        range: ReadRange,
        _: EventFilter<'_>,
        _: PageLimit,
    ) -> ReadOutcome<PageBack> {
        ReadOutcome::Failed { beyond: range.after }
    }

    fn last_accepted_by(&self, _: u64) -> Seeking<'_> {
        Box::pin(std::future::ready(None))
    }

    fn topics_in_part(&self, _: usize) -> Option<Vec<Topic>> {
        None
    }

    fn newest(&self, _: &Topic, _: Sequence) -> Option<Arc<Event>> {
        None
    }

    fn locate<'a>(&'a self, _: &'a str) -> Locating<'a> {
        Box::pin(std::future::ready(Position::Unknown))
    }

    fn id_at(&self, _: Sequence) -> Option<HubId> {
        None
    }

    fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            epoch: Epoch::begun_at(0, 0),
            head: Sequence(0),
            head_ms: 0,
            oldest: Sequence(1),
            start_ms: 0,
            events: 0,
            bytes: 0,
            oldest_ms: None,
            last_uncounted: Sequence(0),
            kept: KeptTotals::default(),
        }
    }
}

#[test]
fn where_a_log_says_nothing_the_event_may_have_been_published() {
    let hub = Hub::new(Arc::new(Away::default()), Metrics::new(1));
    let result = hub.publish(draft("t", None)).now_or_never().unwrap();
    assert_eq!(result, Err(AppendError::Unknown { repeatable: false }));
}
