//! Event ids.
//!
//! An id made here is `e:` and 21 characters that hold its position without a table: the epoch of
//! the log, the sequence, and the time that the log gave the event. The characters are those of
//! `-0-9A-Z_a-z`, six bits each, in their ASCII order: so ids sort as text by epoch, then by
//! sequence, need no encoding in a header or a query, and are valid IRIs. A publisher may bring an
//! id of its own, of any other form; that is a [`CustomId`], which can only be looked up.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use thiserror::Error;
use unicode_general_category::{GeneralCategory, get_general_category};

use super::Sequence;

const PREFIX: &str = "e:";
const DIGITS: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
/// Each of the three words below is written as so many characters.
const WORD_CHARACTERS: usize = 7;
/// Bits of a word, and of the time: until the year 2109.
const WORD_BITS: u32 = 6 * WORD_CHARACTERS as u32;
const WORD_MASK: u64 = (1 << WORD_BITS) - 1;
/// Bits of the sequence: at a million events a second, 203 days of one epoch.
pub(super) const SEQUENCE_BITS: u32 = 44;
/// Bits of the sequence that do not fit into its own word, and stand behind the epoch.
const SEQUENCE_HIGH_BITS: u32 = SEQUENCE_BITS - WORD_BITS;
const EPOCH_BITS: u32 = WORD_BITS - SEQUENCE_HIGH_BITS;
/// Bits of an epoch that are random.
const EPOCH_RANDOM_BITS: u32 = 8;

/// The length of an id made by the hub.
pub(super) const HUB_ID_BYTES: usize = PREFIX.len() + 3 * WORD_CHARACTERS;

/// One epoch of a log: ids of different epochs are never taken for each other.
///
/// It is the second in which the log began and eight random bits, so that later epochs sort later
/// and two servers that start together have two. Where even those agree, the time in an id tells
/// them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of a log that began at a time, in milliseconds since 1970 (UTC).
    #[must_use]
    pub const fn begun_at(unix_ms: u64, random: u8) -> Self {
        let seconds = (unix_ms / 1_000) & u32::MAX as u64;
        Self(seconds << EPOCH_RANDOM_BITS | random as u64)
    }

    /// When it began, in milliseconds since 1970 (UTC), to the second.
    pub(crate) const fn begun_ms(self) -> u64 {
        (self.0 >> EPOCH_RANDOM_BITS) * 1_000
    }

    /// As a number, for a log that outlives its process.
    pub(crate) const fn to_bits(self) -> u64 {
        self.0
    }

    /// The epoch of a number.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// What an id made by the hub says: a position in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubId {
    /// The epoch of the log.
    pub epoch: Epoch,
    /// The position; 0 is before the first event.
    pub sequence: Sequence,
    /// When the log accepted the event at that position, or when it began, in milliseconds since
    /// 1970 (UTC).
    pub accepted_ms: u64,
}

impl HubId {
    /// Reads an id made by a hub; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?.as_bytes();
        if digits.len() != 3 * WORD_CHARACTERS {
            return None;
        }
        let mut words = digits.chunks_exact(WORD_CHARACTERS).map(read_word);
        let (high, low, accepted_ms) = (words.next()??, words.next()??, words.next()??);
        let sequence_high = high & ((1 << SEQUENCE_HIGH_BITS) - 1);
        Some(Self {
            epoch: Epoch(high >> SEQUENCE_HIGH_BITS),
            sequence: Sequence(sequence_high << WORD_BITS | low),
            accepted_ms,
        })
    }

    /// Writes the id over `place`, which is [`HUB_ID_BYTES`] long.
    pub(super) fn write(self, place: &mut [u8]) {
        let (prefix, digits) = place.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        let sequence = self.sequence.0 & ((1 << SEQUENCE_BITS) - 1);
        let epoch = self.epoch.0 & ((1 << EPOCH_BITS) - 1);
        let high = epoch << SEQUENCE_HIGH_BITS | sequence >> WORD_BITS;
        let words = [high, sequence & WORD_MASK, self.accepted_ms & WORD_MASK];
        for (word, place) in words.into_iter().zip(digits.chunks_exact_mut(WORD_CHARACTERS)) {
            write_word(word, place);
        }
    }
}

fn write_word(word: u64, place: &mut [u8]) {
    let mut rest = word;
    for digit in place.iter_mut().rev() {
        *digit = DIGITS[(rest & 63) as usize];
        rest >>= 6;
    }
}

fn read_word(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |word, digit| {
        // The alphabet is in order, and so can be searched.
        let value = DIGITS.binary_search(digit).ok()?;
        Some(word << 6 | value as u64)
    })
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; HUB_ID_BYTES];
        self.write(&mut text);
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// The id of an event. It becomes text where somebody wants to see it: the log answers publishers without
/// making one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventId {
    /// The hub made it.
    Hub(HubId),
    /// The publisher brought it.
    Custom(CustomId),
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub(id) => id.fmt(f),
            Self::Custom(id) => f.write_str(id.as_str()),
        }
    }
}

/// An id that a publisher chose: 1 to 1,024 bytes without control and format characters and without
/// white space at its ends, that neither starts with `#` nor is a word such as `earliest` (both
/// mean something else where an id is asked for), and that does not have the form of the hub's own
/// ids.
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
        if HubId::parse(text).is_some() {
            return Err(IdError::HubForm);
        }
        Ok(Self(text.into()))
    }

    /// An id that was checked when its event was published. The rules may have become stricter since:
    /// only what would break a frame is refused.
    pub(super) fn kept(text: &str) -> Option<Self> {
        Self::may_be_kept(text).then(|| Self(text.into()))
    }

    pub(super) fn may_be_kept(text: &str) -> bool {
        let fits = (1..=Self::MAX_BYTES).contains(&text.len());
        fits && !text.chars().any(char::is_control)
    }

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
    /// It would be taken for one of the hub's own, which tell a position in the log.
    #[error(
        "the id has the form of the ids that the server makes (`e:` and 21 characters); choose another form, or leave the field out to get one"
    )]
    HubForm,
    /// It is a word that asks for a place in the log.
    #[error("`{word}` is reserved for resuming; choose another id")]
    Reserved {
        /// The word.
        word: &'static str,
    },
}
