//! Plain text for a terminal: labelled paragraphs and aligned tables, at most 100 columns wide.
//!
//! Names come from servers and from other people's files. Control characters in them are replaced,
//! so that no name can move the cursor or change colours.

/// The width that nothing exceeds.
pub(super) const COLUMNS: usize = 100;

/// Where the text beside a label begins.
const LABEL: usize = 14;

/// Text that is being laid out.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    text: String,
}

impl Sheet {
    /// An empty line, unless it would be the second, or the first of all.
    pub(super) fn space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A paragraph with a label beside its first line; nothing when there is nothing to say.
    pub(super) fn entry(&mut self, label: &str, sentence: &str) {
        if !sentence.is_empty() {
            self.paragraph(&format!("{label:<LABEL$}"), sentence);
        }
    }

    /// A paragraph whose lines all begin under the end of `lead`.
    pub(super) fn paragraph(&mut self, lead: &str, sentence: &str) {
        let indent = lead.chars().count();
        for (at, line) in wrapped(&cleaned(sentence), COLUMNS - indent).iter().enumerate() {
            let start = if at == 0 { lead.to_owned() } else { " ".repeat(indent) };
            self.line(&format!("{start}{line}"));
        }
    }

    /// Rows whose columns are aligned: the first to the left, figures to the right.
    pub(super) fn table(&mut self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in rows {
            let mut line = String::new();
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match at {
                    0 => line += &format!("{cell:<0$}", (*width).max(LABEL)),
                    _ => line += &format!("  {cell:>width$}"),
                }
            }
            self.line(&cleaned(&line));
        }
    }

    /// The whole.
    pub(super) fn finish(self) -> String {
        self.text.trim_end().to_owned() + "\n"
    }

    fn line(&mut self, line: &str) {
        self.text.extend(line.trim_end().chars().take(COLUMNS));
        self.text.push('\n');
    }
}

fn cleaned(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Breaks at spaces, and within words that are wider than a line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        }
        for (at, letter) in word.chars().enumerate() {
            if used >= width {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                if at == 0 && used > 0 {
                    line.push(' ');
                    used += 1;
                }
                line.push(letter);
                used += 1;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_paragraph_is_broken_at_spaces_and_stays_beside_its_label() {
        let mut sheet = Sheet::default();
        sheet.entry("Label", &"word ".repeat(40));
        let text = sheet.finish();
        assert!(text.starts_with("Label         word word"));
        assert!(text.lines().count() > 1);
        assert!(text.lines().skip(1).all(|line| line.starts_with("              word")));
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS));
    }

    #[test]
    fn a_word_wider_than_the_terminal_is_broken() {
        assert_eq!(wrapped("aaaaaaa b", 3), ["aaa", "aaa", "a b"]);
    }

    #[test]
    fn a_name_cannot_send_control_codes() {
        let mut sheet = Sheet::default();
        sheet.entry("Server", "\u{1b}[31mred");
        assert!(!sheet.finish().contains('\u{1b}'));
    }
}
