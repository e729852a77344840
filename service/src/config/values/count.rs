//! Whole numbers, written in digits.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::within;

const EXAMPLE: &str = "100";

/// Reads a number that lies within these bounds.
///
/// Separators of thousands are refused and not passed over: what one country takes for them is
/// another's decimal point.
pub(in crate::config) fn count<N>(
    bounds: RangeInclusive<N>,
) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static
where
    N: TryFrom<u64> + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| {
        let text = text.trim();
        if !is_digits(text) {
            return Err(what_to_write(text));
        }
        let number = text.parse::<u64>().ok().and_then(|number| N::try_from(number).ok());
        let too_large = || format!("must be at most {}, such as {EXAMPLE}", bounds.end());
        within(number.ok_or_else(too_large)?, &bounds, N::to_string, EXAMPLE)
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn what_to_write(text: &str) -> String {
    let separators = ['_', ',', '\'', ' ', '+'];
    let bare: String = text.chars().filter(|character| !separators.contains(character)).collect();
    if is_digits(&bare) {
        return format!("a number has digits only; write {bare}");
    }
    format!("write a whole number, 0 or more, in digits only, such as {EXAMPLE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_within_its_bounds_is_taken() {
        let shards = count(0..=1_024_usize);
        for (text, expected) in
            [("0", 0), (" 7 ", 7), ("1024", 1_024), ("0000000000000000000007", 7)]
        {
            assert_eq!(shards(text), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        let cases = [
            ("10_000", "write 10000"),
            ("10,000", "write 10000"),
            ("10 000", "write 10000"),
            ("+5", "write 5"),
            ("", "such as 100"),
            ("-5", "0 or more"),
            ("1e5", "digits only"),
            ("10k", "digits only"),
            ("1.5", "digits only"),
            ("0x10", "digits only"),
            ("ten", "digits only"),
            ("0", "at least 1,"),
            ("4294967295", "at most 4294967294,"),
            ("4294967296", "at most 4294967294,"),
            ("18446744073709551616", "at most 4294967294,"),
            ("99999999999999999999999999999999999999999999", "at most 4294967294,"),
        ];
        let streams = count(1..=u32::MAX - 1);
        for (text, advice) in cases {
            let message = streams(text).unwrap_err();
            assert!(message.contains(advice), "{text:?}: {message}");
        }
    }
}
