//! Flags and variables that had another name in an earlier version. For one version the old name is
//! understood, and a warning says the new one.

use std::ffi::{OsStr, OsString};

struct Renamed {
    old: Name,
    new: Name,
}

struct Name {
    flag: &'static str,
    variable: &'static str,
}

const fn renamed(
    [old_flag, old_variable]: [&'static str; 2],
    [flag, variable]: [&'static str; 2],
) -> Renamed {
    let old = Name { flag: old_flag, variable: old_variable };
    Renamed { old, new: Name { flag, variable } }
}

const RENAMED: [Renamed; 6] = [
    renamed(["--log-events", "FANFARE_LOG_EVENTS"], ["--retain-events", "FANFARE_RETAIN_EVENTS"]),
    renamed(["--log-bytes", "FANFARE_LOG_BYTES"], ["--retain-bytes", "FANFARE_RETAIN_BYTES"]),
    renamed(["--log-age", "FANFARE_LOG_AGE"], ["--retain-age", "FANFARE_RETAIN_AGE"]),
    renamed(["--head-max", "FANFARE_HEAD_MAX"], ["--headers-max", "FANFARE_HEADERS_MAX"]),
    renamed(
        ["--head-timeout", "FANFARE_HEAD_TIMEOUT"],
        ["--headers-timeout", "FANFARE_HEADERS_TIMEOUT"],
    ),
    renamed(
        ["--gentle-refusals", "FANFARE_GENTLE_REFUSALS"],
        ["--retry-on-reject", "FANFARE_RETRY_ON_REJECT"],
    ),
];

/// The same command line with the new names of flags. Adds a line to `hints` for each old one.
pub(super) fn with_new_names(line: &[OsString], hints: &mut Vec<String>) -> Vec<OsString> {
    line.iter().map(|word| with_new_name(word, hints).unwrap_or_else(|| word.clone())).collect()
}

fn with_new_name(word: &OsStr, hints: &mut Vec<String>) -> Option<OsString> {
    let text = word.to_str()?;
    let (flag, value) = text.split_at(text.find('=').unwrap_or(text.len()));
    let Renamed { old, new } = RENAMED.iter().find(|renamed| renamed.old.flag == flag)?;
    hints.push(hint(old.flag, new.flag));
    Some(format!("{}{value}", new.flag).into())
}

/// The old name of a variable, if that is set and the new one is not. Adds a line to `hints` then.
pub(super) fn old_variable(
    new: &OsStr,
    is_set: &impl Fn(&OsStr) -> bool,
    hints: &mut Vec<String>,
) -> Option<&'static str> {
    let Renamed { old, new } = RENAMED.iter().find(|renamed| new == renamed.new.variable)?;
    if is_set(OsStr::new(new.variable)) || !is_set(OsStr::new(old.variable)) {
        return None;
    }
    hints.push(hint(old.variable, new.variable));
    Some(old.variable)
}

fn hint(old: &str, new: &str) -> String {
    format!("{old} is called {new} now; the next version no longer knows the old name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Vec<OsString> {
        line.iter().map(OsString::from).collect()
    }

    #[test]
    fn old_flags_are_read_as_the_new_ones_and_told() {
        let mut hints = Vec::new();
        let line = words(&["fanfare", "--log-events", "5", "--head-max=1KiB", "--log-level=info"]);
        let expected =
            ["fanfare", "--retain-events", "5", "--headers-max=1KiB", "--log-level=info"];
        assert_eq!(with_new_names(&line, &mut hints), words(&expected));
        assert_eq!(hints.len(), 2);
        assert!(hints[0].starts_with("--log-events is called --retain-events now"), "{hints:?}");
    }

    #[test]
    fn an_old_variable_counts_where_the_new_one_is_not_set() {
        let cases: [(&str, &[&str], Option<&str>); 4] = [
            ("FANFARE_RETAIN_AGE", &["FANFARE_LOG_AGE"], Some("FANFARE_LOG_AGE")),
            ("FANFARE_RETAIN_AGE", &["FANFARE_LOG_AGE", "FANFARE_RETAIN_AGE"], None),
            ("FANFARE_RETAIN_AGE", &[], None),
            ("FANFARE_LISTEN", &["FANFARE_LOG_AGE"], None),
        ];
        for (new, set, expected) in cases {
            let mut hints = Vec::new();
            let is_set = |name: &OsStr| set.iter().any(|set| name == *set);
            let old = old_variable(OsStr::new(new), &is_set, &mut hints);
            assert_eq!(old, expected, "{new} beside {set:?}");
            assert_eq!(hints.len(), usize::from(expected.is_some()));
        }
    }
}
