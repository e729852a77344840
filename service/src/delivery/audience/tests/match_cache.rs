//! The cache of patterns.

use super::*;

#[test]
fn a_pattern_that_comes_or_goes_counts_from_the_next_event_on() {
    let mut audiences = Audiences::new(Policies::default());
    let first = enter(&mut audiences, &["{x}"]);
    assert_eq!(assign(&mut audiences, &[event(1, &["a"])]), [first]);
    let second = enter(&mut audiences, &["*"]);
    take_pending(&mut audiences, first);
    assert_eq!(assign(&mut audiences, &[event(2, &["a"])]), [first, second]);
    audiences.leave(first);
    take_pending(&mut audiences, second);
    assert_eq!(assign(&mut audiences, &[event(3, &["a"])]), [second]);
    audiences.leave(second);
    assert_eq!(assign(&mut audiences, &[event(4, &["a"])]), []);
}

#[test]
fn exact_topics_do_not_disturb_the_cache() {
    let mut audiences = Audiences::new(Policies::default());
    let exact = enter(&mut audiences, &["a"]);
    assign(&mut audiences, &[event(1, &["a"])]);
    assert_eq!(audiences.matched.len(), 0); // No audience has a pattern.
    enter(&mut audiences, &["{x}"]);
    assign(&mut audiences, &[event(2, &["a", "b"]), event(3, &["a"])]);
    assert_eq!(audiences.matched.len(), 2);
    let another = enter(&mut audiences, &["b"]);
    audiences.leave(exact);
    audiences.leave(another);
    assert_eq!(audiences.matched.len(), 2);
    let pattern = enter(&mut audiences, &["{y}"]);
    assert_eq!(audiences.matched.len(), 0);
    assign(&mut audiences, &[event(4, &["a"])]);
    assert_eq!(audiences.matched.len(), 1);
    audiences.leave(pattern);
    assert_eq!(audiences.matched.len(), 0);
}

#[test]
fn more_topics_than_the_cache_remembers_are_still_matched() {
    let mut audiences = Audiences::new(Policies::default());
    let key = enter(&mut audiences, &["{x}"]);
    let count = 50_000;
    for number in 0..count {
        assign(&mut audiences, &[event(number + 1, &[&format!("topic-{number}")])]);
    }
    assert_eq!(take_pending(&mut audiences, key).len() as u64, count);
    let bytes = audiences.match_cache_bytes();
    assert!((3 << 20..=4 << 20).contains(&bytes), "{bytes}");
}
