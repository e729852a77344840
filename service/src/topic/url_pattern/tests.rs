use proptest::prelude::*;
use serde_json::Value;
use urlpattern::quirks::{self, MatchInput, StringOrInit};

use super::*;

/// The tests of the Web Platform Tests project for the standard, as `urlpattern` 0.6.0 has them
/// (BSD 3-Clause licence).
const CASES: &str = include_str!("urlpatterntestdata.json");

fn resolver() -> TopicResolver {
    TopicResolver::new(url::Url::parse("https://hub.example/.well-known/mercure").unwrap())
}

fn pattern(text: &str) -> UrlPattern {
    UrlPattern::compile(text, &resolver()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn string_or_init(value: &Value) -> StringOrInit<'static> {
    serde_json::from_value(value.clone()).unwrap()
}

fn text_of(values: Option<&Value>) -> Option<&str> {
    values.and_then(Value::as_str)
}

/// `None` where the pattern cannot be used.
fn of_case(given: &[Value]) -> Option<UrlPattern> {
    let first = given.first().filter(|value| !value.is_null());
    let first = first.map_or(StringOrInit::Init(<_>::default()), string_or_init);
    let init = quirks::process_construct_pattern_input(first, text_of(given.get(1))).ok()?;
    let components = components(of_init(init).ok()?).ok()?;
    Some(UrlPattern { text: "".into(), resolver: resolver(), components })
}

fn matches(pattern: &UrlPattern, inputs: &[Value]) -> bool {
    let first = inputs.first().map_or(StringOrInit::Init(<_>::default()), string_or_init);
    let input = quirks::process_match_input(first, text_of(inputs.get(1))).ok().flatten();
    let input = input.and_then(|(input, _)| quirks::parse_match_input(input));
    input.is_some_and(|input| pattern.matches_parts(|part| part_of(&input, part)))
}

fn part_of(input: &MatchInput, part: UrlComponent) -> &str {
    match part {
        UrlComponent::Path => &input.pathname,
        UrlComponent::Host => &input.hostname,
        UrlComponent::Query => &input.search,
        UrlComponent::Fragment => &input.hash,
        UrlComponent::Scheme => &input.protocol,
        UrlComponent::Port => &input.port,
        UrlComponent::User => &input.username,
        UrlComponent::Password => &input.password,
    }
}

#[test]
fn the_tests_of_the_standard_pass() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    let mut compared = 0;
    let mut wrong = Vec::new();
    for case in &cases {
        let given = case["pattern"].as_array().unwrap();
        // The protocol has no options.
        if case.get("skip").is_some() || given.iter().any(|part| part.get("ignoreCase").is_some()) {
            continue;
        }
        let shown = serde_json::to_string(given).unwrap();
        let is_error = case["expected_obj"] == "error";
        let Some(pattern) = of_case(given) else {
            if !is_error {
                wrong.push(format!("{shown} is refused"));
            }
            continue;
        };
        if is_error {
            wrong.push(format!("{shown} is taken"));
            continue;
        }
        let Some(inputs) = case.get("inputs").and_then(Value::as_array) else { continue };
        if case["expected_match"] == "error" {
            continue;
        }
        compared += 1;
        let expected = !case["expected_match"].is_null();
        if matches(&pattern, inputs) != expected {
            wrong.push(format!("{shown} on {inputs:?}: not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 250, "{compared}");
}

#[test]
fn topics_are_resolved_against_the_hub() {
    let cases = [
        ("https://example.com/books/:id", "https://example.com/books/1", true),
        ("https://example.com/books/:id", "https://example.com/books/1?a=b#c", true),
        ("https://example.com/books/:id", "https://example.com/books/1/2", false),
        ("https://example.com/books/:id", "HTTPS://EXAMPLE.com/books/1", true),
        ("https://example.com/books/:id", "https://example.com/Books/1", false),
        ("https://example.com/books/:id", "books/1", false),
        ("orders/:id", "orders/42", true),
        ("/orders/:id", "/orders/42", true),
        // The hub is at `/.well-known/mercure`, and a relative topic beside it.
        ("/orders/:id", "orders/42", false),
        ("/.well-known/orders/:id", "orders/42", true),
        ("https://hub.example/orders/:id", "/orders/42", true),
        ("*://*/*", "https://example.com/", true),
        ("urn\\:uuid\\:*", "urn:uuid:1", true),
        ("https://example.com/*", "https://[not a host/", false),
        ("https://example.com/a b", "https://example.com/a%20b", true),
        ("https://example.com/é", "https://example.com/%C3%A9", true),
        ("https://example.com/:id(\\d+)", "https://example.com/12", true),
        ("https://example.com/:id(\\d+)", "https://example.com/1a", false),
        ("https://example.com/a{/:b}?", "https://example.com/a", true),
        ("https://example.com/a{/:b}?", "https://example.com/a/b", true),
        ("https://example.com/a{/:b}?", "https://example.com/a/b/c", false),
    ];
    for (text, topic, expected) in cases {
        assert_eq!(pattern(text).matches(topic), expected, "{text} on {topic}");
    }
}

#[test]
fn paths_of_subscriptions_are_compared_as_they_are_encoded() {
    let text =
        "/.well-known/mercure/subscriptions/:match_type/https%3A%2F%2Fa.example%2Fx/:subscriber";
    let topic = |encoded: &str| {
        format!("/.well-known/mercure/subscriptions/exact/{encoded}/urn%3Auuid%3A1")
    };
    assert!(pattern(text).matches(&topic("https%3A%2F%2Fa.example%2Fx")));
    assert!(!pattern(text).matches(&topic("https%3A%2F%2Fa.example%2Fy")));
    let optional = "/.well-known/mercure/subscriptions/:match_type/x{/:subscriber}?";
    assert!(pattern(optional).matches("/.well-known/mercure/subscriptions/exact/x"));
    assert!(pattern(optional).matches("/.well-known/mercure/subscriptions/exact/x/1"));
}

#[test]
fn what_cannot_be_used_is_refused_with_a_reason() {
    use UrlPatternError::{DuplicateName, Expression, Syntax, TooComplex, Url};
    let cases = [
        ("https://example.com/:", Syntax),
        ("https://example.com/{a", Syntax),
        ("https://example.com/(a", Syntax),
        ("https://example.com/a\\", Syntax),
        ("https://example.com/:a/:a", DuplicateName),
        ("https://exa mple.com/", Url),
        ("https://example.com/(a(?=b))", Expression),
        ("https://example.com/(?:a|b", Syntax),
        ("https://example.com/(^a)", Expression),
        ("https://example.com/([)", Expression),
        ("https://example.com/(a{2,1})", Expression),
        ("https://example.com/([a-z]{1000}[0-9]{1000})", TooComplex),
        ("https://example.com/(.*a.{20})b", TooComplex),
    ];
    for (text, expected) in cases {
        let found = UrlPattern::compile(text, &resolver()).err();
        assert_eq!(found, Some(expected), "{text}");
    }
}

#[test]
fn a_pattern_holds_what_it_needs_and_no_more() {
    for (text, most) in [
        ("https://example.com/books/:id", 600),
        ("*://*/*", 600),
        ("https://example.com/:a/:b/:c", 20_000),
    ] {
        let bytes = pattern(text).bytes();
        assert!(bytes < most, "{text}: {bytes}");
    }
}

/// With the regular expressions that it has by itself.
fn library_matches(text: &str, url: url::Url) -> bool {
    let read = |base| UrlPatternInit::parse_constructor_string::<regex::Regex>(text, base);
    let init = read(None).or_else(|_| read(Some(resolver().base().clone()))).unwrap();
    let pattern: urlpattern::UrlPattern =
        urlpattern::UrlPattern::parse(init, <_>::default()).unwrap();
    pattern.test(urlpattern::UrlPatternMatchInput::Url(url)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_taken_matches_as_the_library_itself_does(
        text in r"(https?|urn|[a-z]{0,3})?(:/?/?)?[a-z:/?#@*(){}\[\]\\+.^$|é\u{10ffff}\-% 0-9]{0,24}",
        topic in r"(https?://)?[a-z:/?#@\[\]é%0-9.]{0,16}",
    ) {
        match catch_unwind(|| UrlPattern::compile(&text, &resolver())) {
            Ok(Ok(pattern)) if !text.contains(']') => {
                let url = resolver().base().join(&topic);
                let expected = url.is_ok_and(|url| library_matches(&text, url));
                prop_assert_eq!(pattern.matches(&topic), expected, "{} on {}", text, topic);
            }
            Ok(_) => {}
            Err(_) => prop_assert!(false, "{} took the thread", text),
        }
    }

    #[test]
    fn groups_match_as_in_the_library(
        path in r"(/|:a|:b|\*|\{/:c\}[?+*]?|\([a-c]{1,2}\|b\)[?+*]?|[abc]){1,6}",
        topic in "[abc/]{0,8}",
    ) {
        let text = format!("https://example.com/{path}");
        if let Ok(pattern) = UrlPattern::compile(&text, &resolver()) {
            let url = url::Url::parse(&format!("https://example.com/{topic}")).unwrap();
            let expected = library_matches(&text, url.clone());
            prop_assert_eq!(pattern.matches(url.as_str()), expected, "{} on {}", text, url);
        }
    }

    #[test]
    fn a_literal_path_matches_itself_alone(path in "[a-z0-9/._~-]{0,20}", other in "[a-z0-9/]{0,4}") {
        let literal = pattern(&format!("https://example.com/x{path}"));
        let topic = |path: &str| format!("https://example.com/x{path}");
        let (url, another) = (topic(&path), topic(&format!("{path}{other}")));
        prop_assert!(literal.matches(&url));
        let same = url::Url::parse(&url).unwrap() == url::Url::parse(&another).unwrap();
        prop_assert_eq!(literal.matches(&another), same);
    }
}
