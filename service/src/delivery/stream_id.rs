//! What names an open stream outside its shard.

use std::fmt;
use std::str::FromStr;

use slotmap::{Key as _, KeyData};
use thiserror::Error;

use super::keys::SubscriberKey;

/// Names an open stream: its shard, its place there, and how often that was taken before.
///
/// It is made of what is there anyway, so that no stream holds a name; and because a key is never
/// used twice, the name of a stream that has ended finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId {
    pub(super) shard: usize,
    pub(super) key: SubscriberKey,
}

impl StreamId {
    /// The number of its shard.
    #[must_use]
    pub fn shard(&self) -> usize {
        self.shard
    }
}

/// A text that names no stream.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the id of a stream is three numbers, such as 0-17-3, as GET /streams shows it")]
pub struct StreamIdError;

impl fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.data().as_ffi();
        // Versions of places that are taken are odd.
        write!(formatter, "{}-{}-{}", self.shard, key & 0xffff_ffff, key >> 33)
    }
}

impl FromStr for StreamId {
    type Err = StreamIdError;

    fn from_str(text: &str) -> Result<Self, StreamIdError> {
        let mut numbers = text.split('-').map(str::parse::<u32>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or(StreamIdError);
        let (shard, slot, generation) = (next()?, next()?, next()?);
        let key = u64::from(generation) << 33 | 1 << 32 | u64::from(slot);
        let id = Self { shard: shard as usize, key: KeyData::from_ffi(key).into() };
        // One stream has one name: no signs, no leading zeros, nothing behind it.
        if id.to_string() == text { Ok(id) } else { Err(StreamIdError) }
    }
}

#[cfg(test)]
mod tests {
    use slotmap::SlotMap;

    use super::*;

    #[test]
    fn a_stream_is_found_by_its_name_and_one_that_had_its_place_before_is_not() {
        let mut streams = SlotMap::<SubscriberKey, &str>::with_key();
        let first = streams.insert("first");
        streams.remove(first);
        let second = streams.insert("second");
        let names = [first, second].map(|key| StreamId { shard: 7, key }.to_string());
        assert_eq!(names, ["7-1-0", "7-1-1"]);
        let found = names.map(|name| streams.get(name.parse::<StreamId>().unwrap().key));
        assert_eq!(found, [None, Some(&"second")]);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let cases = [
            "",
            "-",
            "0",
            "0-1",
            "0-1-",
            "0-1-1-1",
            "0-1-1-",
            "00-1-1",
            "0-01-1",
            "+0-1-1",
            "0--1-1",
            "0-1-1 ",
            "0-1-a",
            "0-4294967296-1",
            "0-1-4294967295",
            "\u{661}-1-1",
        ];
        for text in cases {
            assert_eq!(text.parse::<StreamId>(), Err(StreamIdError), "{text:?}");
        }
    }
}
