//! What a run against the server that makes mistakes must fulfil: what went wrong is known to the
//! event, so every count is.

use serde_json::Value;

use super::Ran;

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

    /// The run ended like this, by its code and in its result.
    #[track_caller]
    pub(crate) fn assert_ended(&self, code: i32, outcome: &str) {
        let text = format!("{}{}", self.stdout, self.stderr);
        assert_eq!((self.code, self.text("/verdict/outcome")), (code, outcome), "{text}");
        assert_eq!(self.count("/verdict/exit_code"), u64::from(code.unsigned_abs()), "{text}");
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
        let reasons = self.at("/verdict/reasons").as_array().expect("a list");
        let found = reasons.iter().filter_map(Value::as_str).find(|r| r.starts_with(begin));
        let reason = found.unwrap_or_else(|| panic!("no {begin:?} in {reasons:?}"));
        assert!(self.words().contains(reason), "not shown: {reason}\n{}", self.stdout);
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
