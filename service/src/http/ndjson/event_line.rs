//! One event, as it stands in a line: an object, and nothing else.
//!
//! Values are looked at where they lie. `data` that is not a string is sent byte for byte as it was
//! written, so that numbers keep their digits and keys their order, however deep they are nested.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::event::DraftFields;
use crate::http::problem::Problem;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow)]
    topic: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    r#type: Option<String>,
    id: Option<String>,
    #[serde(borrow)]
    retry: Option<&'a RawValue>,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    end: bool,
}

/// `null` is data like any other, and not the same as none.
fn present<'a, 'de: 'a, D: Deserializer<'de>>(json: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(json).map(Some)
}

/// Reads the fields of an event with so many topics at most.
pub(super) fn read(line: &[u8], topics_max: usize) -> Result<DraftFields<'_>, Problem> {
    check_is_object(line)?;
    let fields: Fields<'_> = serde_json::from_slice(line).map_err(|error| {
        let column = error.column();
        unreadable(format!("this is not an event: {} at column {column}", what(&error)))
    })?;
    Ok(DraftFields {
        topics: fields.topic.map_or(Ok(Vec::new()), |topic| topics(topic, topics_max))?,
        data: fields.data.map_or(Ok(Cow::Borrowed("")), |data| text("data", data))?,
        event_type: fields.r#type.map(Cow::Owned),
        id: fields.id.map(Cow::Owned),
        retry: fields.retry.map(|retry| text("retry", retry)).transpose()?,
        private: fields.private,
        end: fields.end,
    })
}

/// A structure is also read from an array of its fields, which no publisher means here.
fn check_is_object(line: &[u8]) -> Result<(), Problem> {
    let kind = match line.trim_ascii_start().first() {
        Some(b'{') => return Ok(()),
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "not JSON, or not an object",
    };
    Err(unreadable(format!("this is not an event: the line is {kind}")))
}

fn unreadable(fault: String) -> Problem {
    Problem::Unreadable(fault + "; send an object with `topic` and `data`")
}

/// What is wrong, without a position: the error knows only one line, which is never that of the
/// body.
fn what(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

/// A string is its text; any other value is taken as it was written.
fn text<'a>(name: &str, value: &'a RawValue) -> Result<Cow<'a, str>, Problem> {
    if !value.get().starts_with('"') {
        return Ok(Cow::Borrowed(value.get()));
    }
    serde_json::from_str(value.get()).map(Cow::Owned).map_err(|error| {
        Problem::Unreadable(format!(
            "`{name}` cannot be read: {}; send text whose escapes are whole, surrogates in pairs",
            what(&error)
        ))
    })
}

fn topics(value: &RawValue, max: usize) -> Result<Vec<Cow<'_, str>>, Problem> {
    let mut json = serde_json::Deserializer::from_str(value.get());
    json.deserialize_any(Topics { max })
        .map_err(|error| Problem::Unreadable(format!("`topic` cannot be read: {}", what(&error))))
}

/// Reads a topic or an array of them, and stops at the limit: an array of short strings would take
/// many times the memory of its line.
struct Topics {
    max: usize,
}

impl<'a> Visitor<'a> for Topics {
    type Value = Vec<Cow<'a, str>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a topic or an array of topics")
    }

    fn visit_str<E>(self, topic: &str) -> Result<Self::Value, E> {
        Ok(vec![Cow::Owned(topic.to_owned())])
    }

    fn visit_borrowed_str<E>(self, topic: &'a str) -> Result<Self::Value, E> {
        Ok(vec![Cow::Borrowed(topic)])
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut topics = Vec::new();
        while let Some(topic) = array.next_element::<String>()? {
            if topics.len() == self.max {
                let many = format!(
                    "there are more topics than one event may have; give at most {}",
                    self.max
                );
                return Err(A::Error::custom(many));
            }
            topics.push(Cow::Owned(topic));
        }
        Ok(topics)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(line: &str) -> Result<DraftFields<'_>, String> {
        read(line.as_bytes(), 3).map_err(|problem| problem.to_string())
    }

    #[test]
    fn data_may_be_text_or_any_json_value_and_is_sent_as_it_was_written() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let cases = [
            (r#""plain""#, "plain"),
            (r#""two\nlines \u00e9 \ud83d\ude00""#, "two\nlines é 😀"),
            (r#""nul \u0000 and \u2028""#, "nul \0 and \u{2028}"),
            ("12345678901234567890.10", "12345678901234567890.10"),
            ("1e999999", "1e999999"),
            ("-0", "-0"),
            ("null", "null"),
            ("true", "true"),
            (r#"{"b": 1, "a":[true,null]}"#, r#"{"b": 1, "a":[true,null]}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
            (r#"["\ud800"]"#, r#"["\ud800"]"#),
            (&deep, &deep),
        ];
        for (data, expected) in cases {
            let line = format!(r#"{{"topic":"t","data":{data}}}"#);
            assert_eq!(fields(&line).unwrap().data, expected, "{data:.60}");
        }
        assert_eq!(fields(r#"{"topic":"t"}"#).unwrap().data, "");
    }

    #[test]
    fn a_topic_is_a_string_or_an_array_and_retry_a_number_or_digits() {
        let some = fields(r#" {"topic":["a","\u0062"],"data":"x","retry":1500} "#).unwrap();
        assert_eq!(some.topics, ["a", "b"]);
        assert_eq!(some.retry.as_deref(), Some("1500"));
        let other = fields(r#"{"topic":"\u0061","retry":"20"}"#).unwrap();
        assert_eq!((other.topics.clone(), other.retry.as_deref()), (vec!["a".into()], Some("20")));
        let last = fields(r#"{"topic":"t","end":true}"#).unwrap();
        assert!(last.end && !other.end);
        let neither = fields(r#"{"topic":null,"retry":null,"type":null,"id":null}"#).unwrap();
        assert_eq!((neither.topics.len(), neither.retry), (0, None));
    }

    #[test]
    fn what_is_not_an_event_is_an_error_that_names_the_fault() {
        let deep = format!(r#"{{"topic":{}}}"#, "[".repeat(100_000));
        let cases = [
            ("nonsense", "not JSON, or not an object"),
            (r#"["t","x",null,null,null,false]"#, "the line is an array"),
            (r#""t""#, "the line is a string"),
            ("-1", "the line is a number"),
            ("true", "not an object"),
            (r#"{"topic":"a"}{"topic":"b"}"#, "trailing characters at column 14"),
            (r#"{"topic":"a","data":"x""#, "EOF"),
            (r#"{"topics":"a"}"#, "unknown field `topics`"),
            (r#"{"topic":"a","topic":"b"}"#, "duplicate field `topic`"),
            (r#"{"topic":"a","data":1,"data":2}"#, "duplicate field `data`"),
            (r#"{"topic":1}"#, "a topic or an array of topics"),
            (r#"{"topic":["a",1]}"#, "expected a string"),
            (r#"{"topic":["a","b","c","d"]}"#, "at most 3"),
            (r#"{"topic":"\ud800"}"#, "`topic` cannot be read: "),
            (r#"{"topic":"a","data":"\ud800"}"#, "`data` cannot be read: "),
            (r#"{"topic":"a","data":"\udc00\ud800"}"#, "surrogate"),
            (r#"{"topic":"a","data":"\x"}"#, "invalid escape"),
            (r#"{"topic":"a","data":01}"#, "invalid number"),
            (r#"{"topic":"a","data":NaN}"#, "expected value"),
            (r#"{"topic":"a","id":7}"#, "expected a string"),
            (r#"{"topic":"a","private":"yes"}"#, "expected a boolean"),
            (r#"{"topic":"a","end":1}"#, "expected a boolean"),
            (&deep, "expected value"),
        ];
        for (line, fault) in cases {
            let error = fields(line).unwrap_err();
            assert!(error.contains(fault), "{line:.80}: {error}");
            assert!(!error.contains("at line"), "{error}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error() {
        for value in [&b"\"\xff\""[..], b"[\"\xc3\x28\"]", b"\"\xed\xa0\x80\""] {
            let line = [b"{\"topic\":\"t\",\"data\":", value, b"}"].concat();
            assert!(read(&line, 3).is_err(), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in any::<String>()) {
            let _ = fields(&line);
            let _ = fields(&format!(r#"{{"topic":{line}}}"#));
        }

        #[test]
        fn any_text_comes_back_as_it_was(data in any::<String>()) {
            let line = serde_json::json!({ "topic": "t", "data": data }).to_string();
            prop_assert_eq!(fields(&line).unwrap().data, data);
        }
    }
}
