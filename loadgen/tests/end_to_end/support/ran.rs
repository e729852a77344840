//! What a run against a real server must fulfil, on a machine that may be busy.

use super::Ran;

impl Ran {
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
