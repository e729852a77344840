//! Requests as an application makes them, and their answers.

use std::net::SocketAddr;

use ureq::http::Response;
use ureq::{Agent, Body};

use super::PATIENCE;

/// A client that goes through no proxy but the one that it is told to ask. An error is an answer too.
pub(crate) fn client() -> Agent {
    let config = Agent::config_builder().proxy(None).http_status_as_error(false);
    let config = config.timeout_recv_response(Some(PATIENCE)).timeout_recv_body(Some(PATIENCE));
    config.build().new_agent()
}

/// The whole text of an answer.
pub(crate) fn body(response: Response<Body>) -> String {
    response.into_body().read_to_string().expect("text")
}

/// Asks for something; the answer may be a refusal.
pub(crate) fn ask(server: SocketAddr, path: &str) -> Response<Body> {
    client().get(format!("http://{server}{path}")).call().expect("an answer")
}

/// The text of a page, which must be there.
pub(crate) fn get(server: SocketAddr, path: &str) -> String {
    let response = ask(server, path);
    assert_eq!(response.status(), 200, "{path}");
    body(response)
}

/// Publishes in the way that goes with a content type; the answer may be a refusal.
pub(crate) fn post(server: SocketAddr, path: &str, kind: &str, body: &str) -> Response<Body> {
    let request = client().post(format!("http://{server}{path}")).content_type(kind);
    request.send(body).expect("an answer")
}

/// Publishes one event as a raw body; its id is returned.
pub(crate) fn publish(server: SocketAddr, topic: &str, data: &str) -> String {
    let response = post(server, &format!("/events/{topic}"), "text/plain", data);
    assert_eq!(response.status(), 200, "{topic}");
    body(response)
}
