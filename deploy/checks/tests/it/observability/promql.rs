//! What a query selects: the metrics that it names, and in which function each of them stands.

use std::time::Duration;

use promql_parser::label::MatchOp;
use promql_parser::parser::{self, Expr, VectorSelector};

/// One selection of series in a query.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) metric: String,
    /// Label and value of each matcher that is no negation; regular expressions as they are written.
    pub(super) matchers: Vec<(String, String)>,
    /// The same of `!=` and `!~`: a value that does not exist leaves nothing out, and nobody notices.
    pub(super) negated: Vec<(String, String)>,
    /// The innermost function around it.
    pub(super) function: Option<&'static str>,
    /// How far back it looks, when it is a range.
    pub(super) range: Option<Duration>,
}

/// All selections of a query, from left to right; a query that cannot be read ends the test.
pub(super) fn selections(place: &str, query: &str) -> Vec<Selection> {
    let parsed = parser::parse(query);
    let parsed = parsed.unwrap_or_else(|error| panic!("{place}: {error}, in {query}"));
    let mut found = Vec::new();
    walk(&parsed, None, &mut found);
    found
}

fn walk(expression: &Expr, function: Option<&'static str>, found: &mut Vec<Selection>) {
    match expression {
        Expr::Aggregate(aggregate) => {
            if let Some(parameter) = &aggregate.param {
                walk(parameter, function, found);
            }
            walk(&aggregate.expr, None, found);
        }
        Expr::Unary(unary) => walk(&unary.expr, function, found),
        Expr::Binary(binary) => {
            walk(&binary.lhs, function, found);
            walk(&binary.rhs, function, found);
        }
        Expr::Paren(paren) => walk(&paren.expr, function, found),
        Expr::Subquery(subquery) => walk(&subquery.expr, function, found),
        Expr::Call(call) => {
            for argument in &call.args.args {
                walk(argument, Some(call.func.name), found);
            }
        }
        Expr::VectorSelector(selector) => found.push(selection(selector, function, None)),
        Expr::MatrixSelector(matrix) => {
            found.push(selection(&matrix.vs, function, Some(matrix.range)));
        }
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

fn selection(
    selector: &VectorSelector,
    function: Option<&'static str>,
    range: Option<Duration>,
) -> Selection {
    let mut selection = Selection {
        metric: selector.name.clone().unwrap_or_default(),
        matchers: Vec::new(),
        negated: Vec::new(),
        function,
        range,
    };
    for matcher in &selector.matchers.matchers {
        let matchers = match &matcher.op {
            MatchOp::Equal | MatchOp::Re(_) => &mut selection.matchers,
            MatchOp::NotEqual | MatchOp::NotRe(_) => &mut selection.negated,
        };
        matchers.push((matcher.name.clone(), matcher.value.clone()));
    }
    selection
}

#[test]
fn a_query_names_its_metrics_and_the_functions_around_them() {
    let found = selections("here", "sum by (a) (rate(x{a=\"b\", c!=\"d\"}[5m])) / (y > 0)");
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].metric.as_str(), found[0].function), ("x", Some("rate")));
    assert_eq!(found[0].matchers, [("a".to_owned(), "b".to_owned())]);
    assert_eq!(found[0].negated, [("c".to_owned(), "d".to_owned())]);
    assert_eq!(found[0].range, Some(Duration::from_secs(300)));
    assert_eq!((found[1].metric.as_str(), found[1].function), ("y", None));
}
