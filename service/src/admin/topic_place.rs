//! Where a page of topics begins, as the page before it says.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

/// Where a page of topics begins: behind a topic in a part of the index, in the order of its texts.
/// A topic stays in its part, so that none is left out or comes twice, whatever comes and goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TopicPlace {
    pub(super) part: usize,
    pub(super) after: Option<String>,
}

/// A text that is no place.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a page goes on at the `next` of the page before it; leave `after` out to begin anew")]
pub(super) struct TopicPlaceError;

impl fmt::Display for TopicPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.part)?;
        let Some(after) = &self.after else { return Ok(()) };
        write!(formatter, ".{}", URL_SAFE_NO_PAD.encode(after))
    }
}

impl FromStr for TopicPlace {
    type Err = TopicPlaceError;

    fn from_str(text: &str) -> Result<Self, TopicPlaceError> {
        let (part, after) = match text.split_once('.') {
            Some((part, after)) => (part, Some(after)),
            None => (text, None),
        };
        let part = part.parse().map_err(|_| TopicPlaceError)?;
        let decode = |after| {
            let bytes = URL_SAFE_NO_PAD.decode(after).map_err(|_| TopicPlaceError)?;
            String::from_utf8(bytes).map_err(|_| TopicPlaceError)
        };
        let place = Self { part, after: after.map(decode).transpose()? };
        if place.to_string() == text { Ok(place) } else { Err(TopicPlaceError) }
    }
}
