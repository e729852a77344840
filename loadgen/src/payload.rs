//! What a publisher puts into an event's data, so that a subscriber can tell which event it is,
//! when it was due, and whether a byte has changed.
//!
//! A header of fixed width in lower-case hexadecimal, then padding. It survives being a form field
//! or part of a JSON string, and is found by its mark wherever a server puts it:
//!
//! ```text
//! lg1. run(8) clock(8) publisher(2) topic(6) sequence(10) length(6) due(16) late(8) checksum(8)
//! padding…
//! ```
//!
//! `late` is the time from due to the publish call in units of 100 ns; the checksum is CRC-32 of
//! all of the payload but itself.

use std::ops::Range;

use memchr::memmem;

use crate::clock::{ClockId, Moment};

/// The smallest payload, in bytes: the header.
pub const SMALLEST: usize = 76;

/// The largest payload, in bytes, that the header can express.
pub const LARGEST: usize = (1 << 24) - 1;

/// The most publishers that the header can tell apart.
pub const MAX_PUBLISHERS: usize = 1 << 8;

/// The most topics that the header can tell apart.
pub const TOPICS: usize = 1 << 24;

const MARK: &[u8; 4] = b"lg1.";
const CHECKSUM: Range<usize> = 68..76;
/// Mark, run, clock, publisher, topic and sequence, which no other event has.
const ID: Range<usize> = 0..38;
const LATE_UNIT: u64 = 100;

/// What a payload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The run that it belongs to.
    pub run: u32,
    /// The clock that its moments are of.
    pub clock: ClockId,
    /// The publisher: events of one publisher and topic are in order.
    pub publisher: u8,
    /// The topic, by its number; below 2^24.
    pub topic: u32,
    /// Counted from 0 for each publisher and topic; below 2^40.
    pub sequence: u64,
    /// When the event was due.
    pub due: Moment,
    /// When its publish call began, to 100 ns; at most 429 s after `due`.
    pub sent: Moment,
}

/// Why data holds no stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStamp {
    /// It is not ours.
    Foreign,
    /// It was ours, and has changed on the way.
    Corrupted,
}

/// Writes a payload of `size` bytes, at least [`SMALLEST`], in place of what `out` holds.
pub fn write(stamp: &Stamp, size: usize, out: &mut Vec<u8>) {
    let size = size.clamp(SMALLEST, LARGEST);
    let late = (stamp.sent.since(stamp.due) / LATE_UNIT).min(u64::from(u32::MAX));
    out.clear();
    out.extend_from_slice(MARK);
    hex(out, u64::from(stamp.run), 8);
    hex(out, u64::from(stamp.clock.0), 8);
    hex(out, u64::from(stamp.publisher), 2);
    hex(out, u64::from(stamp.topic), 6);
    hex(out, stamp.sequence, 10);
    hex(out, size as u64, 6);
    hex(out, stamp.due.0, 16);
    hex(out, late, 8);
    hex(out, 0, 8);
    // Padding that compresses badly enough not to flatter a server that compresses.
    let mut noise = stamp.sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while out.len() < size {
        noise =
            noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.push(b"abcdefghijklmnopqrstuvwxyz012345"[(noise >> 59) as usize]);
    }
    let sum = checksum(out);
    let mut digits = Vec::with_capacity(8);
    hex(&mut digits, u64::from(sum), 8);
    out[CHECKSUM].copy_from_slice(&digits);
}

/// The part of a payload that tells its event from any other, of this run and of others; nothing of
/// what is no payload.
pub(crate) fn id(payload: &[u8]) -> &[u8] {
    payload.get(ID).unwrap_or_default()
}

/// Reads the payload that `data` is, or contains.
///
/// # Errors
/// When there is none, or when its checksum does not fit.
pub fn read(data: &[u8]) -> Result<Stamp, NoStamp> {
    let whole = data.starts_with(MARK);
    let at = if whole { Some(0) } else { memmem::find(data, MARK) };
    let Some(at) = at else {
        return Err(if resembles(data) { NoStamp::Corrupted } else { NoStamp::Foreign });
    };
    let payload = &data[at..];
    let header = payload.get(..SMALLEST).ok_or(NoStamp::Corrupted)?;
    let mut words = header[4..].chunks_exact(8).map(word);
    let mut word = || words.next().flatten().ok_or(NoStamp::Corrupted);
    let (run, clock, route) = (word()?, word()?, word()?);
    let numbers = u64::from(word()?) << 32 | u64::from(word()?);
    let due = u64::from(word()?) << 32 | u64::from(word()?);
    let (late, sum) = (word()?, word()?);
    let length = (numbers & 0xff_ffff) as usize;
    let fits = if whole { payload.len() == length } else { payload.len() >= length };
    if length < SMALLEST || !fits || checksum(&payload[..length]) != sum {
        return Err(NoStamp::Corrupted);
    }
    Ok(Stamp {
        run,
        clock: ClockId(clock),
        publisher: (route >> 24) as u8,
        topic: route & 0xff_ffff,
        sequence: numbers >> 24,
        due: Moment(due),
        // What a forged payload says may be later than any moment.
        sent: Moment(due.saturating_add(u64::from(late) * LATE_UNIT)),
    })
}

/// Of everything but the place where it stands.
fn checksum(payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&payload[..CHECKSUM.start]);
    hasher.update(&payload[CHECKSUM.end..]);
    hasher.finalize()
}

/// Whether data was one of our payloads before its mark was damaged.
fn resembles(data: &[u8]) -> bool {
    let like = MARK.iter().zip(data).filter(|(wanted, found)| wanted == found).count();
    let digits =
        data.iter().skip(4).take(SMALLEST - 4).filter(|byte| byte.is_ascii_hexdigit()).count();
    like >= 2 && digits > (SMALLEST - 4) * 3 / 4
}

fn hex(out: &mut Vec<u8>, value: u64, digits: u32) {
    out.extend(
        (0..digits).rev().map(|place| b"0123456789abcdef"[(value >> (4 * place)) as usize & 15]),
    );
}

/// Eight lower-case hexadecimal digits, all at once: a delivery reads nine words, so a loop over
/// digits would be a third of its cost.
fn word(digits: &[u8]) -> Option<u32> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_be_bytes(digits.try_into().ok()?);
    if text & (0x80 * EACH) != 0 {
        return None;
    }
    // In each byte the high bit says: at least '0', at most '9', at least 'a', at most 'f'.
    let at_least = |low: u8| text + EACH * u64::from(0x80 - low);
    let decimal = at_least(b'0') & !at_least(b'9' + 1);
    let letter = at_least(b'a') & !at_least(b'f' + 1);
    if (decimal | letter) & (0x80 * EACH) != 0x80 * EACH {
        return None;
    }
    let letters = (letter >> 7) & EACH;
    let nibbles = (text & (0x0f * EACH)) + letters * 9;
    let pairs = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    Some((fours | fours >> 16) as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp() -> Stamp {
        Stamp {
            run: 0xdead_beef,
            clock: ClockId(0x1234_5679),
            publisher: 3,
            topic: 70_000,
            sequence: 1 << 33,
            due: Moment(123_456_789_012_345),
            sent: Moment(123_456_789_112_345),
        }
    }

    fn written(size: usize) -> Vec<u8> {
        let mut out = Vec::new();
        write(&stamp(), size, &mut out);
        out
    }

    #[test]
    fn a_payload_has_the_size_that_was_requested_and_reads_back() {
        for size in [SMALLEST, 77, 150, 4096, 1 << 20] {
            let payload = written(size);
            assert_eq!(payload.len(), size);
            assert_eq!(read(&payload), Ok(stamp()), "{size}");
        }
        assert_eq!(written(0).len(), SMALLEST);
    }

    #[test]
    fn the_id_of_an_event_is_another_when_the_event_is() {
        let of = |change: fn(&mut Stamp)| {
            let (mut stamp, mut out) = (stamp(), Vec::new());
            change(&mut stamp);
            write(&stamp, SMALLEST, &mut out);
            String::from_utf8(id(&out).to_vec()).expect("text")
        };
        let same = of(|_| ());
        assert_eq!(same, "lg1.deadbeef12345679030111700200000000");
        assert_eq!(of(|stamp| stamp.sent = Moment(u64::MAX)), same);
        let others = [
            of(|stamp| stamp.run += 1),
            of(|stamp| stamp.publisher += 1),
            of(|stamp| stamp.topic += 1),
            of(|stamp| stamp.sequence += 1),
        ];
        assert!(others.iter().all(|other| *other != same), "{others:?}");
        assert!(id(b"lg1.").is_empty());
    }

    #[test]
    fn a_payload_is_found_inside_what_a_server_wraps_around_it() {
        let wrapped = [b"{\"data\":\"".as_slice(), &written(150), b"\"}"].concat();
        assert_eq!(read(&wrapped), Ok(stamp()));
    }

    #[test]
    fn other_data_is_foreign() {
        for data in
            [b"".as_slice(), b"{}", b"lg", b"hello, world, this is longer than a header would be"]
        {
            assert_eq!(read(data), Err(NoStamp::Foreign));
        }
    }

    #[test]
    fn any_changed_byte_is_found() {
        let payload = written(150);
        for at in 0..payload.len() {
            for change in [1, 0x20, 0x80] {
                let mut damaged = payload.clone();
                damaged[at] ^= change;
                assert_eq!(read(&damaged), Err(NoStamp::Corrupted), "byte {at} ^ {change}");
            }
        }
    }

    #[test]
    fn a_payload_that_is_shorter_or_longer_is_damaged() {
        let payload = written(150);
        assert_eq!(read(&payload[..149]), Err(NoStamp::Corrupted));
        assert_eq!(read(&payload[..20]), Err(NoStamp::Corrupted));
        assert_eq!(read(&[payload.as_slice(), b"x"].concat()), Err(NoStamp::Corrupted));
    }

    proptest! {
        #[test]
        fn a_word_of_hexadecimal_reads_as_the_library_reads_it(digits in "[0-9a-fA-F:@`g/]{8}") {
            let lower = !digits.bytes().any(|byte| byte.is_ascii_uppercase());
            let wanted = u32::from_str_radix(&digits, 16).ok().filter(|_| lower);
            prop_assert_eq!(word(digits.as_bytes()), wanted);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&data);
            let _ = read(&[MARK.as_slice(), &data].concat());
        }
    }
}
