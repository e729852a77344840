//! Templates against an expander that nobody here wrote: whatever a template expands to, it matches.

use fanfare::fuzzing::selector_matches;
use iri_string::spec::UriSpec;
use iri_string::template::UriTemplateStr;
use iri_string::template::simple_context::{SimpleContext, Value};

/// A template, and in further lines the values of its variables `a`, `b`, `c` …: a text, or with
/// commas a list, or with commas and `=` an array.
pub(crate) fn expansion(bytes: &[u8]) {
    // The expander panics on some characters outside of ASCII, percent-encoded ones too (`%e1%20`),
    // and counts prefixes (`{a:3}`) in octets; the tables beside the matcher have those.
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (template, values) = text.split_once('\n').unwrap_or((text, ""));
    if !is_ascii_decoded(text) || text.len() > 1_000 || template.contains(':') {
        return;
    }
    let Ok(parsed) = UriTemplateStr::new(template) else { return };
    let mut context = SimpleContext::new();
    for (name, value) in ('a'..='z').zip(values.split('\n')) {
        context.insert(name.to_string(), read_value(value));
    }
    let Ok(expanded) = parsed.expand::<UriSpec, _>(&context) else { return };
    let topic = expanded.to_string();
    if topic.is_empty() {
        return;
    }
    // A template may be refused as too long or too complex.
    if let Some(matches) = selector_matches(template, &topic) {
        assert!(matches, "`{template}` expands to {topic:?} and does not match it");
    }
}

/// Whether a text is of ASCII, and remains so when what is percent-encoded in it is decoded.
fn is_ascii_decoded(text: &str) -> bool {
    let is_high =
        |rest: &str| rest.starts_with(|first| matches!(first, '8' | '9' | 'a'..='f' | 'A'..='F'));
    text.is_ascii() && !text.split('%').skip(1).any(is_high)
}

fn read_value(text: &str) -> Value {
    if text.is_empty() {
        return Value::Undefined;
    }
    let parts = || text.split(',').map(str::to_owned);
    if text.contains('=') {
        let pairs = parts().map(|part| match part.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (part, String::new()),
        });
        return Value::Assoc(pairs.collect());
    }
    if text.contains(',') { Value::List(parts().collect()) } else { Value::String(text.to_owned()) }
}
