//! Rules by which events of some topics are retained beyond the bounds of the log.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::topic::Topic;

/// So many rules there may be: which of them are for a topic is kept as bits of a number.
const RULES_MAX: usize = 64;
/// The longest pattern, in bytes: topics are no longer by default.
const PATTERN_BYTES_MAX: usize = 4_096;
/// The most events of each topic that can be kept, as many as can be asked for with `last=`.
const LAST_MAX: usize = 10_000;
/// The longest time, longer than any is meant.
const AGE_MAX: Duration = Duration::from_secs(100 * 31_557_600);

/// A rule: which topics it is for, and what is kept of them. It never makes anything go earlier than
/// the bounds of the log do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRule {
    pattern: TopicGlob,
    /// An event is kept no longer than this.
    pub(super) age_max: Option<Duration>,
    /// No more events than these are kept by the rule beyond the bounds of the log, whatever their
    /// topics; the oldest go first.
    pub(super) events_max: Option<usize>,
    /// An event is kept only while it is among so many newest of one of its topics.
    pub(super) newest: Option<NonZeroUsize>,
}

/// A text in which each `*` stands for any characters, or for none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TopicGlob(String);

/// Why a text is no rule.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RetentionRuleError {
    #[error(
        "a rule is a pattern of topics and what is kept of them, such as runs/*=age:1h,events:10000 or prices/*=last:1"
    )]
    NoRule,
    #[error("the pattern has {bytes} bytes, and may have {PATTERN_BYTES_MAX}; shorten it with *")]
    LongPattern { bytes: usize },
    #[error(
        "`{part}` is nothing that can be kept; write age:TIME, events:N or last:N, and commas between them"
    )]
    UnknownPart { part: String },
    #[error("`{key}` stands more than once in the rule; write it once")]
    Repeated { key: &'static str },
    #[error("age: {reason}; write a time such as age:1h")]
    Age { reason: String },
    #[error("{key} is a number from 1 to {max}, such as {key}:{example}")]
    Number { key: &'static str, max: usize, example: usize },
}

impl FromStr for RetentionRule {
    type Err = RetentionRuleError;

    fn from_str(text: &str) -> Result<Self, RetentionRuleError> {
        // A topic may have a `=`; what is kept has none.
        let (pattern, parts) = text.trim().rsplit_once('=').ok_or(RetentionRuleError::NoRule)?;
        if pattern.is_empty() || parts.is_empty() {
            return Err(RetentionRuleError::NoRule);
        }
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(RetentionRuleError::LongPattern { bytes: pattern.len() });
        }
        let pattern = TopicGlob(pattern.to_owned());
        let mut rule = Self { pattern, age_max: None, events_max: None, newest: None };
        for part in parts.split(',') {
            rule.add(part.trim())?;
        }
        Ok(rule)
    }
}

impl RetentionRule {
    fn add(&mut self, part: &str) -> Result<(), RetentionRuleError> {
        let unknown = || RetentionRuleError::UnknownPart { part: part.chars().take(64).collect() };
        let (key, value) = part.split_once(':').ok_or_else(unknown)?;
        match key {
            "age" => put(&mut self.age_max, "age", age(value)?),
            "events" => {
                put(&mut self.events_max, "events", number("events", value, usize::MAX, 10_000)?)
            }
            "last" => {
                let newest = number("last", value, LAST_MAX, 1)?;
                let newest = NonZeroUsize::new(newest).ok_or_else(unknown)?;
                put(&mut self.newest, "last", newest)
            }
            _ => Err(unknown()),
        }
    }

    /// An event that was accepted before this is too old for the rule, at a time in milliseconds since
    /// 1970.
    pub(super) fn oldest_ms(&self, now_ms: u64) -> u64 {
        let age = self.age_max.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        age.map_or(0, |age| now_ms.saturating_sub(age))
    }
}

impl fmt::Display for RetentionRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let age = self.age_max.map(|age| format!("age:{}", humantime::format_duration(age)));
        // Between its units the time has spaces, which stand between rules.
        let age = age.map(|age| age.replace(' ', ""));
        let events = self.events_max.map(|count| format!("events:{count}"));
        let newest = self.newest.map(|count| format!("last:{count}"));
        let parts: Vec<String> = [age, events, newest].into_iter().flatten().collect();
        write!(formatter, "{}={}", self.pattern.0, parts.join(","))
    }
}

fn put<T>(into: &mut Option<T>, key: &'static str, value: T) -> Result<(), RetentionRuleError> {
    match into.replace(value) {
        None => Ok(()),
        Some(_) => Err(RetentionRuleError::Repeated { key }),
    }
}

fn age(text: &str) -> Result<Duration, RetentionRuleError> {
    let refused = |reason: &str| RetentionRuleError::Age { reason: reason.to_owned() };
    // Some sums of very large numbers make the library panic.
    let mut numbers = text.split(|character: char| !character.is_ascii_digit());
    if text.len() > 32 || numbers.any(|number| number.len() > 9) {
        return Err(refused("no time is that long"));
    }
    let age = humantime::parse_duration(text);
    let age = age.map_err(|_| refused("it needs a number and a unit"))?;
    match age {
        age if age < Duration::from_millis(1) => Err(refused("it is at least 1ms")),
        age if age > AGE_MAX => Err(refused("it is at most 100years")),
        age => Ok(age),
    }
}

fn number(
    key: &'static str,
    text: &str,
    max: usize,
    example: usize,
) -> Result<usize, RetentionRuleError> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_plain && (1..=max).contains(number));
    number.ok_or(RetentionRuleError::Number { key, max, example })
}

impl TopicGlob {
    /// The steps are about as many as the topic has bytes: where the parts between the stars can stand at
    /// several places the first one is as good as any.
    fn matches(&self, topic: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == topic };
        let Some(mut left) = topic.strip_prefix(first) else { return false };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        for part in middle.split('*') {
            let Some(at) = memchr::memmem::find(left.as_bytes(), part.as_bytes()) else {
                return false;
            };
            left = &left[at + part.len()..];
        }
        left.ends_with(last)
    }
}

/// All rules. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RetentionRules(Arc<[RetentionRule]>);

/// Some of all rules, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RuleSet(u64);

/// There are more rules than there may be.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("there are {count} rules, and there may be {RULES_MAX}; make fewer of them with *")]
pub struct TooManyRules {
    count: usize,
}

impl RetentionRules {
    /// These rules.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new(rules: Vec<RetentionRule>) -> Result<Self, TooManyRules> {
        match rules.len() {
            count if count > RULES_MAX => Err(TooManyRules { count }),
            _ => Ok(Self(rules.into())),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn all(&self) -> &[RetentionRule] {
        &self.0
    }

    /// Those for a topic.
    pub(super) fn of(&self, topic: &Topic) -> RuleSet {
        let matching =
            self.0.iter().enumerate().filter(|(_, rule)| rule.pattern.matches(topic.as_str()));
        RuleSet(matching.fold(0, |set, (number, _)| set | 1 << number))
    }

    /// Each of a set, with its number.
    pub(super) fn each_of(&self, set: RuleSet) -> impl Iterator<Item = (usize, &RetentionRule)> {
        self.0.iter().enumerate().filter(move |(number, _)| set.0 & (1 << number) != 0)
    }
}

impl RuleSet {
    pub(super) fn of(number: usize) -> Self {
        Self(1 << number)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn has(self, number: usize) -> bool {
        self.0 & (1 << number) != 0
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> RetentionRule {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_rule_says_for_which_topics_and_what_is_kept_of_them() {
        let cases = [
            ("runs/*=age:1h,events:10000", "runs/*=age:1h,events:10000"),
            ("prices/*=last:1", "prices/*=last:1"),
            (" *=last:10000 ", "*=last:10000"),
            ("a=b=events:1", "a=b=events:1"),
            ("x=last:3, age:90m", "x=age:1h30m,last:3"),
            ("https://example.com/é/*=age:1ms", "https://example.com/é/*=age:1ms"),
        ];
        for (text, shown) in cases {
            assert_eq!(rule(text).to_string(), shown);
            assert_eq!(rule(shown), rule(text));
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        let long = format!("{}=last:1", "a".repeat(4_097));
        let cases = [
            ("", "such as runs/*"),
            ("prices/*", "such as runs/*"),
            ("=last:1", "such as runs/*"),
            ("prices/*=", "such as runs/*"),
            (&long, "shorten it"),
            ("a=last", "`last` is nothing"),
            ("a=bytes:1", "`bytes:1` is nothing"),
            ("a=last:1,", "`` is nothing"),
            ("a=last:1,last:2", "`last` stands more than once"),
            ("a=last:0", "last is a number from 1 to 10000, such as last:1"),
            ("a=last:10001", "from 1 to 10000"),
            ("a=last:+1", "from 1 to 10000"),
            ("a=events:0", "events is a number from 1"),
            ("a=events:-1", "such as events:10000"),
            ("a=age:0s", "at least 1ms"),
            ("a=age:30", "a number and a unit"),
            ("a=age:101y", "at most 100years"),
            ("a=age:18446744073709551615s1000ms", "that long"),
        ];
        for (text, advice) in cases {
            let error = text.parse::<RetentionRule>().unwrap_err().to_string();
            assert!(error.contains(advice), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_star_stands_for_any_characters_and_everything_else_for_itself() {
        let cases: [(&str, &[&str], &[&str]); 8] = [
            ("a", &["a"], &["", "aa", "A"]),
            ("*", &["a", "a/b", "é"], &[]),
            ("runs/*", &["runs/", "runs/1", "runs/1/2"], &["runs", "xruns/1"]),
            ("*/end", &["/end", "a/end", "end/end"], &["end", "a/end/b"]),
            ("a*a", &["aa", "aba", "abaa"], &["a", "ab", "ba"]),
            ("a*b*c", &["abc", "axbxc", "abbc", "acbc"], &["acb", "ac", "abcd"]),
            ("a**b", &["ab", "axb"], &["a"]),
            ("*ab*ab*", &["abab", "xabxabx", "aabab"], &["ab", "aba", "abb"]),
        ];
        for (pattern, matching, other) in cases {
            let glob = TopicGlob(pattern.to_owned());
            for topic in matching {
                assert!(glob.matches(topic), "{pattern} {topic}");
            }
            for topic in other {
                assert!(!glob.matches(topic), "{pattern} {topic}");
            }
        }
    }

    #[test]
    fn all_rules_of_a_topic_are_found_and_there_may_be_64() {
        let rules =
            RetentionRules::new(vec![rule("a*=last:1"), rule("b=last:1"), rule("*=last:2")]);
        let rules = rules.unwrap();
        let of = |topic| {
            let set = rules.of(&Topic::parse(topic, 100).unwrap());
            rules.each_of(set).map(|(number, _)| number).collect::<Vec<_>>()
        };
        assert_eq!([of("ab"), of("b"), of("c")], [vec![0, 2], vec![1, 2], vec![2]]);
        let many = RetentionRules::new(vec![rule("a=last:1"); 64]).unwrap();
        assert_eq!(many.each_of(many.of(&Topic::parse("a", 9).unwrap())).count(), 64);
        let error = RetentionRules::new(vec![rule("a=last:1"); 65]).unwrap_err();
        assert!(error.to_string().contains("may be 64"));
    }
}
