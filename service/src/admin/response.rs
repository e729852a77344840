//! Responses of the admin listener.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::{Response, StatusCode};
use serde_json::Value;

pub(super) type AdminResponse = Response<Full<Bytes>>;

/// Plain text, or what else is said of it.
pub(super) fn whole(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> AdminResponse {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Browsers are not to find anything else in it, such as a page.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

pub(super) fn text(status: StatusCode, text: impl Into<String>) -> AdminResponse {
    whole(status, "text/plain; charset=utf-8", text.into())
}

pub(super) fn json_response(
    status: StatusCode,
    content_type: &'static str,
    document: &Value,
) -> AdminResponse {
    whole(status, content_type, document.to_string() + "\n")
}

pub(super) fn json(document: &Value) -> AdminResponse {
    json_response(StatusCode::OK, "application/json", document)
}
