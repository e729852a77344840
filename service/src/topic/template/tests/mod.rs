//! Cases as in a manual. Each line is a template, and topics that it matches or does not.

use super::*;
use crate::topic::Selector;

/// What a template may cost.
mod limits;
/// The examples of RFC 6570, by its sections.
mod rfc6570;
/// What a template matches beyond the examples of the RFC, and what is none.
mod rules;

fn compile(template: &str) -> Template {
    Template::compile(template)
        .unwrap_or_else(|| panic!("{template} is no template"))
        .unwrap_or_else(|TooComplex| panic!("{template} is too complex"))
}

fn matching(cases: &[(&str, &[&str])]) {
    for (template, topics) in cases {
        let compiled = compile(template);
        for topic in *topics {
            assert!(compiled.matches(topic), "{template} should match {topic:?}");
        }
    }
}

fn not_matching(cases: &[(&str, &[&str])]) {
    for (template, topics) in cases {
        let compiled = compile(template);
        for topic in *topics {
            assert!(!compiled.matches(topic), "{template} should not match {topic:?}");
        }
    }
}
