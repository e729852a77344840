use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

fn topic(text: &str) -> Topic {
    Topic::parse(text, 10_000).unwrap()
}

fn set(texts: &[&str]) -> SelectorSet {
    SelectorSet::new(texts.iter().map(|text| selector(text))).unwrap()
}

#[test]
fn a_star_matches_every_topic() {
    for topic in ["a", "*", "https://example.com/", "{", ""] {
        assert!(selector("*").matches(topic));
    }
    assert!(selector("*").is_any());
    assert_eq!(selector("*").as_str(), "*");
    assert_eq!(selector("*"), Selector::any());
}

#[test]
fn a_star_among_other_characters_is_only_a_character() {
    for text in ["**", " *", "a*", "https://example.com/*"] {
        assert!(!selector(text).is_any());
        assert!(selector(text).matches(text));
        assert!(!selector(text).matches("https://example.com/1"));
    }
}

#[test]
fn a_text_without_braces_is_an_exact_topic() {
    let exact = selector("https://example.com/a.b?c=(d)");
    assert_eq!(exact.exact_topic(), Some(&topic("https://example.com/a.b?c=(d)")));
    assert!(exact.matches("https://example.com/a.b?c=(d)"));
    assert!(!exact.matches("https://example.com/aXb?c=(d)"));
    assert!(!exact.matches("https://example.com/a%2Eb?c=(d)"));
    assert!(!exact.matches("HTTPS://example.com/a.b?c=(d)"));
}

#[test]
fn an_exact_selector_is_never_interpreted() {
    for text in ["*", "{x}", "{", "}{"] {
        let exact = Selector::exact(topic(text));
        assert!(exact.matches(text));
        assert!(!exact.matches("value"));
        assert!(!exact.is_any());
        assert_eq!(exact.exact_topic().map(Topic::as_str), Some(text));
    }
}

#[test]
fn an_exact_selector_has_the_length_limit_of_its_topic() {
    let long = "a".repeat(Selector::MAX_BYTES + 1);
    assert!(Selector::exact(topic(&long)).matches(&long));
}

#[test]
fn a_template_matches_its_own_text_and_what_it_expands_to() {
    let template = selector("https://example.com/books/{id}");
    assert!(template.matches("https://example.com/books/{id}"));
    assert!(template.matches("https://example.com/books/1"));
    assert!(!template.matches("https://example.com/books/{other}"));
    assert_eq!(template.as_str(), "https://example.com/books/{id}");
    assert_eq!(template.exact_topic(), None);
    assert!(!template.is_any());
}

#[test]
fn texts_that_are_no_topic_are_no_selector_either() {
    let long = "a".repeat(Selector::MAX_BYTES);
    assert!(Selector::parse(&long).is_ok());
    let cases = [
        ("", SelectorError::Empty),
        (&format!("{long}a"), SelectorError::TooLong { bytes: 4097 }),
        ("a\nb", SelectorError::ControlCharacter { at: 1 }),
        ("{x}\u{85}", SelectorError::ControlCharacter { at: 3 }),
        ("{\0}", SelectorError::ControlCharacter { at: 1 }),
        ("{x:9999}", SelectorError::TooComplex),
    ];
    for (text, error) in cases {
        assert_eq!(Selector::parse(text), Err(error));
    }
}

#[test]
fn selectors_are_equal_by_kind_and_text() {
    assert_eq!(selector("{x}"), selector("{x}"));
    assert_ne!(selector("{x}"), selector("{y}"));
    assert_ne!(selector("{x}"), Selector::exact(topic("{x}")));
    assert_ne!(Selector::any(), Selector::exact(topic("*")));
    let all = [selector("{x}"), selector("{x}"), Selector::exact(topic("{x}")), selector("a")];
    assert_eq!(HashSet::from(all).len(), 3);
}

#[test]
fn debug_output_tells_the_kind() {
    assert_eq!(format!("{:?}", selector("{x}")), r#"Template("{x}")"#);
    assert_eq!(format!("{:?}", selector("x")), r#"Exact("x")"#);
    assert_eq!(format!("{:?}", selector("*")), r#"Any("*")"#);
}

#[test]
fn sets_are_equal_whatever_the_order_and_the_repetitions() {
    let one = set(&["b", "{x}", "*", "a"]);
    let other = set(&["*", "a", "b", "a", "{x}", "{x}"]);
    assert_eq!(one, other);
    assert_eq!(HashSet::from([one, other]).len(), 1);
    assert_ne!(set(&["a"]), set(&["a", "b"]));
}

#[test]
fn the_members_of_a_set_are_sorted() {
    let set = set(&["b", "{x}", "a", "*"]);
    assert_eq!(set.iter().map(Selector::as_str).collect::<Vec<_>>(), ["*", "a", "b", "{x}"]);
    assert_eq!((&set).into_iter().count(), 4);
}

#[test]
fn braces_that_make_no_template_are_an_exact_topic() {
    for text in ["{", "}", "a}b", "{}", "{x", "{x}}", "{{x}}", "{=x}", "{x y}", "{x:0}", "/{x}/{"] {
        assert_eq!(selector(text), Selector::exact(topic(text)), "{text}");
    }
}

#[test]
fn a_set_has_one_to_a_thousand_members() {
    let numbered = |count: usize| (0..count).map(|n| selector(&n.to_string()));
    assert_eq!(SelectorSet::new([]), Err(SelectorError::NoSelectors));
    assert_eq!(SelectorSet::new(numbered(1_000)).unwrap().iter().count(), 1_000);
    assert_eq!(SelectorSet::new(numbered(1_001)), Err(SelectorError::TooMany));
}

#[test]
fn an_endless_list_of_selectors_is_refused() {
    let endless = std::iter::repeat_with(Selector::any);
    assert_eq!(SelectorSet::new(endless), Err(SelectorError::TooMany));
}

#[test]
fn a_set_matches_when_one_member_matches_one_topic() {
    let set = set(&["a", "https://example.com/{id}"]);
    assert!(set.matches("a"));
    assert!(set.matches("https://example.com/1"));
    assert!(!set.matches("b"));
    assert!(set.matches_any(["b", "a"]));
    assert!(!set.matches_any(["b", "c"]));
    assert!(!set.matches_any([]));
}

#[test]
fn only_a_set_of_exact_topics_has_a_list_of_them() {
    let exact = set(&["b", "a"]);
    let topics: Vec<_> = exact.exact_topics().unwrap().map(Topic::as_str).collect();
    assert_eq!(topics, ["a", "b"]);
    assert!(set(&["a", "{x}"]).exact_topics().is_none());
    assert!(SelectorSet::any().exact_topics().is_none());
}

#[test]
fn a_set_with_a_star_matches_everything() {
    assert!(SelectorSet::any().is_any());
    assert!(set(&["a", "*"]).is_any());
    assert!(set(&["a", "*"]).matches("b"));
    assert!(!SelectorSet::one(selector("a")).is_any());
}

proptest! {
    #[test]
    fn parsing_and_matching_never_panic(text in any::<String>(), topic in any::<String>()) {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert!(selector.matches(&text));
            let _ = selector.matches(&topic);
        }
    }

    /// Arbitrary text seldom has two braces; this has many.
    #[test]
    fn parsing_and_matching_never_panic_near_the_grammar(
        text in concat!(
            r"([{}+#./;?&=,!@|*:%a-c0-9é€😀\\^\[( -]",
            r"|\{[+#./;?&]?[a-c%0-9.]{1,4}(\*|:[0-9]{1,5})?\}){0,24}",
        ),
        topic in r"[{}+#./;?&=,!@|*:%a-c0-9é€😀\\^\[( -]{0,40}",
    ) {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert!(selector.matches(&text));
            let _ = selector.matches(&topic);
        }
    }

    #[test]
    fn without_braces_a_selector_is_an_equality(
        text in r"[^{}\p{Cc}\p{Cf}]{1,12}", other in r"[^{}\p{Cc}\p{Cf}]{1,12}",
    ) {
        prop_assume!(text != "*");
        let selector = selector(&text);
        prop_assert!(selector.matches(&text));
        prop_assert_eq!(selector.matches(&other), text == other);
        prop_assert_eq!(selector.exact_topic().map(Topic::as_str), Some(text.as_str()));
    }

    #[test]
    fn the_literal_part_of_a_template_is_an_equality(
        text in r"[a-zA-Z0-9.+*?()|\[\]^$/\\ -]{1,12}",
        other in r"[a-zA-Z0-9.+*?()|\[\]^$/\\ -]{1,12}",
    ) {
        // The empty `{#x}` at the end is what makes it a template.
        let template = selector(&format!("{text}{{#x}}"));
        prop_assert!(template.matches(&text));
        prop_assert_eq!(template.matches(&other), text == other);
    }
}
