use serde_json::Value;

use super::*;
use crate::support::form;

/// What selects, of which a request has one kind.
const SELECTORS: [&str; 4] = ["topic", "match", "match_exact", "match_urlpattern"];

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The example of a parameter, as it is sent.
fn example(parameter: &Value) -> String {
    match &parameter["example"] {
        Value::String(text) => text.clone(),
        Value::Array(texts) => texts[0].as_str().unwrap().to_owned(),
        other => other.to_string(),
    }
}

#[tokio::test]
async fn every_parameter_is_taken_and_a_misspelt_one_is_told_its_right_name() {
    let (document, scene) = (OpenApi::read(), Scene::start().await);
    let (mut headers, mut in_query) = (0, 0);
    for operation in document.operations() {
        for parameter in operation.parameters() {
            let (name, value) = (parameter["name"].as_str().unwrap(), example(parameter));
            let what = format!("{} with {name}", operation.name());
            if parameter["in"] == "header" {
                let request = scene.authorised(&operation, "").header(name, value);
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), operation.success(), "{what}");
                headers += 1;
                continue;
            }
            let send = |name: &str| {
                let query = format!("{name}={}", encoded(&value));
                let request = match SELECTORS.contains(&name) {
                    true => scene.request(&scene.keyed, &operation, &query).body(""),
                    false => scene.least(&scene.keyed, &operation, &query),
                };
                request.bearer_auth(&scene.token).send()
            };
            let response = send(name).await.unwrap();
            assert_eq!(response.status(), operation.success(), "{what}");
            for wrong in misspelt(name) {
                let response = send(&wrong).await.unwrap();
                assert_eq!(response.status(), 400, "{what} as {wrong}");
                if operation.method() != "HEAD" {
                    let text = response.text().await.unwrap();
                    assert!(
                        text.contains(&format!("write `{}", &name[..4.min(name.len())])),
                        "{text}"
                    );
                }
            }
            in_query += 1;
        }
    }
    assert!(headers > 30 && in_query > 30, "{headers} {in_query}");
}

/// In the plural, and, but for the one that may be written as one likes, in another case.
fn misspelt(name: &str) -> Vec<String> {
    let capital = name[..1].to_uppercase() + &name[1..];
    let in_case = (name != "lastEventID").then_some(capital);
    in_case.into_iter().chain([format!("{name}s")]).collect()
}

#[tokio::test]
async fn every_field_of_a_form_or_a_line_is_taken() {
    let (document, scene) = (OpenApi::read(), Scene::start().await);
    for operation in document.operations() {
        let cases: Vec<(&String, String)> = match (operation.path, operation.method().as_str()) {
            ("/.well-known/mercure", "POST") => {
                let fields = document.properties("PublishForm").keys();
                fields
                    .map(|name| (name, form(&[("topic", topic_with(name)), (name, value(name))])))
                    .collect()
            }
            ("/.well-known/mercure", "QUERY") => {
                let fields = document.properties("Selectors").keys();
                let body = |name: &String| match SELECTORS.contains(&name.as_str()) {
                    true => form(&[(name, "hello")]),
                    false => form(&[("topic", "hello"), (name, value(name))]),
                };
                fields.map(|name| (name, body(name))).collect()
            }
            ("/events", "POST") => {
                let fields = document.properties("EventLine").keys();
                fields.map(|name| (name, line_with(name))).collect()
            }
            _ => continue,
        };
        for (field, body) in cases {
            let response = scene.authorised(&operation, "").body(body).send().await.unwrap();
            assert_eq!(response.status(), 200, "{}: {field}", operation.name());
            if operation.path == "/events" {
                let text = response.text().await.unwrap();
                assert!(text.starts_with("{\"id\":"), "{field}: {text}");
            }
        }
    }
}

/// The topic of a form with this field: the one that it ends is no other's.
fn topic_with(field: &str) -> &'static str {
    if field == "end" { "ended by a form" } else { "hello" }
}

#[tokio::test]
async fn a_field_that_is_not_known_is_left_alone_in_a_form_and_refused_where_it_is_nearly_right() {
    let scene = Scene::start().await;
    let document = OpenApi::read();
    let cases = [
        ("/.well-known/mercure", "POST", "topic=a&topics=b", 200),
        ("/.well-known/mercure", "QUERY", "topic=a&other=b", 200),
        ("/.well-known/mercure", "QUERY", "topic=a&topics=b", 400),
    ];
    for (path, method, body, status) in cases {
        let mut operations = document.operations().into_iter();
        let found = operations.find(|it| it.path == path && it.method() == method).unwrap();
        let response = scene.authorised(&found, "").body(body).send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {body}");
    }
    let batch = scene.keyed.post("/events").bearer_auth(&scene.token);
    let batch = batch.header("content-type", "application/x-ndjson");
    let response = batch.body("{\"topic\":\"a\",\"topics\":\"b\"}\n").send().await.unwrap();
    assert!(response.text().await.unwrap().contains("\"status\":400"));
}

/// A value of a field of a form.
fn value(field: &str) -> &'static str {
    match field {
        "retry" => "3000",
        "lastEventID" => "earliest",
        "last" => "3",
        "since" => "10m",
        "poll" => "true",
        _ => "hello",
    }
}

fn line_with(field: &str) -> String {
    let topic = if field == "end" { "ended by a line" } else { "hello" };
    let mut line = serde_json::json!({ "topic": topic });
    line[field] = match field {
        "retry" => 3_000.into(),
        "private" | "end" => true.into(),
        _ => "hello".into(),
    };
    line.to_string() + "\n"
}
