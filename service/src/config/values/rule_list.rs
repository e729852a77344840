//! Rules of retention, between which white space stands.

use std::str::FromStr;

use crate::log::{RetentionRule, RetentionRuleError};

/// Some rules, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct RuleList(Vec<RetentionRule>);

impl FromStr for RuleList {
    type Err = RetentionRuleError;

    fn from_str(text: &str) -> Result<Self, RetentionRuleError> {
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl RuleList {
    pub(in crate::config) fn rules(&self) -> impl Iterator<Item = RetentionRule> {
        self.0.iter().cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_white_space_stands_between_rules() {
        let list: RuleList = " a=last:1\tb/*=age:1h\n  c=events:5,last:2 ".parse().unwrap();
        let shown: Vec<String> = list.rules().map(|rule| rule.to_string()).collect();
        assert_eq!(shown, ["a=last:1", "b/*=age:1h", "c=events:5,last:2"]);
        assert_eq!(" \n".parse(), Ok(RuleList(Vec::new())));
        assert!("a=last:1 b".parse::<RuleList>().is_err());
    }
}
