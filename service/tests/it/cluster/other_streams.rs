//! The stream is not what it was.

use reqwest::Client;

use crate::support::{Program, client, eventually};

use super::brokers::Brokers;
use super::{publish, start, stream_after};

/// The id of the event behind the gap that a client is told of. Nothing if its server is still in the old
/// epoch: then that ends the stream, or tells of another gap before it does.
async fn id_behind_gap(client: &Client, node: &Program, lost: &str) -> Option<String> {
    let mut stream = stream_after(client, node, "t", lost).await;
    let first = stream.next().await.filter(|event| event.retry.is_none())?;
    assert_eq!((first.event.as_deref(), &first.id), (Some("fanfare-gap"), &None), "{first:?}");
    stream.next().await.filter(|event| event.data == "after")?.id
}

/// The stream ends, and its client comes back to a gap, behind which is what was published since.
async fn begins_anew(node: &Program, other: &Program, lost: &str) {
    let client = client();
    let mut status = 0;
    eventually("it takes events again", async || {
        status = publish(&client, node, "t", "after").await.0;
        status == 200
    })
    .await;
    // Who takes events is in the new epoch; the other one may have yet to find it.
    let id = id_behind_gap(&client, node, lost).await.expect("a gap and an event");
    assert!(id.as_str() > lost, "later epochs have later ids");
    eventually("the other one has found the new epoch", async || {
        id_behind_gap(&client, other, lost).await.is_some_and(|found| found == id)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_made_anew_is_another_epoch_and_all_streams_end() {
    let brokers = Brokers::one().await;
    let one = start(&brokers, &[]);
    let client = client();
    let (_, id) = publish(&client, &one, "t", "before").await;
    let mut stream = stream_after(&client, &one, "t", "earliest").await;
    assert_eq!(stream.next().await.expect("an event").data, "before");
    brokers.client().await.delete_stream("fanfare").await.expect("it is deleted");
    // Epochs tell seconds.
    let began = std::time::SystemTime::now();
    eventually("another second", async || began.elapsed().unwrap().as_millis() > 1_100).await;
    let other = start(&brokers, &[]);
    // With a hint when to come back, or without.
    while let Some(event) = stream.next().await {
        assert!(event.retry.is_some(), "{event:?}");
    }
    begins_anew(&one, &other, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_lost_what_it_had_confirmed_begins_an_epoch() {
    let mut brokers = Brokers::one().await;
    let one = start(&brokers, &[]);
    let other = start(&brokers, &[]);
    let client = client();
    assert_eq!(publish(&client, &one, "t", "kept").await.0, 200);
    brokers.all[0].kill();
    let copy = brokers.copy_of(0);
    brokers.all[0].start();
    let (mut status, mut id) = (0, String::new());
    eventually("it takes events again", async || {
        (status, id) = publish(&client, &one, "t", "lost").await;
        status == 200
    })
    .await;
    let mut stream = stream_after(&client, &one, "t", &id).await;
    brokers.all[0].kill();
    brokers.restore(0, &copy);
    brokers.all[0].start();
    while let Some(event) = stream.next().await {
        assert!(event.retry.is_some(), "{event:?}");
    }
    begins_anew(&one, &other, &id).await;
    // Servers that will start when its record is gone find it beside the stream.
    let jetstream = brokers.client().await;
    eventually("the epoch is recorded", async || {
        let stream = jetstream.get_stream("fanfare").await.expect("the stream");
        stream.cached_info().config.metadata["fanfare_epoch_from"] != "0"
    })
    .await;
    begins_anew(&start(&brokers, &[]), &one, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_made_to_keep_less_than_is_retained_begins_an_epoch_and_says_so() {
    let brokers = Brokers::one().await;
    let one = start(&brokers, &[]);
    let client = client();
    let (_, first) = publish(&client, &one, "t", "first").await;
    for number in 0..10 {
        assert_eq!(publish(&client, &one, "t", &number.to_string()).await.0, 200);
    }
    let mut stream = stream_after(&client, &one, "t", "earliest").await;
    stream.data(11).await;
    let jetstream = brokers.client().await;
    let made = jetstream.get_stream("fanfare").await.expect("the stream");
    let mut config = made.cached_info().config.clone();
    config.max_messages = 5;
    jetstream.update_stream(config).await.expect("it is changed");
    while let Some(event) = stream.next().await {
        assert!(event.retry.is_some(), "{event:?}");
    }
    eventually("an epoch is counted", async || {
        one.figure("fanfare_cluster_epochs_total").await >= 1.0
    })
    .await;
    let mut again = stream_after(&client, &one, "t", &first).await;
    assert_eq!(again.next().await.expect("a gap").event.as_deref(), Some("fanfare-gap"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_a_publisher_is_known_at_a_server_that_has_yet_to_read_its_event() {
    let brokers = Brokers::one().await;
    let (one, other) = (start(&brokers, &[]), start(&brokers, &[]));
    let client = client();
    for round in 0..5 {
        other.signal(rustix::process::Signal::STOP);
        let id = format!("own-{round}");
        assert_eq!(publish(&client, &one, &format!("t?id={id}"), "seen").await.0, 200);
        other.signal(rustix::process::Signal::CONT);
        let mut stream = stream_after(&client, &other, "t", &id).await;
        assert_eq!(publish(&client, &one, "t", &format!("next {round}")).await.0, 200);
        let event = stream.next().await.expect("an event");
        assert_eq!((event.event, event.data), (None, format!("next {round}")));
    }
}
