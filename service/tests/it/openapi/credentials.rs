use reqwest::RequestBuilder;
use reqwest::header::{COOKIE, ORIGIN};

use super::*;
use crate::openapi::scene::PAGE;

/// A request with a token where a scheme of the document has it.
async fn with_token(
    scene: &Scene,
    operation: &Operation<'_>,
    scheme: Option<&str>,
) -> RequestBuilder {
    let plain = || scene.least(&scene.keyed, operation, "");
    let Some(name) = scheme else { return plain() };
    let described = operation.scheme(name);
    let place = described["name"].as_str().unwrap_or_default();
    match (described["type"].as_str().unwrap(), described["in"].as_str()) {
        ("http", _) => plain().bearer_auth(&scene.access_token),
        ("apiKey", Some("query")) if name == "ticket" => {
            scene.least(&scene.keyed, operation, &format!("{place}={}", scene.ticket().await))
        }
        ("apiKey", Some("query")) => {
            scene.least(&scene.keyed, operation, &format!("{place}={}", scene.token))
        }
        ("apiKey", Some("cookie")) => {
            let cookie = format!("{place}={}", scene.access_token);
            plain().header(COOKIE, cookie).header(ORIGIN, PAGE)
        }
        _ => panic!("nobody knows the scheme {name}"),
    }
}

#[tokio::test]
async fn a_token_is_taken_wherever_the_document_has_it_and_not_asked_for_where_it_has_none() {
    let (document, scene) = (OpenApi::read(), Scene::start().await);
    let mut tried = 0;
    for operation in document.operations() {
        let schemes = operation.schemes();
        if schemes.is_empty() {
            let response = with_token(&scene, &operation, None).await.send().await.unwrap();
            assert_eq!(response.status(), operation.success(), "{}", operation.name());
        }
        for scheme in schemes {
            let response = with_token(&scene, &operation, scheme).await.send().await.unwrap();
            let expected = if scheme.is_some() { operation.success() } else { 401 };
            // Of some runs there is one at a time, which is said to whoever may begin one.
            let is_taken = scheme.is_some()
                && operation.name().contains("reader-runs")
                && response.status() == 429;
            assert!(
                is_taken || response.status() == expected,
                "{} by {scheme:?}: {}",
                operation.name(),
                response.status()
            );
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
}
