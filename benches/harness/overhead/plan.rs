//! What was requested: rounds, loads and kinds, in whatever order the words stand.

use anyhow::bail;

use crate::overhead::kinds::{KINDS, Kind, LOADS, Load};

const ROUNDS: usize = 8;

/// What is measured.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) loads: Vec<&'static Load>,
    /// The blind one first.
    pub(crate) kinds: Vec<&'static Kind>,
}

impl Plan {
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let mut rounds = ROUNDS;
        for word in words {
            let is_known = LOADS.iter().any(|load| load.name == word)
                || KINDS.iter().any(|kind| kind.name == word);
            match word.parse() {
                Ok(number @ 1..=100) => rounds = number,
                _ if is_known => {}
                _ => {
                    bail!("{word} is neither rounds (1 to 100), nor a load, nor a kind; see --help")
                }
            }
        }
        let is_selected = |name: &str| words.iter().any(|word| word == name);
        let mut loads: Vec<_> = LOADS.iter().filter(|load| is_selected(load.name)).collect();
        if loads.is_empty() {
            loads = LOADS.iter().collect();
        }
        let [blind, others @ ..] = &KINDS;
        let mut kinds: Vec<_> = others.iter().filter(|kind| is_selected(kind.name)).collect();
        // The blind one alone compares nothing.
        if kinds.is_empty() {
            kinds = others.iter().collect();
        }
        kinds.insert(0, blind);
        Ok(Self { rounds, loads, kinds })
    }

    /// The kinds in the order of a round: another one first in each, so that none is always after
    /// the same one.
    pub(crate) fn order(&self, round: usize) -> Vec<&'static Kind> {
        let mut order = self.kinds.clone();
        order.rotate_left(round % self.kinds.len());
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(words: &str) -> Option<(usize, Vec<&'static str>, Vec<&'static str>)> {
        let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        let plan = Plan::parse(&words).ok()?;
        let loads = plan.loads.iter().map(|load| load.name).collect();
        Some((plan.rounds, loads, plan.kinds.iter().map(|kind| kind.name).collect()))
    }

    #[test]
    fn words_choose_in_any_order_and_blind_is_always_there() {
        let all = vec!["blind", "counted", "watched", "traced"];
        for (words, expected) in [
            ("", (8, vec!["P1", "P3"], all.clone())),
            ("10 P1 blind watched", (10, vec!["P1"], vec!["blind", "watched"])),
            ("traced P3 counted 2", (2, vec!["P3"], vec!["blind", "counted", "traced"])),
            ("blind", (8, vec!["P1", "P3"], all)),
        ] {
            assert_eq!(plan(words), Some(expected), "{words}");
        }
        for words in ["P2", "watching", "0", "101", "-1"] {
            assert_eq!(plan(words), None, "{words}");
        }
    }

    #[test]
    fn every_kind_begins_a_round() {
        let plan = Plan::parse(&[]).expect("the defaults");
        let first: Vec<_> = (0..5).map(|round| plan.order(round)[0].name).collect();
        assert_eq!(first, ["blind", "counted", "watched", "traced", "blind"]);
        assert_eq!(plan.order(3).len(), 4);
    }
}
