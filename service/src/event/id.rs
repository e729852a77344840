//! Event ids.
//!
//! An id made here is `urn:uuid:` and a UUID in version 7 form (RFC 9562, section 5.7) that tells
//! its position without a table: 48 bits of accept time in milliseconds, 12 bits that tell one
//! life of a log from another, 62 bits of sequence. So ids sort by time, and one from an earlier
//! life of the log still says when it was. A publisher may bring an id of his own instead; that is
//! a [`CustomId`], which can only be looked up.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use unicode_general_category::{GeneralCategory, get_general_category};
use uuid::Uuid;

use super::Sequence;

const PREFIX: &str = "urn:uuid:";
/// The length of an id made by the hub: the prefix and the hyphenated UUID.
pub(super) const HUB_ID_BYTES: usize = PREFIX.len() + uuid::fmt::Hyphenated::LENGTH;

const SEQUENCE_MASK: u64 = (1 << 62) - 1;
const LIFE_MASK: u16 = (1 << 12) - 1;
const TIME_MASK: u64 = (1 << 48) - 1;

/// Which life of a log an id is from: 12 random bits, drawn when the log is opened.
///
/// The time alone would do, were it not for clocks that are set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life(u16);

impl Life {
    /// A life from any 16 bits; the upper four are dropped.
    #[must_use]
    pub fn new(random: u16) -> Self {
        Self(random & LIFE_MASK)
    }
}

/// What an id made by the hub says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubId {
    /// When the event was accepted, in milliseconds since 1970 (UTC).
    pub accepted_ms: u64,
    /// The life of the log that accepted it.
    pub life: Life,
    /// Its position in that life.
    pub sequence: Sequence,
}

impl HubId {
    /// Reads an id made by a hub; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        // Only the hyphenated form is ever written, so only that one is read.
        if digits.len() != uuid::fmt::Hyphenated::LENGTH {
            return None;
        }
        let uuid = Uuid::try_parse(digits).ok()?;
        if uuid.get_version_num() != 7 || uuid.get_variant() != uuid::Variant::RFC4122 {
            return None;
        }
        let (high, low) = uuid.as_u64_pair();
        Some(Self {
            accepted_ms: high >> 16,
            life: Life::new((high & u64::from(LIFE_MASK)) as u16),
            sequence: Sequence(low & SEQUENCE_MASK),
        })
    }

    /// Writes the id over `place`, which is [`HUB_ID_BYTES`] long.
    pub(super) fn write(self, place: &mut [u8]) {
        let (prefix, digits) = place.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        self.uuid().hyphenated().encode_lower(digits);
    }

    fn uuid(self) -> Uuid {
        let high = (self.accepted_ms & TIME_MASK) << 16 | 0x7000 | u64::from(self.life.0);
        let low = 0b10 << 62 | (self.sequence.0 & SEQUENCE_MASK);
        Uuid::from_u64_pair(high, low)
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.uuid().hyphenated())
    }
}

/// An id that a publisher chose: 1 to 1,024 bytes without control and format characters and without
/// white space at its ends, that neither starts with `#` nor is a word such as `earliest` (both mean
/// something else where an id is asked for).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomId(Arc<str>);

impl CustomId {
    /// The longest id; an id is a name, and every client sends it back in a header.
    pub const MAX_BYTES: usize = 1024;

    /// Checks an id.
    ///
    /// # Errors
    /// Says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(IdError::TooLong { bytes: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(IdError::ControlCharacter);
        }
        if text.chars().any(is_unseen) {
            return Err(IdError::UnseenCharacter);
        }
        if text.trim() != text {
            return Err(IdError::OuterSpace);
        }
        if text.starts_with('#') {
            return Err(IdError::Fragment);
        }
        if text == "earliest" {
            return Err(IdError::Earliest);
        }
        if let Some(word) = RESERVED_WORDS.into_iter().find(|&word| word == text) {
            return Err(IdError::Reserved { word });
        }
        Ok(Self(text.into()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as a shared string, for an index.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// Words that stand for a place in the log here or elsewhere: "from now on" in this protocol and in
/// others.
const RESERVED_WORDS: [&str; 2] = ["now", "-1"];

/// Whether a character is not seen, so that two names look the same and are not, or is a line break
/// to clients that split text by Unicode's rules.
pub(super) fn is_unseen(character: char) -> bool {
    use GeneralCategory::{Format, LineSeparator, ParagraphSeparator};
    !character.is_ascii()
        && matches!(get_general_category(character), Format | LineSeparator | ParagraphSeparator)
}

/// Why an id cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IdError {
    /// It has no characters.
    #[error("the id is empty; leave the field out to get an id from the server")]
    Empty,
    /// It is longer than an id may be.
    #[error("the id has {bytes} bytes; use at most {max}", max = CustomId::MAX_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It holds a character that could start another field of the stream.
    #[error("the id holds a control character; use printable characters only")]
    ControlCharacter,
    /// It holds a character that is not seen, or that some clients take for a line break.
    #[error(
        "the id holds a format character or a separator of lines; use printable characters only"
    )]
    UnseenCharacter,
    /// It begins or ends with white space, which the header that clients resume with loses.
    #[error("the id begins or ends with white space; leave that out")]
    OuterSpace,
    /// It starts with `#`.
    #[error("the id starts with `#`, which is reserved; choose another first character")]
    Fragment,
    /// It is the word that asks for everything retained.
    #[error("`earliest` is reserved for resuming; choose another id")]
    Earliest,
    /// It is a word that asks for a place in the log.
    #[error("`{word}` is reserved for resuming; choose another id")]
    Reserved {
        /// The word.
        word: &'static str,
    },
}
