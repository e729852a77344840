//! Sizes such as `256MiB`.
//!
//! `MiB` and `Mi` are 2^20 bytes, `MB` and `M` 10^6: the meaning of the standard and of Kubernetes.
//! Docker and Java take `m` for 2^20; an operator who means that gets 5 % less than meant, never
//! more.

use std::ops::RangeInclusive;

use bytesize::ByteSize;

use super::within;

pub(in crate::config) const KIB: u64 = 1 << 10;
/// More than any machine has, and few enough bytes that sums of sizes do not overflow.
pub(in crate::config) const LARGEST: u64 = 1 << 50;

/// Reads a size that lies within these bounds, in bytes. Some sizes depend on each other, so each
/// flag has an example of its own.
pub(in crate::config) fn size(
    bounds: RangeInclusive<u64>,
    example: &'static str,
) -> impl Fn(&str) -> Result<ByteSize, String> + Clone + Send + Sync + 'static {
    move |text| {
        let text = text.trim();
        // A number alone is in bytes; with its unit it is never too large to be read.
        let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let read = if bare { format!("{text}B").parse() } else { text.parse::<ByteSize>() };
        let size =
            read.map_err(|_| format!("write a number and a unit, such as {example} or 64KiB"))?;
        within(size.as_u64(), &bounds, show_size, example).map(ByteSize)
    }
}

/// As people write a size, exactly.
pub(in crate::config) fn show_size(bytes: &u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", KIB)];
    let unit = UNITS.into_iter().find(|(_, unit)| *bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_units_of_1024_and_of_1000_and_without_any() {
        let cases = [
            ("262144", 262_144),
            ("0", 0),
            ("0B", 0),
            ("256MiB", 256 << 20),
            ("256mib", 256 << 20),
            ("256Mi", 256 << 20),
            ("256 MiB", 256 << 20),
            ("  1GiB\n", 1 << 30),
            ("1.5GiB", 3 << 29),
            ("256MB", 256_000_000),
            ("256mb", 256_000_000),
            ("256M", 256_000_000),
            ("1g", 1_000_000_000),
            ("16k", 16_000),
        ];
        for (text, expected) in cases {
            assert_eq!(size(0..=LARGEST, "16KiB")(text), Ok(ByteSize(expected)), "{text:?}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        let cases = [
            ("", "such as 16KiB"),
            ("-1MiB", "such as 16KiB"),
            ("MiB", "such as 16KiB"),
            ("1_000", "such as 16KiB"),
            ("1,5GiB", "such as 16KiB"),
            ("1 x", "such as 16KiB"),
            ("NaN", "such as 16KiB"),
            ("1e3", "such as 16KiB"),
            ("0", "at least 1KiB"),
            ("1023", "at least 1KiB"),
            ("0.5KiB", "at least 1KiB"),
            ("1024.5TiB", "at most 1024TiB"),
            ("18446744073709551615", "at most 1024TiB"),
            ("18446744073709551616", "at most 1024TiB"),
            ("99999999999999999999EiB", "at most 1024TiB"),
        ];
        for (text, advice) in cases {
            let message = size(KIB..=LARGEST, "16KiB")(text).unwrap_err();
            assert!(message.contains(advice), "{text:?}: {message}");
        }
    }
}
