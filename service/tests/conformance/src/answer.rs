//! A response of the hub, and how it is held to what was expected.

use reqwest::header::HeaderMap;

use crate::outcome::{Checked, Stop};

/// Bytes of a body that are read; what is longer is no answer of a hub.
const BODY_MAX: usize = 1 << 20;
/// Characters of a text that a finding shows.
const SHOWN_MAX: usize = 300;

/// A response that was read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    pub sent: String,
}

impl Answer {
    pub fn is_stream(&self) -> bool {
        self.status == 200
            && self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    pub fn header(&self, name: &str) -> Option<String> {
        Some(String::from_utf8_lossy(self.headers.get(name)?.as_bytes()).into_owned())
    }

    pub fn status(self, expected: &[u16]) -> Checked<Self> {
        if expected.contains(&self.status) {
            return Ok(self);
        }
        let statuses: Vec<_> = expected.iter().map(u16::to_string).collect();
        let came = format!("{} {}", self.status, shown(&self.body));
        Err(self.unlike(&format!("status {}", statuses.join(" or ")), &came))
    }

    pub fn unlike(&self, expected: &str, came: &str) -> Stop {
        Stop::failed(self.sent.clone(), expected, came)
    }

    /// A header that has to be as told.
    pub fn expect_header(&self, name: &str, what: &str, holds: fn(&str) -> bool) -> Checked {
        let value = self.header(name);
        if value.as_deref().is_some_and(holds) {
            return Ok(());
        }
        Err(self.unlike(&format!("{name} {what}"), &format!("{value:?}")))
    }
}

pub(crate) async fn text(mut response: reqwest::Response) -> reqwest::Result<String> {
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await? {
        body.extend_from_slice(&bytes);
        if body.len() > BODY_MAX {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
