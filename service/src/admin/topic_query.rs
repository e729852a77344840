//! What is asked of the topics.

use url::form_urlencoded;

use super::parameter::{parse_limit, put, unknown};
use super::problem::AdminProblem;
use super::topic_place::TopicPlace;

const TOPICS_MAX: usize = 1_000;
const TOPICS_DEFAULT: usize = 100;
const EVENTS_MAX: usize = 100;
const EVENTS_DEFAULT: usize = 20;

/// Which topics are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicQuery {
    pub(super) limit: usize,
    pub(super) place: TopicPlace,
    pub(super) prefix: String,
}

impl TopicQuery {
    pub(super) fn parse(query: &str) -> Result<Self, AdminProblem> {
        let (mut limit, mut place, mut prefix) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "limit" => put(&mut limit, "limit", parse_limit(&value, TOPICS_MAX)?)?,
                "after" => put(&mut place, "after", value.parse()?)?,
                "prefix" => put(&mut prefix, "prefix", value.into_owned())?,
                other => return Err(unknown(other, "limit, after and prefix")),
            }
        }
        Ok(Self {
            limit: limit.unwrap_or(TOPICS_DEFAULT),
            place: place.unwrap_or_default(),
            prefix: prefix.unwrap_or_default(),
        })
    }
}

/// How many of the newest events of one topic are shown.
pub(super) fn parse_events(query: &str) -> Result<usize, AdminProblem> {
    let mut limit = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "limit" => put(&mut limit, "limit", parse_limit(&value, EVENTS_MAX)?)?,
            other => return Err(unknown(other, "limit alone")),
        }
    }
    Ok(limit.unwrap_or(EVENTS_DEFAULT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_how_many_from_where_and_what_they_begin_with() {
        let after = |part, after: &str| TopicPlace { part, after: Some(after.to_owned()) };
        let cases = [
            ("", 100, TopicPlace::default(), ""),
            ("limit=1000", 1_000, TopicPlace::default(), ""),
            ("after=63&prefix=orders%2F", 100, TopicPlace { part: 63, after: None }, "orders/"),
            ("after=3.YS9i&limit=7&prefix=", 7, after(3, "a/b"), ""),
        ];
        for (query, limit, place, prefix) in cases {
            let expected = TopicQuery { limit, place, prefix: prefix.to_owned() };
            assert_eq!(TopicQuery::parse(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        let cases = [
            ("limit=0", "from 1 to 1000"),
            ("limit=1001", "from 1 to 1000"),
            ("limit=%2B1", "from 1 to 1000"),
            ("limit=1&limit=1", "`limit` stands more than once"),
            ("prefix=a&prefix=a", "`prefix` stands more than once"),
            ("after=", "leave `after` out"),
            ("after=01", "leave `after` out"),
            ("after=-1", "leave `after` out"),
            ("after=1.*", "leave `after` out"),
            ("after=1._w", "leave `after` out"),
            ("sort=lag", "there are limit, after and prefix"),
        ];
        for (query, advice) in cases {
            let problem = TopicQuery::parse(query).unwrap_err().to_string();
            assert!(problem.contains(advice), "{query}: {problem}");
        }
        let cases = [("limit=101", "from 1 to 100"), ("after=1", "there are limit alone")];
        for (query, advice) in cases {
            let problem = parse_events(query).unwrap_err().to_string();
            assert!(problem.contains(advice), "{query}: {problem}");
        }
    }
}
