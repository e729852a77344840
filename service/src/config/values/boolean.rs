//! Booleans as people and configuration languages write them: YAML's, Python's, a shell's.

/// Reads a boolean, in any case.
pub(in crate::config) fn boolean(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "t" | "y" => Ok(true),
        "false" | "no" | "off" | "0" | "f" | "n" => Ok(false),
        _ => Err("write true or false; yes and no, on and off, 1 and 0 mean the same".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_words_are_understood_in_any_case_and_others_refused() {
        for text in ["1", "true", "TRUE", "True", "yes", "YES", "on", "On", "y", "t", " true\n"] {
            assert_eq!(boolean(text), Ok(true), "{text:?}");
        }
        for text in ["0", "false", "FALSE", "False", "no", "No", "off", "OFF", "n", "f", "\tno "] {
            assert_eq!(boolean(text), Ok(false), "{text:?}");
        }
        for text in ["", " ", "2", "-1", "00", "enabled", "tru", "yes no", "\u{ff11}"] {
            assert!(boolean(text).unwrap_err().contains("write true or false"), "{text:?}");
        }
    }
}
