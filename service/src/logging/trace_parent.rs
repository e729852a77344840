//! The trace that a request belongs to, as its client says (W3C Trace Context, `traceparent`).
//!
//! A value that is not exactly right is ignored, as the standard asks: the request is served all
//! the same. Read here and not by the exporter's library, so that builds without one have the
//! trace's id in their log lines.

/// What a valid `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent<'a> {
    /// 32 hexadecimal digits.
    pub trace_id: &'a str,
    /// The caller's span, 16 hexadecimal digits.
    pub parent_id: &'a str,
    /// The caller records this trace.
    pub sampled: bool,
    /// The value of `tracestate`, which is passed on as it is.
    pub state: &'a str,
}

impl<'a> TraceParent<'a> {
    /// Reads a `traceparent` and the `tracestate` beside it.
    #[must_use]
    pub fn parse(text: &'a str, state: &'a str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let mut part = |digits| parts.next().filter(|part| is_hex(part, digits));
        let (version, trace_id, parent_id, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        // Later versions may add parts; this one has four, and `ff` is none.
        let more = parts.next().is_some();
        if version == "ff" || (version == "00" && more) || is_zero(trace_id) || is_zero(parent_id) {
            return None;
        }
        let sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
        Some(Self { trace_id, parent_id, sampled, state })
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";

    #[test]
    fn a_valid_one_names_trace_parent_and_decision() {
        let cases = [
            (format!("00-{TRACE}-{PARENT}-01"), true),
            (format!("00-{TRACE}-{PARENT}-00"), false),
            (format!("00-{TRACE}-{PARENT}-fe"), false),
            (format!("00-{TRACE}-{PARENT}-ff"), true),
            (format!("01-{TRACE}-{PARENT}-01"), true),
            (format!("cc-{TRACE}-{PARENT}-01-what-comes"), true),
        ];
        for (text, sampled) in cases {
            let expected =
                TraceParent { trace_id: TRACE, parent_id: PARENT, sampled, state: "a=1" };
            assert_eq!(TraceParent::parse(&text, "a=1"), Some(expected), "{text}");
        }
    }

    #[test]
    fn whatever_is_not_exactly_right_is_none() {
        let cases = [
            String::new(),
            "-".into(),
            TRACE.into(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("0-{TRACE}-{PARENT}-01"),
            format!("+0-{TRACE}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{}-{PARENT}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}0-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", &TRACE[1..]),
            format!("00-{TRACE}-{PARENT}-0x"),
            format!(" 00-{TRACE}-{PARENT}-01"),
            "é".repeat(55),
        ];
        for text in cases {
            assert_eq!(TraceParent::parse(&text, ""), None, "{text}");
        }
    }
}
