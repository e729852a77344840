//! Tables in Markdown, and pages of which a part is generated.

/// The two marks between which a page is generated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    pub(crate) begin: &'static str,
    pub(crate) end: &'static str,
}

/// A page without the marks that its generated part stands between.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the page has lost its marks; put back {begin} and {end}")]
pub(crate) struct MarksLost {
    begin: &'static str,
    end: &'static str,
}

impl Marks {
    /// The page with a new part between its marks; what people wrote around them stays.
    pub(crate) fn replace(&self, page: &str, part: &str) -> Result<String, MarksLost> {
        let Self { begin, end } = *self;
        let parts = page.split_once(begin).and_then(|(before, rest)| {
            let (_, after) = rest.split_once(end)?;
            Some((before, after))
        });
        let (before, after) = parts.ok_or(MarksLost { begin, end })?;
        Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", part.trim()))
    }
}

/// The first two lines of a table.
pub(crate) fn header(headings: &[String]) -> Vec<String> {
    vec![row(headings), format!("|{}", "---|".repeat(headings.len()))]
}

/// A line of a table.
pub(crate) fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: Marks = Marks { begin: "<!-- begin -->", end: "<!-- end -->" };

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = "# Title\n<!-- begin -->\nold\n<!-- end -->\nafter\n";
        let new = MARKS.replace(page, "new\n").expect("marks");
        assert_eq!(new, "# Title\n<!-- begin -->\n\nnew\n\n<!-- end -->\nafter\n");
        assert_eq!(MARKS.replace(&new, "new").expect("marks"), new);
        assert!(MARKS.replace("# Title\n", "new").is_err());
    }

    #[test]
    fn a_table_has_as_many_rules_as_headings() {
        let headings = ["a", "b"].map(str::to_owned);
        assert_eq!(header(&headings), ["| a | b |", "|---|---|"]);
    }
}
