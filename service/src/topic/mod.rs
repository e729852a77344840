//! Topics and selectors: what an event is published under, and what a subscriber asks for.
//!
//! - [`Topic`] is a checked name.
//! - [`Selector`] is an exact topic, a URI Template (RFC 6570), a URL pattern, or `*`.
//! - [`SelectorSet`] is everything that one subscriber asks for.
//!
//! Nothing in here knows HTTP, events or grants: text comes in, yes or no comes out.

mod automaton;
mod compiled;
mod compiled_cache;
mod compiler;
mod error;
mod matching;
mod selector;
mod template;
#[cfg(test)]
mod tests;
mod url_pattern;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use unicode_general_category::{GeneralCategory, get_general_category};

pub use compiler::SelectorCompiler;
pub use error::{SelectorError, TopicError};
pub use matching::MatchProgress;
pub use selector::{Notation, Selector, SelectorSet};
pub use url_pattern::{TopicResolver, UrlPatternError};

/// The name that an event is published under: any UTF-8 text without control and format characters,
/// often a URL. It is compared byte for byte and never normalised. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Checks `text` and keeps it as it is.
    ///
    /// # Errors
    /// When the text is empty, longer than `max_bytes`, or has a control or a format character.
    pub fn parse(text: &str, max_bytes: usize) -> Result<Topic, TopicError> {
        Self::check(text, max_bytes)?;
        Ok(Topic(text.into()))
    }

    /// Checks `text`, and keeps nothing.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse).
    pub(crate) fn check(text: &str, max_bytes: usize) -> Result<(), TopicError> {
        if text.is_empty() {
            return Err(TopicError::Empty);
        }
        if text.len() > max_bytes {
            return Err(TopicError::TooLong { bytes: text.len(), max: max_bytes });
        }
        if let Some(at) = text.find(char::is_control) {
            return Err(TopicError::ControlCharacter { at });
        }
        if let Some(at) = text.find(is_format_character) {
            return Err(TopicError::FormatCharacter { at });
        }
        Ok(())
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

/// Whether a character is of the category Cf: it is not seen, so that two names look the same and
/// are not.
fn is_format_character(character: char) -> bool {
    !character.is_ascii() && get_general_category(character) == GeneralCategory::Format
}
