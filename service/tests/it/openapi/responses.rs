use std::collections::BTreeSet;

use super::*;

#[tokio::test]
async fn every_operation_comes_to_each_of_its_statuses_with_the_headers_and_bodies_described() {
    let (document, scene) = (OpenApi::read(), Scene::start().await);
    let mut tried = 0;
    for operation in document.operations() {
        for status in operation.statuses() {
            let response = scene.come_to(&operation, status).await;
            let came = response.status().as_u16();
            if came != status {
                let body = response.text().await.unwrap();
                panic!("{}: {came} and not {status}: {body}", operation.name());
            }
            operation.assert_described(response).await;
            tried += 1;
        }
    }
    assert!(tried > 200, "{tried}");
}

#[tokio::test]
async fn every_media_type_that_is_described_is_sent() {
    let (document, scene) = (OpenApi::read(), Scene::start().await);
    let targets = [
        "/.well-known/mercure/subscriptions/hello",
        "/.well-known/mercure/subscriptions/exact/hello",
        "/assets/style.css",
        "/assets/stream.js",
        "/assets/favicon.svg",
        "/",
        "/events/hello",
    ];
    let mut sent = BTreeSet::new();
    for target in targets {
        let response = scene.keyed.get(target).bearer_auth(&scene.token).send().await.unwrap();
        sent.insert(response.headers()["content-type"].to_str().unwrap().to_owned());
    }
    let components = ["Stream", "SubscriptionList", "Subscription", "Page", "Asset", "Metadata"];
    let described = components.map(|name| document.response(name)["content"].as_object().unwrap());
    let described: BTreeSet<String> =
        described.iter().flat_map(|content| content.keys().cloned()).collect();
    assert_eq!(sent, described);
}
