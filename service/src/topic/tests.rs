use std::collections::HashMap;

use super::*;

#[test]
fn a_topic_is_kept_byte_for_byte() {
    for text in ["a", "*", "{x}", "https://example.com/a b?c#d", "caf\u{e9}", "cafe\u{301}", "😀"]
    {
        assert_eq!(Topic::parse(text, 100).unwrap().as_str(), text);
        assert_eq!(Topic::parse(text, 100).unwrap().to_string(), text);
    }
}

#[test]
fn a_topic_that_looks_the_same_in_other_bytes_is_another_topic() {
    assert_ne!(Topic::parse("caf\u{e9}", 100), Topic::parse("cafe\u{301}", 100));
}

#[test]
fn an_empty_topic_is_refused() {
    assert_eq!(Topic::parse("", 100), Err(TopicError::Empty));
}

#[test]
fn the_limit_counts_bytes_and_is_itself_allowed() {
    assert!(Topic::parse("éé", 4).is_ok());
    assert_eq!(Topic::parse("éé", 3), Err(TopicError::TooLong { bytes: 4, max: 3 }));
}

#[test]
fn control_characters_are_refused_and_located() {
    for control in ["\0", "\t", "\r", "\n", "\u{1f}", "\u{7f}", "\u{85}", "\u{9f}"] {
        let text = format!("é{control}z");
        assert_eq!(Topic::parse(&text, 100), Err(TopicError::ControlCharacter { at: 2 }));
    }
}

#[test]
fn a_map_from_topics_is_asked_with_plain_text() {
    let map = HashMap::from([(Topic::parse("a", 1).unwrap(), 1)]);
    assert_eq!(map.get("a"), Some(&1));
    assert_eq!(map.get("b"), None);
}

#[test]
fn every_message_says_what_to_do_next() {
    let messages = [
        (TopicError::Empty.to_string(), "name one"),
        (TopicError::TooLong { bytes: 4, max: 3 }.to_string(), "use a shorter name"),
        (TopicError::ControlCharacter { at: 2 }.to_string(), "remove it"),
        (SelectorError::NoSelectors.to_string(), "give at least one"),
        (SelectorError::TooMany.to_string(), "more than 1000 selectors: merge"),
        (SelectorError::Empty.to_string(), "give a topic"),
        (SelectorError::TooLong { bytes: 5000 }.to_string(), "at most 4096 are allowed: shorten"),
        (SelectorError::ControlCharacter { at: 2 }.to_string(), "remove it"),
        (SelectorError::TooComplex.to_string(), "too complex: leave out the `:n` of a variable"),
        (SelectorError::TooComplex.to_string(), "`{+x}` behind a fixed beginning"),
        (SelectorError::BudgetExhausted.to_string(), "retry later"),
    ];
    for (message, expected) in messages {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn what_is_not_seen_is_refused() {
    for (text, at) in [("a\u{200d}b", 1), ("\u{feff}a", 0), ("é\u{ad}", 2), ("👩\u{200d}🚀", 4)]
    {
        assert_eq!(Topic::parse(text, 100), Err(TopicError::FormatCharacter { at }), "{text:?}");
    }
}
