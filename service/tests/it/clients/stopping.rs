//! When clients stop: at errors that coming back does not help against, and when all has ended.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::client::{Client, Told};
use super::scripted::{Answer, Scripted};
use crate::support::TestServer;

/// Reads a stream for each of these answers with each client, which may ask for nothing else.
async fn stops_at(answers: &[Answer], more: Value, check: impl Fn(Client, usize, Told)) {
    let all = Client::ALL.map(async |client| {
        let server = Scripted::start(answers.to_vec()).await;
        let mut stream = json!({ "address": server.url("/events/a") });
        stream.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let told = client.read(vec![stream; answers.len()]).rest().await;
        assert_eq!(server.requests().len(), answers.len(), "{client:?} came back: {told:?}");
        (client, told)
    });
    for (client, told) in join_all(all).await {
        assert_eq!(told.len(), answers.len(), "{client:?}: {told:?}");
        for (at, told) in told.into_iter().enumerate() {
            check(client, at, told);
        }
    }
}

#[tokio::test]
async fn a_status_that_does_not_get_better_is_an_error_for_good() {
    const STATUSES: [u16; 15] =
        [300, 400, 401, 402, 403, 404, 405, 406, 409, 410, 413, 415, 431, 501, 505];
    let answers = STATUSES.map(|status| Answer::status(status, "", "no problem"));
    stops_at(&answers, json!({}), |client, at, told| {
        let Told::Failed { status, problem, temporary, .. } = told else { panic!("{told:?}") };
        let expected = (Some(STATUSES[at]), None, false);
        assert_eq!((status, problem, temporary), expected, "{client:?}");
    })
    .await;
}

/// `fetch` itself asks once more, over another connection, as its standard says.
#[tokio::test]
async fn a_host_that_is_not_served_is_an_error_for_good() {
    for client in Client::ALL {
        let server = Scripted::start(vec![Answer::status(421, "", ""); 2]).await;
        let told = client.read(vec![json!({ "address": server.url("/events/a") })]).rest().await;
        let [Told::Failed { status: Some(421), temporary: false, .. }] = &told[..] else {
            panic!("{client:?}: {told:?}")
        };
    }
}

#[tokio::test]
async fn an_answer_that_is_no_stream_is_an_error_for_good() {
    let answers = [
        Answer::status(200, "Content-Type: text/html\r\n", "<p>"),
        Answer::status(200, "Content-Type: text/event-streams\r\n", "data: a\n\n"),
        Answer::status(200, "", "data: a\n\n"),
        Answer::status(202, "Content-Type: text/event-stream\r\n", "data: a\n\n"),
    ];
    stops_at(&answers, json!({}), |client, at, told| {
        let Told::Failed { message, status, temporary, .. } = told else { panic!("{told:?}") };
        assert_eq!((status, temporary), (Some([200, 200, 200, 202][at]), false), "{client:?}");
        assert!(message.contains("is no stream of events, but "), "{client:?}: {message}");
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_too_large_is_an_error_for_good() {
    let answers = [Answer::stream(&format!("data: {}", "x".repeat(3000)))];
    stops_at(&answers, json!({ "maxEventSize": 2000 }), |client, _, told| {
        let Told::Failed { message, temporary, .. } = told else { panic!("{told:?}") };
        assert!(message.contains("more than 2000 characters: raise max"), "{client:?}: {message}");
        assert!(!temporary, "{client:?}");
    })
    .await;
}

#[tokio::test]
async fn the_problem_of_the_real_server_is_in_the_error() {
    let server = TestServer::start().await;
    let streams = vec![
        json!({ "address": server.url("/nowhere") }),
        json!({ "address": server.url("/.well-known/mercure?topics=a") }),
        json!({ "address": server.url("/.well-known/mercure") }),
    ];
    for client in Client::ALL {
        let told = client.read(streams.clone()).rest().await;
        for (told, expected) in told.into_iter().zip([404, 400, 400]) {
            let Told::Failed { message, status, problem, .. } = told else { panic!("{told:?}") };
            assert_eq!(status, Some(expected), "{client:?}: {message}");
            let problem = problem.unwrap_or_else(|| panic!("{client:?}: {message}"));
            assert_eq!(problem["status"], json!(expected), "{client:?}");
            let detail = problem["detail"].as_str().unwrap();
            assert_eq!(message, format!("{expected}: {detail}"), "{client:?}");
        }
    }
}

#[tokio::test]
async fn no_content_is_the_end_of_a_subscription() {
    stops_at(&[Answer::status(204, "", "")], json!({}), |client, _, told| {
        assert_eq!(told, Told::Over(true), "{client:?}");
    })
    .await;
}

fn end(topics: &[&str]) -> Answer {
    let data = json!({ "topics": topics });
    Answer::stream(&format!("retry: 1\n\nevent: fanfare-end\ndata: {data}\n\n"))
}

#[tokio::test]
async fn a_client_whose_topics_have_all_ended_does_not_come_back_and_others_do() {
    let cases = [
        // What is asked for, the answers, and the ends that are told.
        (json!({}), vec![end(&["a/ü"])], vec![vec!["a/ü"]]),
        (json!({ "topics": ["x", "y"] }), vec![end(&["x", "y"])], vec![vec!["x", "y"]]),
        (
            json!({ "topics": ["x", "y"] }),
            vec![end(&["x"]), end(&["y"])],
            vec![vec!["x"], vec!["y"]],
        ),
        (
            json!({ "topics": ["x", "y"] }),
            vec![end(&["x"]), Answer::status(204, "", "")],
            vec![vec!["x"]],
        ),
        (json!({ "topics": "*" }), vec![end(&["x"]), Answer::status(204, "", "")], vec![vec!["x"]]),
        (
            json!({ "templates": "x{y}" }),
            vec![end(&["xy"]), Answer::status(204, "", "")],
            vec![vec!["xy"]],
        ),
    ];
    join_all(Client::ALL.map(async |client| {
        let (mut servers, mut streams, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for (asked, answers, ends) in &cases {
            let server = Scripted::start(answers.clone()).await;
            let mut stream = json!({ "address": server.url("/events/a%2F%C3%BC") });
            stream.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
            streams.push(stream);
            servers.push(server);
            let owned = |topics: &Vec<&str>| topics.iter().map(ToString::to_string).collect();
            expected.extend(ends.iter().map(|topics| Told::End(owned(topics))));
            expected.push(Told::Over(true));
        }
        let mut told = client.read(streams).rest().await;
        told.retain(|told| !matches!(told, Told::Retry { .. }));
        assert_eq!(told, expected, "{client:?}");
        for (server, (asked, answers, _)) in servers.iter().zip(&cases) {
            assert_eq!(server.requests().len(), answers.len(), "{client:?}: {asked}");
        }
    }))
    .await;
}
