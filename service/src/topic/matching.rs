//! Matching the topics of one event against one set of selectors, in parts.
//!
//! An event may have a thousand topics of thousands of bytes, and a set a thousand templates: in
//! one go that would hold up all other clients that the same thread serves. So a caller with a
//! deadline spends steps, puts the [`MatchProgress`] away, and goes on later. There is no clock in
//! here: a step is about the time in which an automaton looks at one byte.

use super::{SelectorSet, Topic};

/// What a try costs whatever it is that is tried: the call, and the memory it waits for.
const TRY_STEPS: usize = 16;

/// Comparing a text goes by words of the processor, running an automaton by single bytes.
const BYTES_COMPARED_IN_A_STEP: usize = 32;

/// How far the matching of one event against one set of selectors has come. It means something only
/// together with the topics and the set that it was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchProgress {
    /// How many topics have been compared with every selector.
    topics: usize,
    /// How many tries the next topic has behind it: the first is for all selectors that are found
    /// by comparing text, then there is one for each pattern.
    tries: usize,
}

impl SelectorSet {
    /// Goes on matching the topics of an event; the result is that of [`SelectorSet::matches_any`].
    ///
    /// `steps` is what may still be spent, in bytes of topics looked at, and is reduced by what was
    /// spent. `None` says that nothing is left: call again with the same progress. A try is never
    /// cut (it costs the length of one topic and a little more), so each call with any steps at all
    /// comes further.
    pub fn match_within(
        &self,
        topics: &[Topic],
        progress: &mut MatchProgress,
        steps: &mut usize,
    ) -> Option<bool> {
        while let Some(topic) = topics.get(progress.topics) {
            if *steps == 0 {
                return None;
            }
            let (matched, cost) = self.attempt(topic.as_str(), progress.tries);
            *steps = steps.saturating_sub(cost);
            if matched {
                return Some(true);
            }
            progress.tries += 1;
            if progress.tries > self.patterns().len() {
                *progress = MatchProgress { topics: progress.topics + 1, tries: 0 };
            }
        }
        Some(false)
    }

    /// One try, and what it cost.
    fn attempt(&self, topic: &str, tries: usize) -> (bool, usize) {
        match tries.checked_sub(1) {
            None => {
                let comparisons = 1 + self.names().len().checked_ilog2().unwrap_or(0) as usize;
                let comparison = TRY_STEPS + topic.len() / BYTES_COMPARED_IN_A_STEP;
                (self.matches_by_name(topic), comparisons * comparison)
            }
            Some(index) => {
                let pattern = &self.patterns()[index];
                (pattern.matches(topic), TRY_STEPS + topic.len() * pattern.steps_per_byte())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::topic::Selector;

    fn set(texts: &[&str]) -> SelectorSet {
        SelectorSet::new(texts.iter().map(|text| Selector::parse(text).unwrap())).unwrap()
    }

    fn topics(texts: &[impl AsRef<str>]) -> Vec<Topic> {
        texts.iter().map(|text| Topic::parse(text.as_ref(), 10_000).unwrap()).collect()
    }

    /// The result when each call may spend this much, and how many calls it took.
    fn match_in_parts(set: &SelectorSet, topics: &[Topic], steps: usize) -> (bool, usize) {
        let mut progress = MatchProgress::default();
        for calls in 1.. {
            let mut left = steps;
            let before = progress;
            match set.match_within(topics, &mut progress, &mut left) {
                Some(matched) => return (matched, calls),
                None => assert!(left == 0 && progress != before, "{calls} calls, {progress:?}"),
            }
        }
        unreachable!()
    }

    #[test]
    fn one_step_at_a_time_gives_the_same_answer_as_all_at_once() {
        let set = set(&["a", "b", "/{x}", "/x/{y}", "?{z}"]);
        for (texts, matches) in [
            (&[][..], false),
            (&["a"], true),
            (&["c"], false),
            (&["c", "d", "b"], true),
            (&["c", "?z"], true),
            (&["/x/y/z", "??", "/{x}"], true),
            (&["/x/y/z", "??", "/x/1"], true),
            (&["/x/y/z", "??", "/x/1/2"], false),
        ] {
            let topics = topics(texts);
            for steps in [1, 16, 17, 40, 100, usize::MAX] {
                assert_eq!(match_in_parts(&set, &topics, steps).0, matches, "{texts:?}, {steps}");
            }
        }
    }

    #[test]
    fn with_one_step_a_call_makes_one_try() {
        let set = set(&["a", "b", "/{x}", "/x/{y}"]);
        let (matched, calls) = match_in_parts(&set, &topics(&["c", "d", "e"]), 1);
        // For each topic one for the names and two for the templates.
        assert_eq!((matched, calls), (false, 9));
    }

    #[test]
    fn without_steps_nothing_is_tried() {
        let mut progress = MatchProgress::default();
        assert_eq!(set(&["a"]).match_within(&topics(&["a"]), &mut progress, &mut 0), None);
        assert_eq!(progress, MatchProgress::default());
    }

    #[test]
    fn a_template_costs_the_length_of_the_topic_and_a_name_much_less() {
        let long = topics(&["a".repeat(4000)]);
        for (selectors, cost) in [
            (&["*"][..], 141),
            (&["b"], 141),
            (&["b", "c", "d", "e"], 3 * 141),
            (&["/{x}"], 141 + 4016),
            (&["b", "/{x}", "?{x}"], 141 + 2 * 4016),
        ] {
            let mut steps = 100_000;
            let mut progress = MatchProgress::default();
            set(selectors).match_within(&long, &mut progress, &mut steps);
            assert_eq!(100_000 - steps, cost, "{selectors:?}");
        }
    }

    #[test]
    fn a_star_matches_at_the_first_try() {
        assert_eq!(match_in_parts(&set(&["*", "{x}"]), &topics(&["a", "b"]), 1), (true, 1));
    }

    proptest! {
        #[test]
        fn wherever_matching_is_cut_the_answer_is_that_of_the_whole(
            texts in vec(r"[ab/]{1,3}|[ab/]{0,2}\{[+/?]?x(:1|\*)?\}[ab]{0,2}|\*{1,2}", 1..12),
            topics in vec(r"[ab/?=x]{1,4}|\{x\}", 0..8),
            cuts in vec(1usize..80, 1..40),
        ) {
            let set = set(&texts.iter().map(String::as_str).collect::<Vec<_>>());
            let expected = set.matches_any(topics.iter().map(String::as_str));
            let topics = super::tests::topics(&topics);
            let mut progress = MatchProgress::default();
            let matches = cuts.into_iter().cycle().find_map(|mut steps| {
                set.match_within(&topics, &mut progress, &mut steps)
            });
            prop_assert_eq!(matches, Some(expected));
        }
    }
}
