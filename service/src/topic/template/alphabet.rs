//! The bytes of a topic, numbered anew, so that those which templates treat alike stand together.
//!
//! An automaton tells ranges of bytes apart. In ASCII the unreserved characters and the hexadecimal
//! digits lie in several ranges, and each range would be a column of every table and a transition
//! of every state. In the order of these codes nearly every set of RFC 6570 is one range: automata
//! take half the memory, and half the time to build.

/// Codes from one to another, both included.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) first: u8,
    pub(super) last: u8,
}

impl Range {
    pub(super) fn one(code: u8) -> Range {
        Range { first: code, last: code }
    }
}

/// RFC 6570 section 1.5, `unreserved`: first the hexadecimal digits, of which 8 to B come last.
const UNRESERVED_BYTES: &[u8] =
    b"01234567CDEFcdef89ABabGHIJKLMNOPQRSTUVWXYZghijklmnopqrstuvwxyz-_~.";
/// Section 1.5, `gen-delims` and `sub-delims`: first those that stand between values.
const RESERVED_BYTES: &[u8] = b",/?#&=;:[]@!$'()*+";

static CODES: [u8; 256] = codes();

pub(super) const HEXADECIMAL_DIGITS: Range = range(b'0', b'b');
/// Hexadecimal digits that begin the percent-encoding of a byte which starts a character of UTF-8.
pub(super) const STARTING_DIGITS: Range = range(b'0', b'f');
/// Those of a byte which continues one.
pub(super) const CONTINUING_DIGITS: Range = range(b'8', b'b');
pub(super) const UNRESERVED: Range = range(b'0', b'.');
pub(super) const RESERVED: Range = range(b',', b'+');
pub(super) const COMMA: Range = range(b',', b',');
/// The bytes of a character outside of ASCII that is not percent-encoded: of those the first …
pub(super) const STARTING_BYTES: Range = range(0xC0, 0xFF);
/// … and the further ones.
pub(super) const CONTINUING_BYTES: Range = range(0x80, 0xBF);

pub(super) fn code(byte: u8) -> u8 {
    CODES[usize::from(byte)]
}

const fn range(first: u8, last: u8) -> Range {
    let codes = codes();
    Range { first: codes[first as usize], last: codes[last as usize] }
}

/// Unreserved, outside of ASCII, reserved, and then what only literals hold.
const fn codes() -> [u8; 256] {
    let mut codes = [u8::MAX; 256];
    let mut next = number(&mut codes, 0, UNRESERVED_BYTES);
    let mut at = 0;
    while at < 0x80 {
        // From C0 to FF, and on from 80 to BF.
        codes[0x80 | ((0x40 + at) & 0x7F)] = next;
        next += 1;
        at += 1;
    }
    next = number(&mut codes, next, RESERVED_BYTES);
    let mut rest = 0;
    while rest < 0x80 {
        if codes[rest] == u8::MAX {
            codes[rest] = next;
            next = next.wrapping_add(1);
        }
        rest += 1;
    }
    codes
}

const fn number(codes: &mut [u8; 256], mut next: u8, bytes: &[u8]) -> u8 {
    let mut at = 0;
    while at < bytes.len() {
        codes[bytes[at] as usize] = next;
        next += 1;
        at += 1;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_in(range: Range) -> Vec<u8> {
        (0..=u8::MAX).filter(|&byte| (range.first..=range.last).contains(&code(byte))).collect()
    }

    #[test]
    fn every_byte_has_a_code_of_its_own() {
        let mut codes: Vec<_> = (0..=u8::MAX).map(code).collect();
        codes.sort_unstable();
        assert_eq!(codes, (0..=u8::MAX).collect::<Vec<_>>());
    }

    #[test]
    fn each_range_holds_the_bytes_that_its_name_says() {
        let unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        let reserved = |byte: &u8| b":/?#[]@!$&'()*+,;=".contains(byte);
        let bytes = |of: &dyn Fn(&u8) -> bool| (0..=u8::MAX).filter(of).collect::<Vec<_>>();
        for (range, expected) in [
            (HEXADECIMAL_DIGITS, bytes(&u8::is_ascii_hexdigit)),
            (STARTING_DIGITS, b"01234567CDEFcdef".to_vec()),
            (CONTINUING_DIGITS, b"89ABab".to_vec()),
            (UNRESERVED, bytes(&unreserved)),
            (RESERVED, bytes(&reserved)),
            (COMMA, b",".to_vec()),
            (STARTING_BYTES, (0xC0..=0xFF).collect()),
            (CONTINUING_BYTES, (0x80..=0xBF).collect()),
        ] {
            assert_eq!(bytes_in(range), expected);
        }
    }
}
