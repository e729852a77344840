//! Properties: the matcher against expansion by an independent implementation, in both directions.
//! What it expands must match, and what matches must be something that it expands.

use std::collections::BTreeSet;
use std::slice;

use iri_string::spec::{IriSpec, Spec, UriSpec};
use iri_string::template::UriTemplateStr;
use iri_string::template::simple_context::{SimpleContext, Value};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn expand<S: Spec>(template: &str, context: &SimpleContext) -> String {
    UriTemplateStr::new(template).unwrap().expand::<S, _>(context).unwrap().to_string()
}

/// Variables `a` to `c` may have any kind of value.
fn any_value(text: BoxedStrategy<String>) -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Undefined),
        text.clone().prop_map(Value::String),
        vec(text.clone(), 0..4).prop_map(Value::List),
        vec((text.clone(), text), 0..4).prop_map(Value::Assoc),
    ]
}

/// Variables `p` and `q` have a prefix modifier, so they are no lists (section 2.4.1). Characters
/// of several bytes, and `%`, are left to the tables: the expander miscounts them.
fn prefix_value() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Undefined), r"[a-c/,=;.&?# -]{0,6}".prop_map(Value::String)]
}

/// Literals outside of ASCII are left to the tables as well: the expander refuses them.
fn template() -> impl Strategy<Value = String> {
    let variable = prop_oneof!["[abc]", r"[abc]\*", "[pq]:[1-4]"];
    let expression = (r"[+#./;?&]?", vec(variable, 1..4))
        .prop_map(|(operator, variables)| format!("{{{operator}{}}}", variables.join(",")));
    let literal = r"([a-c/.,=;&?#()*$!+\[\]]|%2F|%c3%a9){0,4}";
    let piece = prop_oneof![literal, expression];
    vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

/// In reserved expansion the expander panics on characters outside of ASCII; there the tables have
/// to do.
fn text_for(template: &str) -> BoxedStrategy<String> {
    if template.contains("{+") || template.contains("{#") {
        prop_oneof![r"[a-c/,=;.&?# %-]{0,6}", r"[\x00-\x7F]{0,12}"].boxed()
    } else {
        prop_oneof![r"[a-c/,=;.&?# %é€😀-]{0,6}", any::<String>()].boxed()
    }
}

fn context_for(template: &str) -> impl Strategy<Value = SimpleContext> + use<> {
    let any = || any_value(text_for(template));
    let values = (any(), any(), any(), prefix_value(), prefix_value());
    values.prop_map(|(a, b, c, p, q)| {
        let mut context = SimpleContext::new();
        for (name, value) in [("a", a), ("b", b), ("c", c), ("p", p), ("q", q)] {
            context.insert(name, value);
        }
        context
    })
}

fn template_and_context() -> impl Strategy<Value = (String, SimpleContext)> {
    template().prop_flat_map(|template| {
        let context = context_for(&template);
        (Just(template), context)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_expansion_matches_its_template((template, context) in template_and_context()) {
        let compiled = Template::compile(&template).unwrap();
        prop_assume!(compiled.is_ok());
        let compiled = compiled.unwrap();
        for expansion in
            [expand::<UriSpec>(&template, &context), expand::<IriSpec>(&template, &context)]
        {
            prop_assert!(compiled.matches(&expansion), "{template} should match {expansion:?}");
        }
    }
}

/// The characters of the short topics below: two of names and values, every separator, a slash.
const ALPHABET: [&str; 10] = ["a", "x", ",", "=", ".", "/", ";", "?", "&", "#"];
const LONGEST: usize = 4;

/// All texts over the alphabet, up to the length.
fn texts(alphabet: &[&str], longest: usize) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut newest = texts.clone();
    for _ in 0..longest {
        newest = newest
            .iter()
            .flat_map(|text| alphabet.iter().map(move |letter| format!("{text}{letter}")))
            .collect();
        texts.extend_from_slice(&newest);
    }
    texts
}

/// Every value that can show up in a topic of at most [`LONGEST`] bytes. Elements of lists need no
/// reserved characters: where those are not encoded, a string has them as well.
fn short_values(alphabet: &[&str]) -> Vec<Value> {
    let unreserved = |letter: &&&str| ["a", "x", "."].contains(*letter);
    let elements = texts(&alphabet.iter().filter(unreserved).copied().collect::<Vec<_>>(), LONGEST);
    let mut pairs = Vec::new();
    for key in &elements {
        pairs.extend(elements.iter().map(|value| (key.clone(), value.clone())));
    }
    let fits = |value: &Value| weight(value) <= LONGEST;
    let lists = sequences(&elements, |list| fits(&Value::List(list.to_vec())));
    let arrays = sequences(&pairs, |array| fits(&Value::Assoc(array.to_vec())));
    [Value::Undefined]
        .into_iter()
        .chain(texts(alphabet, LONGEST).into_iter().map(Value::String))
        .chain(lists.into_iter().map(Value::List))
        .chain(arrays.into_iter().map(Value::Assoc))
        .collect()
}

/// All sequences of one element or more that fit. One that does not is not made longer.
fn sequences<T: Clone>(elements: &[T], fits: impl Fn(&[T]) -> bool) -> Vec<Vec<T>> {
    let mut sequences = Vec::new();
    let mut newest = vec![Vec::new()];
    while !newest.is_empty() {
        newest = newest
            .iter()
            .flat_map(|start| {
                elements.iter().map(|next| [&start[..], slice::from_ref(next)].concat())
            })
            .filter(|sequence| fits(sequence) && sequence.len() <= LONGEST + 1)
            .collect();
        sequences.extend_from_slice(&newest);
    }
    sequences
}

fn assert_matches_exactly(template: &str, alphabet: &[&str], expansions: &BTreeSet<String>) {
    let compiled = Template::compile(template).unwrap().unwrap();
    for topic in texts(alphabet, LONGEST) {
        let expected = expansions.contains(&topic);
        assert_eq!(compiled.matches(&topic), expected, "{template} and {topic:?}");
    }
}

/// How much of the topic a value takes, without names and encoding.
fn weight(value: &Value) -> usize {
    match value {
        Value::Undefined => 0,
        Value::String(text) => text.len(),
        Value::List(list) => list.join(",").len(),
        Value::Assoc(pairs) => {
            pairs.iter().map(|(key, value)| key.len() + value.len() + 2).sum::<usize>() - 1
        }
    }
}

/// Not among the templates is `{;x*}`: for a pair with an empty value the expander writes `;a=`,
/// where appendix A has `;a`.
#[test]
fn short_topics_match_exactly_when_some_value_expands_to_them() {
    let values = short_values(&ALPHABET);
    for template in [
        "{x}", "{x*}", "{+x}", "{+x*}", "{#x}", "{#x*}", "{.x}", "{.x*}", "{/x}", "{/x*}", "{;x}",
        "{?x}", "{?x*}", "{&x}", "{&x*}", "a{x}", "{/x*}/a", "{x:1}", "{+x:2}", "{?x:1}",
    ] {
        let prefixed = template.contains(':');
        let mut expansions = BTreeSet::new();
        for value in &values {
            if prefixed && matches!(value, Value::List(_) | Value::Assoc(_)) {
                continue;
            }
            let mut context = SimpleContext::new();
            context.insert("x", value.clone());
            expansions.insert(expand::<UriSpec>(template, &context));
        }
        assert_matches_exactly(template, &ALPHABET, &expansions);
    }
}

/// Fewer letters for the many pairs of values: `a`, and what the template can put between values.
fn letters_of(template: &str) -> Vec<&'static str> {
    let named = template.contains([';', '?', '&']);
    let occurs = |letter: &str| match letter {
        "a" | "," | "=" => true,
        "x" => named,
        "&" => template.contains(['?', '&']),
        other => template.contains(other),
    };
    ALPHABET.into_iter().filter(|letter| occurs(letter)).collect()
}

#[test]
fn short_topics_match_exactly_when_some_two_values_expand_to_them() {
    for template in [
        "{a,x}", "{a*,x}", "{a,x*}", "{/a,x}", "{/a*,x}", "{.a,x*}", "{;a,x}", "{?a,x}", "{&a,x}",
        "{?a*,x}", "{a}/{x}", "{a}{/x}", "{a}{?x}",
    ] {
        let alphabet = letters_of(template);
        let mut values: Vec<_> =
            short_values(&alphabet).into_iter().map(|value| (weight(&value), value)).collect();
        values.sort_by_key(|(weight, _)| *weight);
        let mut expansions = BTreeSet::new();
        for (weight, a) in &values {
            for (_, x) in values.iter().take_while(|(other, _)| weight + other <= LONGEST) {
                let mut context = SimpleContext::new();
                context.insert("a", a.clone());
                context.insert("x", x.clone());
                expansions.insert(expand::<UriSpec>(template, &context));
            }
        }
        assert_matches_exactly(template, &alphabet, &expansions);
    }
}
