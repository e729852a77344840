//! Publish requests of one event: raw body, form, template.

use std::io::Write as _;

use super::PublishOutcome;
use super::client::{Client, ExchangeError};
use crate::plan::{PublishStyle, PublishTarget, Publishing};

/// Writes the whole request in place of what `out` holds.
pub(super) fn write(
    publishing: &Publishing,
    target: &PublishTarget,
    topic: u32,
    payload: &[u8],
    out: &mut Vec<u8>,
) {
    let mut body = Vec::with_capacity(payload.len() + 64);
    let kind = match publishing.style {
        PublishStyle::Form => {
            body.extend_from_slice(b"topic=");
            let name = publishing.topic.text(topic);
            body.extend(url::form_urlencoded::byte_serialize(name.as_bytes()).flat_map(str::bytes));
            body.extend_from_slice(b"&data=");
            // Letters, digits and dots: nothing to escape.
            body.extend_from_slice(payload);
            "application/x-www-form-urlencoded"
        }
        PublishStyle::Template => {
            for template in &publishing.body {
                template.write(topic, payload, &mut body);
            }
            "application/json"
        }
        _ => {
            body.extend_from_slice(payload);
            "text/plain"
        }
    };
    out.clear();
    out.extend_from_slice(publishing.method.as_bytes());
    out.push(b' ');
    target.path.write(topic, payload, out);
    head(target, kind, out);
    // Writing to memory does not fail.
    let _ = write!(out, "content-length: {}\r\n\r\n", body.len());
    out.extend_from_slice(&body);
}

/// The head behind the path, without the framing of the body.
pub(super) fn head(target: &PublishTarget, kind: &str, out: &mut Vec<u8>) {
    let authority = &target.endpoint.authority;
    let _ = write!(out, " HTTP/1.1\r\nhost: {authority}\r\n");
    let own_kind = target.headers.iter().any(|(name, _)| name == "content-type");
    if !own_kind {
        let _ = write!(out, "content-type: {kind}\r\n");
    }
    for (name, value) in &target.headers {
        let _ = write!(out, "{name}: {value}\r\n");
    }
}

/// Publishes one event. After an error on the way the event may arrive or not.
pub(super) fn publish(client: &mut Client, request: &[u8]) -> PublishOutcome {
    match client.exchange(request) {
        Ok(response) if response.status / 100 == 2 => PublishOutcome::Accepted,
        Ok(response) => {
            let status = format!("status {}", response.status);
            if response.status >= 500 {
                PublishOutcome::Unavailable(status)
            } else {
                PublishOutcome::Refused(status)
            }
        }
        Err(ExchangeError::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
            PublishOutcome::Unknown("no answer in time".to_owned())
        }
        Err(error) => PublishOutcome::Unknown(error.to_string()),
    }
}
