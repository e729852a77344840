//! The Dockerfile as stages and instructions, and what `.dockerignore` lets through: the subset of
//! their languages that ours use. Anything else fails, so that nothing is misread.

use std::process::Command;

use super::tool::content;
use crate::support::text;

/// A stage: from what, its name, and its instructions in order.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) from: String,
    pub(super) name: String,
    /// The word in front, and the rest of the line.
    pub(super) instructions: Vec<(String, String)>,
}

/// The stages of our Dockerfile.
pub(super) fn stages() -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let text = text("deploy/Dockerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for line in lines.join("\n").replace("\\\n", " ").lines().filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').expect("an instruction and more");
        if word == "FROM" {
            let (from, name) = rest.split_once(" AS ").expect("every stage has a name");
            let (from, name) = (from.to_owned(), name.to_owned());
            stages.push(Stage { from, name, instructions: Vec::new() });
        } else {
            let stage = stages.last_mut().expect("a stage first");
            stage.instructions.push((word.to_owned(), rest.trim().to_owned()));
        }
    }
    stages
}

/// Whether `docker build` sends this file: the last rule that matches it, or a folder it is in.
pub(super) fn is_sent(path: &str) -> bool {
    let mut sent = true;
    for rule in text(".dockerignore").lines() {
        let rule = rule.trim_end();
        if rule.is_empty() || rule.starts_with('#') {
            continue;
        }
        let (rule, sends) = rule.strip_prefix('!').map_or((rule, false), |rule| (rule, true));
        if matches(rule, path) {
            sent = sends;
        }
    }
    sent
}

fn matches(rule: &str, path: &str) -> bool {
    if rule == "*" {
        return true;
    }
    if let Some(name) = rule.strip_prefix("**/") {
        assert!(!name.contains(['*', '/', '?', '[']), "{rule} is more than this understands");
        return path.split('/').any(|part| part == name);
    }
    assert!(!rule.contains(['*', '?', '[']), "{rule} is more than this understands");
    path.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The files of the repository that `docker build` sends.
pub(super) fn sent() -> Vec<String> {
    let listed = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listed = content(Command::new("git").args(listed));
    listed.lines().filter(|path| is_sent(path)).map(str::to_owned).collect()
}
