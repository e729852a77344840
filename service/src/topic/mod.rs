//! Topics and selectors: what an event is published under, and what a subscriber asks for.
//!
//! - [`Topic`] is a checked name.
//! - [`Selector`] is an exact topic, a URI Template (RFC 6570), or `*`.
//! - [`SelectorSet`] is everything that one subscriber asks for.
//!
//! Nothing in here knows HTTP, events or grants: text comes in, yes or no comes out.

mod compiler;
mod error;
mod matching;
mod selector;
mod template;
mod template_cache;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

pub use compiler::SelectorCompiler;
pub use error::{SelectorError, TopicError};
pub use matching::MatchProgress;
pub use selector::{Selector, SelectorSet};

/// The name that an event is published under: any UTF-8 text without control characters, often a
/// URL. It is compared byte for byte and never normalised. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Checks `text` and keeps it as it is.
    ///
    /// # Errors
    /// When the text is empty, longer than `max_bytes`, or has a control character.
    pub fn parse(text: &str, max_bytes: usize) -> Result<Topic, TopicError> {
        if text.is_empty() {
            return Err(TopicError::Empty);
        }
        if text.len() > max_bytes {
            return Err(TopicError::TooLong { bytes: text.len(), max: max_bytes });
        }
        match text.find(char::is_control) {
            Some(at) => Err(TopicError::ControlCharacter { at }),
            None => Ok(Topic(text.into())),
        }
    }

    /// The topic as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A map from topics can be asked with a plain `&str`.
impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}
