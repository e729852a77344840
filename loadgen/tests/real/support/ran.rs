//! What the program under test left behind, and what every run must fulfil.

use serde_json::Value;

/// The program after its end.
pub(crate) struct Ran {
    /// Its exit code; minus the signal when one ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The file that it was told to write, if it did.
    pub(crate) result: Option<Value>,
}

impl Ran {
    /// A part of the first run, by its path such as `/delivery/received`.
    pub(crate) fn at(&self, path: &str) -> &Value {
        let all = self.result.as_ref().unwrap_or_else(|| panic!("no result: {}", self.stderr));
        let part = all.pointer(&format!("/runs/0{path}"));
        part.unwrap_or_else(|| panic!("no {path} in {all}"))
    }

    pub(crate) fn count(&self, path: &str) -> u64 {
        self.at(path).as_u64().unwrap_or_else(|| panic!("{path} is no count: {}", self.at(path)))
    }

    pub(crate) fn figure(&self, path: &str) -> f64 {
        self.at(path).as_f64().unwrap_or_else(|| panic!("{path} is no number: {}", self.at(path)))
    }

    pub(crate) fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or_else(|| panic!("{path} is no text: {}", self.at(path)))
    }

    /// Nothing wrong arrived, and the verdict says so.
    #[track_caller]
    pub(crate) fn assert_nothing_wrong(&self) {
        for kind in
            ["gaps", "duplicates", "reordered", "corrupted", "wrong_topic", "broken_streams"]
        {
            let count = self.count(&format!("/correctness/{kind}"));
            assert_eq!(count, 0, "{kind}: {}", self.stdout);
        }
        // A busy machine can make a run invalid, and nothing else can happen to a right one.
        let outcome = self.text("/verdict/outcome");
        assert!(matches!(outcome, "fine" | "invalid"), "{}", self.stdout);
        let code = if outcome == "fine" { 0 } else { 4 };
        assert_eq!(self.figure("/verdict/exit_code"), f64::from(code));
        assert_eq!(self.code, code);
    }

    /// Everything that was published arrived, once and in order, at so many subscribers.
    #[track_caller]
    pub(crate) fn assert_all_arrived(&self, subscribers: u64) {
        self.assert_nothing_wrong();
        assert_eq!(self.count("/subscribers/connected"), subscribers, "{}", self.stdout);
        let sent = self.count("/publishing/sent");
        assert!(sent > 0 && self.count("/publishing/acknowledged") == sent, "{}", self.stdout);
        assert!((self.figure("/delivery/reach") - 1.0).abs() < 1e-12, "{}", self.stdout);
        assert_eq!(self.count("/delivery/received"), self.count("/delivery/expected"));
        assert!(self.count("/delivery/received") > 0, "{}", self.stdout);
        assert_eq!(self.count("/correctness/foreign"), 0, "{}", self.stdout);
    }
}
