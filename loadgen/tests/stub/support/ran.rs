//! What a run against the server that makes mistakes must fulfil: what went wrong is known to the
//! event, so every count is.

use serde_json::Value;

use super::Ran;

/// How the reason begins for which a run is invalid on a busy machine, whatever the server does.
const HELD_UP: &str = "the load generator was late itself: ";

/// Parts of the other reasons for which a run is invalid.
const INVALID: [&str; 3] =
    ["the run was interrupted", "so it may have been the limit", "of the schedule was sent"];

/// The kinds of fault that make a run wrong, by their names in results.
const FAULTS: [&str; 6] =
    ["gaps", "duplicates", "reordered", "corrupted", "wrong_topic", "broken_streams"];

impl Ran {
    /// A count of a kind; 0 when the kind did not occur.
    #[track_caller]
    pub(crate) fn kind(&self, path: &str, kind: &str) -> u64 {
        self.at(path).get(kind).map_or(0, |count| count.as_u64().expect("a count"))
    }

    /// A percentile of a distribution, in milliseconds.
    #[track_caller]
    pub(crate) fn percentile(&self, path: &str, quantile: f64) -> f64 {
        let all = self.at(path)["percentiles"].as_array().expect("percentiles");
        let same = |p: &&Value| (p["quantile"].as_f64().unwrap_or(0.0) - quantile).abs() < 1e-9;
        let found = all.iter().find(same).unwrap_or_else(|| panic!("no {quantile} in {path}"));
        found["ms"].as_f64().expect("milliseconds")
    }

    /// The summary with its line ends and columns taken out.
    pub(crate) fn words(&self) -> String {
        self.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The run ended like this, by its code and in its result. One whose figures are judged may
    /// have been held up by a busy machine instead, when nothing but that distinguishes it.
    #[track_caller]
    pub(crate) fn assert_ended(&self, code: i32, outcome: &str) {
        let text = format!("{}{}", self.stdout, self.stderr);
        let is_judged = matches!(code, 0 | 2);
        let (code, outcome) =
            if is_judged && self.was_held_up(code) { (4, "invalid") } else { (code, outcome) };
        assert_eq!((self.code, self.text("/verdict/outcome")), (code, outcome), "{text}");
        assert_eq!(self.count("/verdict/exit_code"), u64::from(code.unsigned_abs()), "{text}");
    }

    /// The verdict is this sentence, or the one that a run has instead that was held up.
    #[track_caller]
    pub(crate) fn assert_headline(&self, sentence: &str) {
        let is_invalid = self.text("/verdict/outcome") == "invalid";
        let held_up = "The figures say more about the load generator than about the server.";
        let expected = if is_invalid { held_up } else { sentence };
        assert_eq!(self.text("/verdict/headline"), expected, "{}", self.stdout);
    }

    /// The reasons of the verdict without the one that a busy machine can add to any.
    #[track_caller]
    pub(crate) fn complaints(&self) -> Vec<&str> {
        self.reasons().into_iter().filter(|reason| !reason.starts_with(HELD_UP)).collect()
    }

    #[track_caller]
    fn reasons(&self) -> Vec<&str> {
        let reasons = self.at("/verdict/reasons").as_array().expect("a list");
        reasons.iter().map(|reason| reason.as_str().expect("a text")).collect()
    }

    /// Whether the run would have ended with this code if a busy machine had not made it invalid.
    #[track_caller]
    fn was_held_up(&self, code: i32) -> bool {
        let complaints = self.complaints();
        let is_invalid = |reason: &&str| INVALID.iter().any(|part| reason.contains(*part));
        self.reasons().len() > complaints.len()
            && complaints.is_empty() == (code == 0)
            && !complaints.iter().any(is_invalid)
    }

    /// Exactly these faults were found, and no other.
    #[track_caller]
    pub(crate) fn assert_faults(&self, wanted: &[(&str, u64)]) {
        let of = |kind: &str| self.count(&format!("/correctness/{kind}"));
        let found: Vec<_> =
            FAULTS.into_iter().map(|kind| (kind, of(kind))).filter(|(_, n)| *n > 0).collect();
        assert_eq!(found, wanted, "{}", self.stdout);
    }

    /// A reason of the verdict begins like this, and the summary shows it.
    #[track_caller]
    pub(crate) fn assert_reason(&self, begin: &str) {
        let reasons = self.reasons();
        let found = reasons.iter().find(|reason| reason.starts_with(begin));
        let reason = found.unwrap_or_else(|| panic!("no {begin:?} in {reasons:?}"));
        assert!(self.words().contains(*reason), "not shown: {reason}\n{}", self.stdout);
    }

    /// Everything that was published arrived at so many subscribers, once and in order, and nothing
    /// else.
    #[track_caller]
    pub(crate) fn assert_all_arrived(&self, subscribers: u64) {
        self.assert_faults(&[]);
        self.assert_ended(0, "fine");
        for kind in ["announced", "unresumable", "foreign"] {
            assert_eq!(self.count(&format!("/correctness/{kind}")), 0, "{kind}: {}", self.stdout);
        }
        assert_eq!(self.count("/subscribers/connected"), subscribers, "{}", self.stdout);
        assert!((self.figure("/delivery/reach") - 1.0).abs() < 1e-12, "{}", self.stdout);
        assert!(self.count("/delivery/received") > 0, "{}", self.stdout);
        assert_eq!(self.count("/delivery/received"), self.count("/delivery/expected"));
    }
}
