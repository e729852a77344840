//! Tokens of a language model: a producer, readers that come late and are cut off, an order to stop, and the
//! transport for the AI SDK of Vercel, in a page with its hook for React.

use super::recipe::Recipe;
use crate::browser::{Chromium, RESOLVE, Site, sees};
use crate::peers::Process;
use crate::peers::proxy::Proxy;
use crate::support::{TestServer, eventually, own_port};

const RECIPE: &str = "language-model";
const PROMPT: &str = "one two three four five six seven eight nine ten eleven twelve thirteen \
                      fourteen fifteen sixteen seventeen eighteen nineteen twenty";
/// It is never said to its end.
fn endless() -> String {
    "again ".repeat(2_000)
}

/// What a reader says of a whole answer.
fn lines_of(prompt: &str) -> Vec<String> {
    let words = prompt.split(' ').enumerate();
    let mut lines: Vec<_> =
        words.map(|(step, word)| format!("42/{step} message {word} \n")).collect();
    lines.push(format!("42/{} done done\n", lines.len()));
    lines.push("the end\n".to_owned());
    lines
}

async fn next_lines(reader: &mut Process, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        lines.push(reader.expect_line().await);
    }
    lines
}

#[tokio::test]
async fn readers_that_come_late_and_are_cut_off_have_each_token_once_until_the_end() {
    let server = TestServer::start().await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let direct = Recipe::of(RECIPE, &server.url(""));
    let cut = Recipe::of(RECIPE, &proxy.url(""));
    let producer = direct.node("producer.mjs", &["42", PROMPT]);
    let mut early = cut.node("reader.mjs", &["42"]);
    let mut lines = next_lines(&mut early, 3).await;
    // Of those who come late one is cut off as well.
    let mut late = cut.node("reader.mjs", &["42"]);
    let mut lines_of_late = next_lines(&mut late, 4).await;
    proxy.cut();
    eventually("the server has noticed", async || {
        server.figure("fanfare_subscribers").await <= 1.0
    })
    .await;
    assert_eq!(producer.finish().await, [""; 0]);
    proxy.let_in();
    lines.extend(early.finish().await);
    lines_of_late.extend(late.finish().await);
    let expected = lines_of(PROMPT);
    assert_eq!(lines, expected);
    assert_eq!(lines_of_late, expected);
    // Behind the end there is the whole answer, and nothing to wait for.
    assert_eq!(direct.node("reader.mjs", &["42"]).finish().await, expected);
    let refused = server.post("/events/runs/42/control?type=abort").body("stop").send().await;
    assert_eq!(refused.unwrap().status(), 409);
}

#[tokio::test]
async fn an_order_on_the_control_topic_stops_the_answer_and_its_readers() {
    let server = TestServer::start().await;
    let recipe = Recipe::of(RECIPE, &server.url(""));
    let producer = recipe.node("producer.mjs", &["42", &endless()]);
    let mut reader = recipe.node("reader.mjs", &["42"]);
    next_lines(&mut reader, 2).await;
    assert_eq!(recipe.node("abort.mjs", &["42"]).finish().await, [""; 0]);
    assert_eq!(producer.finish().await, [""; 0]);
    let lines = reader.finish().await;
    let [.., aborted, end] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(aborted.ends_with(" aborted aborted\n"), "{aborted}");
    assert_eq!(end, "the end\n");
    // One that comes before the producer counts, too.
    server.post("/events/runs/43/control?type=abort").body("stop").send().await.unwrap();
    let producer = recipe.node("producer.mjs", &["43", &endless()]);
    assert_eq!(producer.finish().await, [""; 0]);
}

#[tokio::test]
async fn a_page_shows_an_answer_once_over_a_cut_and_stops_another() {
    let site = Site::start().await;
    let server = TestServer::start_with(&["--cors-origin", &site.origin()]).await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let direct = Recipe::of(RECIPE, &server.url(""));
    let cut = Recipe::of(RECIPE, &proxy.url(""));
    let browser = Chromium::start_with(&[RESOLVE]).await;
    let page = |run: &str| site.file(&format!("{}?run={run}", cut.path_in_site("page.html")));

    let producer = direct.node("producer.mjs", &["42", PROMPT]);
    browser.open(&page("42")).await;
    browser.shows("#answer", |text| text.contains("two")).await;
    proxy.cut();
    producer.finish().await;
    proxy.let_in();
    browser.shows("#state", |text| text == "done").await;
    assert_eq!(browser.text("#answer").await, PROMPT);
    let left = async || server.figure("fanfare_subscribers").await == 0.0;
    eventually("the page has closed its source", left).await;

    let producer = direct.node("producer.mjs", &["43", &endless()]);
    browser.open(&page("43")).await;
    browser.shows("#answer", |text| text.contains("again")).await;
    browser.click("#stop").await;
    browser.shows("#state", |text| text == "aborted").await;
    producer.finish().await;
}

/// A page with `useChat`, and the server that it comes from.
#[tokio::test]
async fn the_chat_of_the_ai_sdk_goes_on_with_its_answer_in_a_page_that_is_opened_anew() {
    let port = own_port().to_string();
    let origin = format!("http://127.0.0.1:{port}");
    let server = TestServer::start_with(&["--cors-origin", &origin]).await;
    let proxy = Proxy::cut_by_hand(server.address).await;
    let (backend, page) = (Recipe::of(RECIPE, &server.url("")), Recipe::of(RECIPE, &proxy.url("")));
    page.bundle("chat.jsx", "chat.js");
    std::fs::copy(page.path("chat.js"), backend.path("chat.html").with_file_name("chat.js"))
        .unwrap();
    let mut chat = backend.node("chat-server.mjs", &[&port]);
    assert_eq!(chat.expect_line().await, "ready\n");
    let browser = Chromium::start_with(&[]).await;
    let shows = async |what: &str, filter: fn(&[String]) -> bool| {
        let look = async || browser.texts(".assistant").await;
        sees(what, look, |seen| filter(seen)).await
    };
    let status = async |expected: &'static str| {
        browser.shows("output", |text| text == expected).await;
    };
    let whole: String = (0..40).map(|at| format!("word{at} ")).collect();

    // There is nothing to go on with.
    browser.open(&origin).await;
    status("ready").await;
    browser.click("#ask").await;
    shows("the answer begins", |seen| seen.len() == 1 && seen[0].contains("word2 ")).await;
    // Opened anew, and cut off.
    browser.open(&origin).await;
    shows("it goes on", |seen| seen.len() == 1 && seen[0].contains("word5 ")).await;
    proxy.cut();
    let topic = "/events/chats/1?last=1&poll";
    let pointer = server.get(topic).send().await.unwrap().text().await.unwrap();
    let run = pointer.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    let has_ended = async || {
        let request = server.client.head(server.url(&format!("/events/runs/{run}")));
        request.send().await.unwrap().status() == 204
    };
    eventually("the answer is complete", has_ended).await;
    proxy.let_in();
    status("ready").await;
    assert_eq!(browser.texts(".assistant").await, [whole]);
    // Behind the end there is nothing to go on with, and what was said is stored elsewhere.
    let told = async || server.figure("fanfare_topic_ended_responses_total").await;
    let before = told().await;
    browser.open(&origin).await;
    eventually("the page is told", async || told().await > before).await;
    status("ready").await;
    assert_eq!(browser.texts(".assistant").await, [""; 0]);

    browser.click("#ask").await;
    shows("another answer begins", |seen| seen.len() == 1 && seen[0].contains("word2 ")).await;
    browser.click("#stop").await;
    status("ready").await;
    let said = browser.texts(".assistant").await;
    assert!(!said[0].contains("word39"), "{said:?}");
}
