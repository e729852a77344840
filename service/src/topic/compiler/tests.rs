use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::topic::Notation::TopicOrTemplate;
use crate::topic::SelectorSet;

const ROOM: usize = 64 << 20;

/// What one template of this shape takes.
fn size_of_one(text: &str) -> usize {
    let compiler = SelectorCompiler::new(ROOM, <_>::default());
    let _selector = compiler.compile(TopicOrTemplate, text).unwrap();
    compiler.bytes()
}

fn kept(compiler: &SelectorCompiler, texts: &[&str]) -> Vec<bool> {
    let kept = compiler.lock();
    texts.iter().map(|text| kept.keeps(text)).collect()
}

#[test]
fn equal_templates_are_compiled_once_and_counted_once() {
    let compiler = SelectorCompiler::new(ROOM, <_>::default());
    assert_eq!(compiler.bytes(), 0);
    let first = compiler.compile(TopicOrTemplate, "/{x}").unwrap();
    let bytes = compiler.bytes();
    assert!(bytes > 500 && bytes < 2_000, "{bytes}");
    let others: Vec<_> =
        (0..100).map(|_| compiler.compile(TopicOrTemplate, "/{x}").unwrap()).collect();
    assert_eq!(compiler.bytes(), bytes);
    assert!(others.iter().all(|other| *other == first && other.matches("/1")));
}

#[test]
fn only_templates_have_to_be_compiled() {
    let compiler = SelectorCompiler::new(0, <_>::default());
    for text in ["*", "a", "}", "a}b"] {
        assert_eq!(
            compiler.known(TopicOrTemplate, text).unwrap(),
            Some(Selector::parse(text).unwrap()),
            "{text}"
        );
    }
    for text in ["{", "{x}", "/{x}/{y}", "{x"] {
        assert_eq!(compiler.known(TopicOrTemplate, text).unwrap(), None, "{text}");
    }
    assert_eq!(
        compiler.known(TopicOrTemplate, "\n"),
        Err(SelectorError::ControlCharacter { at: 0 })
    );
}

#[test]
fn what_was_compiled_is_known() {
    let compiler = SelectorCompiler::new(ROOM, <_>::default());
    let selector = compiler.compile(TopicOrTemplate, "/{x}").unwrap();
    assert_eq!(compiler.known(TopicOrTemplate, "/{x}").unwrap(), Some(selector));
    assert_eq!(compiler.known(TopicOrTemplate, "/{y}").unwrap(), None);
}

#[test]
fn texts_mean_what_they_mean_without_a_compiler() {
    let compiler = SelectorCompiler::new(ROOM, <_>::default());
    for text in
        ["*", "a", "{", "{x", "{x}", "a{x:3}", "{}", "", "a\n", "{x:9999}", "{+x}a{y:60}c{z}"]
    {
        assert_eq!(compiler.compile(TopicOrTemplate, text), Selector::parse(text), "{text}");
    }
}

#[test]
fn a_template_stays_known_when_nobody_uses_it() {
    let compiler = SelectorCompiler::new(ROOM, <_>::default());
    let bytes = size_of_one("/{x}");
    for _ in 0..3 {
        drop(compiler.compile(TopicOrTemplate, "/{x}").unwrap());
        assert_eq!(compiler.bytes(), bytes);
        assert!(compiler.known(TopicOrTemplate, "/{x}").unwrap().is_some());
    }
}

#[test]
fn what_has_been_unused_for_longest_makes_room() {
    let compiler = SelectorCompiler::new(3 * size_of_one("/1/{x}"), <_>::default());
    let first = compiler.compile(TopicOrTemplate, "/1/{x}").unwrap();
    drop(compiler.compile(TopicOrTemplate, "/2/{x}").unwrap());
    drop(compiler.compile(TopicOrTemplate, "/3/{x}").unwrap());
    drop(first);
    drop(compiler.compile(TopicOrTemplate, "/4/{x}").unwrap());
    let texts = ["/1/{x}", "/2/{x}", "/3/{x}", "/4/{x}"];
    assert_eq!(kept(&compiler, &texts), [true, false, true, true]);
    drop(compiler.compile(TopicOrTemplate, "/2/{x}").unwrap());
    assert_eq!(kept(&compiler, &texts), [true, true, false, true]);
    assert_eq!(compiler.bytes(), 3 * size_of_one("/1/{x}"));
}

#[test]
fn templates_in_use_are_never_thrown_away_and_use_the_budget_up() {
    let compiler = SelectorCompiler::new(2 * size_of_one("/1/{x}"), <_>::default());
    let first = compiler.compile(TopicOrTemplate, "/1/{x}").unwrap();
    let second = compiler.compile(TopicOrTemplate, "/2/{x}").unwrap();
    assert_eq!(compiler.compile(TopicOrTemplate, "/3/{x}"), Err(SelectorError::BudgetExhausted));
    assert_eq!(compiler.compile(TopicOrTemplate, "/1/{x}"), Ok(first.clone()));
    assert_eq!(compiler.compile(TopicOrTemplate, "exact"), Selector::parse("exact"));
    assert!(first.matches("/1/a") && second.matches("/2/a"));
    drop(second);
    assert!(compiler.compile(TopicOrTemplate, "/3/{x}").is_ok());
    assert_eq!(kept(&compiler, &["/1/{x}", "/2/{x}", "/3/{x}"]), [true, false, true]);
}

#[test]
fn a_clone_of_a_selector_or_a_set_keeps_its_template_in_use() {
    let compiler = SelectorCompiler::new(size_of_one("/1/{x}"), <_>::default());
    let set = SelectorSet::one(compiler.compile(TopicOrTemplate, "/1/{x}").unwrap().clone());
    assert_eq!(compiler.compile(TopicOrTemplate, "/2/{x}"), Err(SelectorError::BudgetExhausted));
    let other = set.clone();
    drop(set);
    assert_eq!(compiler.compile(TopicOrTemplate, "/2/{x}"), Err(SelectorError::BudgetExhausted));
    drop(other);
    assert!(compiler.compile(TopicOrTemplate, "/2/{x}").is_ok());
}

#[test]
fn selectors_outlive_their_compiler() {
    let compiler = SelectorCompiler::new(ROOM, <_>::default());
    let selector = compiler.compile(TopicOrTemplate, "/{x}").unwrap();
    drop(compiler);
    assert!(selector.matches("/1"));
}

#[test]
fn threads_that_take_and_leave_the_same_templates_leave_the_books_in_order() {
    let compiler = SelectorCompiler::new(4 * size_of_one("/1/{x}"), <_>::default());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let compiler = compiler.clone();
            scope.spawn(move || {
                for round in 0..200 {
                    let text = format!("/{}/{{x}}", (thread + round) % 6);
                    let selectors = [
                        compiler.compile(TopicOrTemplate, &text),
                        compiler.compile(TopicOrTemplate, &text),
                    ];
                    drop(selectors);
                }
            });
        }
    });
    check_counts(&compiler);
    assert!(compiler.lock().are_all_unused());
}

fn check_counts(compiler: &SelectorCompiler) {
    let kept = compiler.lock();
    kept.check_counts();
    assert!(kept.bytes() <= compiler.bytes_max);
}

proptest! {
    #[test]
    fn what_is_kept_and_counted_agree_whatever_comes_and_goes(
        steps in vec((0usize..8, any::<bool>()), 1..60), room in 1usize..6,
    ) {
        let compiler = SelectorCompiler::new(room * size_of_one("/1/{x}"), <_>::default());
        let mut held: Vec<Selector> = Vec::new();
        for (number, take) in steps {
            if take {
                held.extend(compiler.compile(TopicOrTemplate, &format!("/{number}/{{x}}")));
            } else if !held.is_empty() {
                held.swap_remove(number % held.len());
            }
            check_counts(&compiler);
        }
    }
}

#[test]
fn many_names_count_in_the_same_budget_until_their_set_is_gone() {
    let compiler = SelectorCompiler::new(100_000, <_>::default());
    let set = |from: usize| {
        let names = (from..from + 300).map(|n| Selector::parse(&format!("{n:0100}")).unwrap());
        compiler.count_names(SelectorSet::new(names).unwrap())
    };
    let first = set(0).unwrap();
    let clone = first.clone();
    assert!(compiler.bytes() > 30_000, "{}", compiler.bytes());
    let second = set(1_000).unwrap();
    assert_eq!(set(2_000), Err(SelectorError::BudgetExhausted));
    let bytes = compiler.bytes();
    drop(first);
    assert_eq!(compiler.bytes(), bytes, "a clone is left");
    drop((clone, second));
    assert_eq!(compiler.bytes(), 0);
    let few = Selector::parse("a").unwrap();
    assert!(compiler.count_names(SelectorSet::one(few)).is_ok());
    assert_eq!(compiler.bytes(), 0, "what fits into headers is not counted");
}

#[test]
fn many_names_take_the_place_of_patterns_that_are_not_used() {
    let compiler = SelectorCompiler::new(60_000, <_>::default());
    let mut number = 0;
    while compiler.bytes() < 50_000 {
        drop(compiler.compile(TopicOrTemplate, &format!("/{number}/{{x}}")).unwrap());
        number += 1;
    }
    let names = (0..300).map(|n| Selector::parse(&format!("{n:0100}")).unwrap());
    let set = compiler.count_names(SelectorSet::new(names).unwrap()).unwrap();
    assert!(compiler.bytes() <= 60_000, "{}", compiler.bytes());
    assert!(kept(&compiler, &["/0/{x}"]) == [false], "the oldest has gone");
    drop(set);
    compiler.lock().check_counts();
}
