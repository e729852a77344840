//! The selectors of a request, in both dialects of the protocol.
//!
//! `match`, `match_exact` and `match_urlpattern` are those of 1.0, `topic` that of draft-07. A name
//! that begins like the former makes a request one of 1.0, which is strict about such names. No
//! client has a reason to send both: a hub of 1.0 alone refuses `topic`, and one of draft-07 ignores
//! `match`.

use super::parameters::Pairs;
use super::problem::Problem;
use crate::topic::Notation;

/// What the names of selectors in 1.0 begin with, in any case.
const PREFIX: &str = "match";

/// The selectors that the parameters name, in order, each with the notation that it is written in.
pub(super) fn selectors_of<'a>(
    parameters: &'a Pairs<'_>,
) -> Result<Vec<(Notation, &'a str)>, Problem> {
    let mut selectors = Vec::new();
    for (name, value) in parameters {
        if let Some(notation) = notation(name)? {
            selectors.push((notation, value.as_ref()));
        }
    }
    let topics = selectors.iter().filter(|(notation, _)| *notation == Notation::TopicOrTemplate);
    let topics = topics.count();
    if topics > 0 && topics < selectors.len() {
        return Err(Problem::Unreadable(
            "there are both `topic` and `match…`; name all selectors with `topic`, or all with `match`, `match_exact` and `match_urlpattern`"
                .to_owned(),
        ));
    }
    Ok(selectors)
}

/// How the value of a parameter is written; `None` if it is no selector.
fn notation(name: &str) -> Result<Option<Notation>, Problem> {
    match name {
        "topic" => Ok(Some(Notation::TopicOrTemplate)),
        "match" | "match_exact" => Ok(Some(Notation::Exact)),
        "match_urlpattern" => Ok(Some(Notation::UrlPattern)),
        _ if has_prefix(name) => {
            let name: String = name.chars().take(80).collect();
            Err(Problem::Unreadable(format!(
                "`{name}` is no kind of selector here; write `match` or `match_exact` for a topic or `*`, and `match_urlpattern` for a URL pattern"
            )))
        }
        _ => Ok(None),
    }
}

fn has_prefix(name: &str) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::super::parameters::pairs;
    use super::*;

    #[test]
    fn each_name_says_how_its_value_is_written() {
        use Notation::{Exact, TopicOrTemplate, UrlPattern};
        let cases: [(&str, &[(Notation, &str)]); 7] = [
            ("", &[]),
            ("topic=a&topic=%7Bx%7D", &[(TopicOrTemplate, "a"), (TopicOrTemplate, "{x}")]),
            ("match=a&match_exact=%7Bx%7D", &[(Exact, "a"), (Exact, "{x}")]),
            ("match_urlpattern=/:id", &[(UrlPattern, "/:id")]),
            ("match", &[(Exact, "")]),
            ("unmatched=1&mat=2&Topics=3&authorization=x", &[]),
            ("last_event_id=1&match=*", &[(Exact, "*")]),
        ];
        for (query, expected) in cases {
            assert_eq!(selectors_of(&pairs(query).unwrap()).unwrap(), expected, "{query}");
        }
    }

    #[test]
    fn dialects_are_not_mixed_and_unknown_kinds_are_refused() {
        let cases = [
            ("topic=a&match=b", "both `topic` and `match…`"),
            ("match_urlpattern=b&topic=a", "both `topic` and `match…`"),
            ("match_regexp=a", "`match_regexp` is no kind"),
            ("Match=a", "`Match` is no kind"),
            ("matching=a", "`matching` is no kind"),
            ("MATCH_EXACT=a", "`MATCH_EXACT` is no kind"),
            ("topic=a&match_other=b", "`match_other` is no kind"),
        ];
        for (query, expected) in cases {
            let problem = selectors_of(&pairs(query).unwrap()).unwrap_err().to_string();
            assert!(problem.contains(expected), "{query}: {problem}");
        }
    }
}
