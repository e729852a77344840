//! Which policy holds for which stream: a default, and rules by topic pattern.
//!
//! A policy belongs to a stream, and a stream may ask for several selectors. A rule holds for it
//! when its pattern covers every selector as it is written; the first such rule decides.

use std::str::FromStr;

use thiserror::Error;

use super::BackpressurePolicy;
use crate::topic::SelectorSet;

/// A default and the exceptions to it.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    default: BackpressurePolicy,
    rules: Vec<(Pattern, BackpressurePolicy)>,
}

/// One rule as it is written: `prices/*=conflate`, or `conflate` for the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRule {
    pattern: Option<Pattern>,
    policy: BackpressurePolicy,
}

/// Why a rule cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PolicyRuleError {
    /// There is no such policy.
    #[error("`{0}` is no policy; write disconnect, drop-oldest, conflate or catch-up")]
    UnknownPolicy(String),
    /// It names no topics.
    #[error("the topic pattern is empty; write it as prices/*=conflate")]
    EmptyPattern,
}

/// A text in which `*` stands for any characters, none too.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(String);

impl Policies {
    /// The default is that of the last rule without a pattern; the others keep their order.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = PolicyRule>) -> Self {
        let mut policies = Self::default();
        for PolicyRule { pattern, policy } in rules {
            match pattern {
                Some(pattern) => policies.rules.push((pattern, policy)),
                None => policies.default = policy,
            }
        }
        policies
    }

    /// The policy of a stream that asks for these selectors.
    pub(in crate::delivery) fn of(&self, selectors: &SelectorSet) -> BackpressurePolicy {
        let covers = |(pattern, _): &&(Pattern, BackpressurePolicy)| {
            selectors.iter().all(|selector| pattern.covers(selector.as_str()))
        };
        self.rules.iter().find(covers).map_or(self.default, |&(_, policy)| policy)
    }
}

impl FromStr for PolicyRule {
    type Err = PolicyRuleError;

    fn from_str(text: &str) -> Result<Self, PolicyRuleError> {
        // A topic may have a `=` itself; a policy has none.
        let (pattern, policy) = match text.rsplit_once('=') {
            Some(("", _)) => return Err(PolicyRuleError::EmptyPattern),
            Some((pattern, policy)) => (Some(Pattern(pattern.to_owned())), policy),
            None => (None, text),
        };
        let known = BackpressurePolicy::ALL.into_iter().find(|known| known.name() == policy);
        let policy = known.ok_or_else(|| PolicyRuleError::UnknownPolicy(policy.to_owned()))?;
        Ok(Self { pattern, policy })
    }
}

impl Pattern {
    fn covers(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut text) = text.strip_prefix(first) else { return false };
        let mut parts: Vec<&str> = rest.split('*').collect();
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            // The earliest place leaves the most for what follows.
            let Some(at) = text.find(part) else { return false };
            text = &text[at + part.len()..];
        }
        text.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Selector;

    #[test]
    fn a_star_stands_for_any_characters() {
        let cases = [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*", "anything/at all", true),
            ("prices/*", "prices/", true),
            ("prices/*", "prices/a/b", true),
            ("prices/*", "prices", false),
            ("prices/*", "old/prices/a", false),
            ("*/eu", "prices/eu", true),
            ("*/eu", "prices/eu/de", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("a**b", "ab", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Pattern(pattern.into()).covers(text), expected, "{pattern} and {text}");
        }
    }

    fn policies(rules: &[&str]) -> Policies {
        Policies::new(rules.iter().map(|rule| rule.parse().unwrap()))
    }

    #[test]
    fn the_first_rule_that_covers_all_selectors_decides_and_else_the_default() {
        let rules = policies(&["prices/*=conflate", "p*=drop-oldest", "catch-up"]);
        let cases = [
            (&["prices/a"][..], BackpressurePolicy::Conflate),
            (&["prices/{symbol}"], BackpressurePolicy::Conflate),
            (&["prices/a", "prices/b"], BackpressurePolicy::Conflate),
            (&["prices/a", "people/b"], BackpressurePolicy::DropOldest),
            (&["prices/a", "news"], BackpressurePolicy::CatchUp),
            (&["news"], BackpressurePolicy::CatchUp),
            (&["*"], BackpressurePolicy::CatchUp),
        ];
        for (selectors, expected) in cases {
            let set = selectors.iter().map(|text| Selector::parse(text).unwrap());
            assert_eq!(rules.of(&SelectorSet::new(set).unwrap()), expected, "{selectors:?}");
        }
        assert_eq!(policies(&[]).of(&SelectorSet::any()), BackpressurePolicy::Disconnect);
        assert_eq!(policies(&["*=conflate"]).of(&SelectorSet::any()), BackpressurePolicy::Conflate);
    }

    #[test]
    fn a_rule_that_cannot_be_read_says_what_would_do() {
        let unknown = |text: &str| Err(PolicyRuleError::UnknownPolicy(text.to_owned()));
        let cases = [
            ("", unknown("")),
            ("drop", unknown("drop")),
            ("a=b", unknown("b")),
            ("a=", unknown("")),
            ("=conflate", Err(PolicyRuleError::EmptyPattern)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<PolicyRule>(), expected, "{text}");
        }
        let rule: PolicyRule = "a=b=conflate".parse().unwrap();
        assert_eq!(rule.pattern, Some(Pattern("a=b".into())));
    }
}
