//! Names and values as they come in queries and forms (`application/x-www-form-urlencoded`).
//!
//! Bytes that are not UTF-8 are refused, not replaced: a topic that silently became another one
//! would be the worst kind of error.

use std::borrow::Cow;

use memchr::memchr_iter;
use percent_encoding::percent_decode_str;

use super::problem::Problem;

/// How many fields a form may have: a pair takes far more memory than the two bytes that it may
/// take in the body.
const PAIRS_MAX: usize = 10_000;

/// Names and values, decoded, in order.
pub(super) type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// The pairs of a query or a form.
pub(super) fn pairs(text: &str) -> Result<Pairs<'_>, Problem> {
    if memchr_iter(b'&', text.as_bytes()).count() >= PAIRS_MAX {
        return Err(Problem::Unreadable(format!(
            "there are {PAIRS_MAX} fields or more; send fewer"
        )));
    }
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// A part of a path; `+` means itself there.
pub(super) fn path_part(text: &str) -> Result<Cow<'_, str>, Problem> {
    percent_decode_str(text).decode_utf8().map_err(|_| not_utf8(text))
}

/// Refuses a name that is nearly one of those that mean something here: to leave it alone would be
/// to do something else than was requested, without a message.
pub(super) fn check_spelling<'a>(
    names: impl IntoIterator<Item = &'a str>,
    known: &[&'static str],
) -> Result<(), Problem> {
    for name in names {
        if known.contains(&name) {
            continue;
        }
        let singular = singular(name);
        let meant = known.iter().find(|known| self::singular(known) == singular);
        if let Some(meant) = meant {
            let name: String = name.chars().take(80).collect();
            return Err(Problem::Unreadable(format!(
                "`{name}` is no parameter here; write `{meant}`"
            )));
        }
    }
    Ok(())
}

/// Without regard to case, `-` and `_`.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| !"-_".contains(*c)).flat_map(char::to_lowercase).collect()
}

fn singular(name: &str) -> String {
    let mut plain = plain(name);
    if plain.len() > 1 && plain.ends_with('s') {
        plain.pop();
    }
    plain
}

fn decode(text: &str) -> Result<Cow<'_, str>, Problem> {
    if !text.contains('+') {
        return path_part(text);
    }
    // `+` is a space, and `%2B` a plus: the first must be replaced before the second is decoded.
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| not_utf8(text))?;
    Ok(Cow::Owned(decoded.into_owned()))
}

fn not_utf8(text: &str) -> Problem {
    let shown: String = text.chars().take(80).collect();
    Problem::Unreadable(format!("`{shown}` is not UTF-8 when decoded; percent-encode UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_values_are_decoded_in_order() {
        let cases: [(&str, &[(&str, &str)]); 7] = [
            ("", &[]),
            ("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]),
            ("a", &[("a", "")]),
            ("a==b", &[("a", "=b")]),
            ("a=b+c%2Bd", &[("a", "b c+d")]),
            ("&&a=%F0%9F%98%80&", &[("a", "😀")]),
            ("a=100%&b=%zz", &[("a", "100%"), ("b", "%zz")]),
        ];
        for (text, expected) in cases {
            let found = pairs(text).unwrap();
            let found: Vec<_> = found.iter().map(|(n, v)| (n.as_ref(), v.as_ref())).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        for text in ["a=%FF", "%C3=1", "a=+%80"] {
            assert!(matches!(pairs(text), Err(Problem::Unreadable(_))), "{text}");
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_is_refused_with_the_right_one() {
        let known = &["topic", "type", "id"];
        let cases = [
            ("topic", None),
            ("anything", None),
            ("s", None),
            ("", None),
            ("-", None),
            ("topics", Some("`topic`")),
            ("Topic", Some("`topic`")),
            ("to_pic", Some("`topic`")),
            ("topic_", Some("`topic`")),
            ("TYPES", Some("`type`")),
            ("ids", Some("`id`")),
        ];
        for (name, expected) in cases {
            let refused = check_spelling(["topic", name], known).err().map(|it| it.to_string());
            let meant = refused.as_deref().and_then(|text| text.split("write ").nth(1));
            assert_eq!(meant, expected, "{name}");
        }
    }

    #[test]
    fn a_plus_in_a_path_is_a_plus() {
        assert_eq!(path_part("a+b%2Fc").unwrap(), "a+b/c");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = pairs(&text);
            let _ = path_part(&text);
        }

        #[test]
        fn what_is_encoded_comes_back(name in any::<String>(), value in any::<String>()) {
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            };
            let text = format!("{}={}", encode(&name), encode(&value));
            let found = pairs(&text).unwrap();
            prop_assert_eq!(found, vec![(Cow::from(name), Cow::from(value))]);
        }
    }
}
