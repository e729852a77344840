use std::collections::BTreeSet;

use reqwest::Method;

use super::*;
use crate::support::{TestServer, Wire};

fn allowed(value: &str) -> BTreeSet<String> {
    value.split(", ").map(str::to_owned).collect()
}

#[tokio::test]
async fn a_path_has_its_methods_and_any_other_is_405_with_the_same_allow() {
    let document = OpenApi::read();
    let server = TestServer::start_with(&["--subscriptions"]).await;
    let methods =
        ["GET", "HEAD", "POST", "QUERY", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "get"];
    for path in document.paths() {
        let operations = document.operations();
        let own: Vec<_> = operations.into_iter().filter(|it| it.path == path).collect();
        let described: BTreeSet<String> =
            own.iter().map(|operation| operation.method().to_string()).collect();
        let url = server.url(&own[0].target());
        let options = server.client.request(Method::OPTIONS, &url).send().await.unwrap();
        assert_eq!(options.status(), 204, "{path}");
        assert_eq!(allowed(options.headers()["allow"].to_str().unwrap()), described, "{path}");
        for method in methods.iter().filter(|method| !described.contains(**method)) {
            let sent = Method::from_bytes(method.as_bytes()).unwrap();
            let response = server.client.request(sent, &url).send().await.unwrap();
            assert_eq!(response.status(), 405, "{method} {path}");
            assert_eq!(allowed(response.headers()["allow"].to_str().unwrap()), described);
            if *method != "HEAD" {
                let schema = &document.response("405")["content"]["application/problem+json"];
                let body = serde_json::from_str(&response.text().await.unwrap()).unwrap();
                document.assert_allowed(&schema["schema"], &body, path);
            }
        }
    }
}

#[tokio::test]
async fn the_server_as_a_whole_has_the_methods_of_the_hub() {
    let document = OpenApi::read();
    let hub = document.operations().into_iter().filter(|it| it.path == crate::tokens::HUB);
    let hub: BTreeSet<String> = hub.map(|operation| operation.method().to_string()).collect();
    let server = TestServer::start().await;
    let mut wire = Wire::open(&server).await;
    wire.say("OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let head = wire.head().await;
    assert_eq!((head.status, allowed(head.field("allow").unwrap())), (204, hub));
}
