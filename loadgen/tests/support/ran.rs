//! What the program left behind: its exit code, its words, its result. Results are read as plain
//! JSON, by the names that are published for them, as any program would read them. What a run must
//! fulfil each binary of tests says for itself.

use serde_json::Value;

/// The program after its end.
pub(crate) struct Ran {
    /// Its exit code; minus the signal when one ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The file that it was to write, if it did.
    pub(crate) result: Option<Value>,
}

impl Ran {
    /// A part of the first run, by its path such as `/delivery/received`.
    #[track_caller]
    pub(crate) fn at(&self, path: &str) -> &Value {
        let all = self.result.as_ref().unwrap_or_else(|| panic!("no result: {}", self.stderr));
        let part = all.pointer(&format!("/runs/0{path}"));
        part.unwrap_or_else(|| panic!("no {path} in {all}"))
    }

    #[track_caller]
    pub(crate) fn count(&self, path: &str) -> u64 {
        self.at(path).as_u64().unwrap_or_else(|| panic!("{path} is no count: {}", self.at(path)))
    }

    #[track_caller]
    pub(crate) fn figure(&self, path: &str) -> f64 {
        self.at(path).as_f64().unwrap_or_else(|| panic!("{path} is no number: {}", self.at(path)))
    }

    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> &str {
        self.at(path).as_str().unwrap_or_else(|| panic!("{path} is no text: {}", self.at(path)))
    }
}
