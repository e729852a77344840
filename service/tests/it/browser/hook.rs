//! React's hook of our client, in strict mode: how many streams it has.

use super::libraries::{Credentials, FANFARE_HOOK, Visit};
use crate::support::eventually;

/// React mounts the component twice, changes its topic, and takes it away.
#[tokio::test]
async fn the_hook_has_one_stream_at_a_time_in_strict_mode_and_none_behind_its_component() {
    let visit = Visit::begin(FANFARE_HOOK, Credentials::Omitted).await;
    let (server, browser) = (&visit.server, &visit.browser);
    browser.shows("#state", |text| text == "open").await;
    let opened = async || server.figure("fanfare_streams_opened_total").await;
    assert_eq!(opened().await, 1.0, "strict mode opened a second one");
    visit.publish("first").await;
    browser.shows("#last", |text| text == "first").await;

    browser.click("#other").await;
    eventually("another stream is open", async || opened().await == 2.0).await;
    browser.shows("#state", |text| text == "open").await;
    browser.shows("#last", |text| text == "nothing").await;
    visit.publish("of the former topic").await;
    server.publish("y", "second").await;
    visit.shows(&["first", "second"]).await;
    assert_eq!(server.figure("fanfare_subscribers").await, 1.0);

    visit.is_away_during("unseen").await;
    server.publish("y", "third").await;
    visit.shows(&["first", "second", "third"]).await;
    assert_eq!(
        (browser.text("#gap").await, browser.text("#error").await),
        ("none".into(), "none".into())
    );
    browser.click("#gone").await;
    let gone = async || server.figure("fanfare_subscribers").await == 0.0;
    eventually("its stream has ended", gone).await;
}
