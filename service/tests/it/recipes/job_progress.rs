//! The progress of a job: its present value, its steps, and its end.

use super::recipe::Recipe;
use crate::browser::{Chromium, RESOLVE, Site};
use crate::peers::proxy::Proxy;
use crate::support::{TestServer, eventually};

const RECIPE: &str = "job-progress";

fn step(done: u32) -> String {
    format!("progress {{\"done\": {done}, \"of\": 20}}\n")
}

const DONE: &str = "done {\"done\": 20, \"of\": 20}\n";

#[tokio::test]
async fn whoever_waits_for_a_job_sees_each_step_once_over_a_cut_and_its_outcome() {
    let server = TestServer::start().await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let direct = Recipe::of(RECIPE, &server.url(""));
    let cut = Recipe::of(RECIPE, &proxy.url(""));
    let mut waiting = cut.node("wait.mjs", &["7"]);
    let is_waiting = async || server.figure("fanfare_subscribers").await == 1.0;
    eventually("it waits", is_waiting).await;
    let job = direct.python("job.py", &["7", "20"]);
    let first = waiting.expect_line().await;
    assert_eq!(first, step(0));
    proxy.cut();
    assert_eq!(job.finish().await, [""; 0]);
    proxy.let_in();
    let steps = (1..20).map(step).chain([DONE.to_owned()]);
    assert_eq!(waiting.finish().await, steps.collect::<Vec<_>>());
    // Whoever comes now sees how it ended, again and again.
    assert_eq!(cut.node("wait.mjs", &["7"]).finish().await, [DONE]);
    let shell = direct.shell("progress.sh", &["7"]).finish().await;
    assert_eq!(shell, ["{\"done\": 20, \"of\": 20}\n"]);
}

#[tokio::test]
async fn a_job_that_is_stopped_says_so_and_nobody_waits_on() {
    let server = TestServer::start().await;
    let recipe = Recipe::of(RECIPE, &server.url(""));
    let job = recipe.python("job.py", &["8", "100000"]);
    let mut waiting = recipe.node("wait.mjs", &["8"]);
    assert!(waiting.expect_line().await.starts_with("progress "));
    job.interrupt();
    let failed = "failed {\"reason\": \"it was stopped\"}\n";
    let mut last = String::new();
    while !last.starts_with("failed") {
        last = waiting.expect_line().await;
    }
    assert_eq!(last, failed);
    assert!(waiting.end().await.is_err(), "the job was not done");
}

#[tokio::test]
async fn a_page_shows_how_far_a_job_is_and_its_end() {
    let site = Site::start().await;
    let server = TestServer::start_with(&["--cors-origin", &site.origin()]).await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let cut = Recipe::of(RECIPE, &proxy.url(""));
    let browser = Chromium::start_with(&[RESOLVE]).await;
    let page = site.file(&format!("{}?job=9", cut.path_in_site("page.html")));
    server.post("/events/jobs/9?type=progress").body(r#"{"done":3,"of":4}"#).send().await.unwrap();
    browser.open(&page).await;
    browser.shows("#state", |text| text == "progress").await;
    let value =
        async || browser.run("return document.querySelector('progress').value", vec![]).await;
    assert_eq!(value().await, 3);
    proxy.cut();
    let left = async || server.figure("fanfare_subscribers").await == 0.0;
    eventually("the server has noticed", left).await;
    let end = server.post("/events/jobs/9?type=done&end").body(r#"{"done":4,"of":4}"#);
    end.send().await.unwrap();
    proxy.let_in();
    browser.shows("#state", |text| text == "done").await;
    assert_eq!(value().await, 4);
    eventually("the page has closed its source", left).await;
    // A job that ended without a word, and whose end is all that is left.
    server.post("/events/jobs/10?end").send().await.unwrap();
    browser.open(&page.replace("job=9", "job=10")).await;
    browser.shows("#state", |text| text == "over").await;
}
