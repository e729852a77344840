//! Present values, and what changes.

use super::recipe::Recipe;
use crate::browser::{Chromium, RESOLVE, Site, sees};
use crate::peers::proxy::Proxy;
use crate::support::{TestServer, eventually};

const RECIPE: &str = "dashboard";

#[tokio::test]
async fn a_program_sees_the_present_values_and_then_each_change_once_over_a_cut() {
    let server = TestServer::start().await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let direct = Recipe::of(RECIPE, &server.url(""));
    let cut = Recipe::of(RECIPE, &proxy.url(""));
    assert_eq!(direct.node("sensors.mjs", &["3"]).finish().await, [""; 0]);
    let mut watching = cut.node("watch.mjs", &[]);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(watching.expect_line().await);
    }
    assert_eq!(seen, ["attic 18.3\n", "cellar 19.3\n", "kitchen 20.3\n"]);
    proxy.cut();
    let left = async || server.figure("fanfare_subscribers").await == 0.0;
    eventually("the server has noticed", left).await;
    for degrees in [21, 22] {
        let data = format!(r#"{{"room":"attic","degrees":{degrees}}}"#);
        server.publish("sensors/attic/temperature", data).await;
    }
    server.publish("sensors/attic/humidity", "of no interest").await;
    proxy.let_in();
    assert_eq!(watching.expect_line().await, "attic 21\n");
    assert_eq!(watching.expect_line().await, "attic 22\n");
}

#[tokio::test]
async fn a_page_shows_the_present_values_at_once_and_follows_them() {
    let site = Site::start().await;
    let flags = ["--cors-origin", &site.origin(), "--retain-events", "10"];
    let server = TestServer::start_with(&flags).await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let direct = Recipe::of(RECIPE, &server.url(""));
    let cut = Recipe::of(RECIPE, &proxy.url(""));
    direct.node("sensors.mjs", &["2"]).finish().await;
    let browser = Chromium::start_with(&[RESOLVE]).await;
    browser.open(&site.file(&cut.path_in_site("page.html"))).await;
    let shows = async |expected: [&str; 6]| {
        let look = async || browser.texts("td").await;
        sees("the values", look, |seen| *seen == expected).await;
    };
    shows(["attic", "18.2", "cellar", "19.2", "kitchen", "20.2"]).await;
    browser.shows("#state", |text| text == "live").await;
    proxy.cut();
    let left = async || server.figure("fanfare_subscribers").await == 0.0;
    eventually("the server has noticed", left).await;
    // More than is retained: the page begins anew.
    direct.node("sensors.mjs", &["9"]).finish().await;
    proxy.let_in();
    shows(["attic", "18.9", "cellar", "19.9", "kitchen", "20.9"]).await;
    server.publish("sensors/attic/temperature", r#"{"room":"attic","degrees":25}"#).await;
    shows(["attic", "25.0", "cellar", "19.9", "kitchen", "20.9"]).await;
}
