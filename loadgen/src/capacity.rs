//! How much a server bears: the same run with more and more connections, or a higher and higher
//! rate, until an SLO breaks, and then halving the distance until the edge is known to a few
//! percent.
//!
//! Which level comes next is a pure function of how the levels so far ended.

use crate::result::Outcome;

/// Levels that are tried at most.
const MOST: usize = 24;

/// The edge is known when the lowest level that broke is so close to the highest that held.
const CLOSE: f64 = 1.05;

/// What is raised, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search {
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// By which each level is higher, until one breaks. Above 1.
    pub(crate) factor: f64,
    /// Only whole numbers make sense.
    pub(crate) whole: bool,
}

/// A level that was tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tried {
    pub(crate) level: f64,
    pub(crate) outcome: Outcome,
}

impl Tried {
    fn held(self) -> bool {
        self.outcome == Outcome::Pass
    }
}

impl Search {
    /// The next level; nothing when the edge is known, or the end of the range held.
    pub(crate) fn next(&self, tried: &[Tried]) -> Option<f64> {
        if tried.len() >= MOST {
            return None;
        }
        let next = match (highest(tried), lowest(tried)) {
            (None, None) => self.from,
            (Some(held), None) if held >= self.to => return None,
            (Some(held), None) => (held * self.factor).min(self.to),
            // The first level broke: there is nothing below to look at.
            (None, Some(_)) => return None,
            (Some(held), Some(broke)) if broke / held <= CLOSE => return None,
            (Some(held), Some(broke)) => (held * broke).sqrt(),
        };
        let next = if self.whole { next.round() } else { next };
        let again = tried.iter().any(|tried| (tried.level - next).abs() < 1e-9);
        (!again).then_some(next)
    }
}

/// The highest level that held below every one that broke.
pub(crate) fn highest(tried: &[Tried]) -> Option<f64> {
    let edge = lowest(tried).unwrap_or(f64::INFINITY);
    let held = tried.iter().filter(|tried| tried.held() && tried.level < edge);
    held.map(|tried| tried.level).max_by(f64::total_cmp)
}

/// The lowest level that broke.
pub(crate) fn lowest(tried: &[Tried]) -> Option<f64> {
    tried.iter().filter(|tried| !tried.held()).map(|tried| tried.level).min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is tried against a server that bears so much.
    fn search(search: Search, bears: f64) -> Vec<Tried> {
        let mut tried = Vec::new();
        while let Some(level) = search.next(&tried) {
            let outcome = if level <= bears { Outcome::Pass } else { Outcome::SloMissed };
            tried.push(Tried { level, outcome });
        }
        tried
    }

    #[test]
    fn the_edge_is_found_to_five_percent() {
        let range = Search { from: 100.0, to: 100_000.0, factor: 2.0, whole: true };
        for bears in [100.0, 777.0, 3200.0, 99_000.0] {
            let tried = search(range, bears);
            let (held, broke) = (highest(&tried).expect("one"), lowest(&tried).expect("one"));
            assert!(
                held <= bears && bears < broke && broke / held <= 1.06,
                "{bears}: {held} {broke}"
            );
            assert!(tried.len() < 18, "{}", tried.len());
        }
    }

    #[test]
    fn a_range_that_holds_ends_at_its_end_and_one_that_does_not_at_its_begin() {
        let range = Search { from: 10.0, to: 1000.0, factor: 3.0, whole: true };
        let levels = |bears| search(range, bears).iter().map(|t| t.level).collect::<Vec<_>>();
        assert_eq!(levels(1e9), [10.0, 30.0, 90.0, 270.0, 810.0, 1000.0]);
        assert_eq!(levels(1.0), [10.0]);
    }
}
