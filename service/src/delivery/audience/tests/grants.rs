//! Whether audiences may see a private event, found in parts.

use super::*;

/// Some that match a topic of the event below, late or never, by name or by pattern.
fn grants() -> Vec<(Grants, bool)> {
    let of = |selectors: &[&str]| Grants::of(None, Some(set(selectors)));
    let patterns: Vec<String> = (0..40).map(|n| format!("never{n}/{{x}}")).collect();
    let mut many: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let never = of(&many);
    many.push("{a}/last");
    vec![
        (Grants::public(), false),
        (Grants::all(), true),
        (of(&["t7/last"]), true),
        (never, false),
        (of(&many), true),
        (of(&["other"]), false),
    ]
}

fn private(sequence: u64) -> Arc<Event> {
    let topics: Vec<String> =
        (0..7).map(|n| format!("t{n}/x")).chain(["t7/last".to_owned()]).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    number(draft(&topics, true), sequence)
}

#[test]
fn grants_are_matched_in_parts_with_the_same_result() {
    for selectors in [&["*"][..], &["t0/x"], &["t7/last", "t0/x"], &["{x}/x"]] {
        let mut times = Vec::new();
        for steps in [usize::MAX, 10_000, 100, 1] {
            let mut audiences = Audiences::new(Policies::default());
            let keys: Vec<_> = grants()
                .into_iter()
                .map(|(grants, sees)| (audiences.enter(set(selectors), grants, Sequence(0)), sees))
                .collect();
            let mut touched = Vec::new();
            times.push(assign_one(&mut audiences, &private(1), &mut touched, steps));
            for (key, sees) in &keys {
                let expected: &[u64] = if *sees { &[1] } else { &[] };
                assert_eq!(take_pending(&mut audiences, *key), expected, "{selectors:?}, {steps}");
                assert_eq!(touched.contains(key), *sees);
            }
            assert_eq!(touched.len(), 3);
        }
        // Two audiences with forty patterns, and eight topics.
        assert!(times[0] == 1 && times[3] > 2 * 40 * 8, "{times:?}");
    }
}

#[test]
fn an_audience_that_leaves_in_the_middle_of_its_grants_takes_its_progress_along() {
    for steps in 1..200 {
        let mut audiences = Audiences::new(Policies::default());
        let keys: Vec<_> = grants()
            .into_iter()
            .map(|(grants, sees)| (audiences.enter(set(&["*"]), grants, Sequence(0)), sees))
            .collect();
        let (event, mut touched) = (private(1), Vec::new());
        for _ in 0..steps {
            let budget = &mut Budget::new(Allowance::Steps(1));
            let _ = audiences.assign(&event, &mut touched, budget);
        }
        // The fourth is the first that takes long.
        audiences.leave(keys[3].0);
        assign_one(&mut audiences, &event, &mut touched, 1);
        for (key, sees) in keys.iter().filter(|(key, _)| *key != keys[3].0) {
            let expected: &[u64] = if *sees { &[1] } else { &[] };
            assert_eq!(take_pending(&mut audiences, *key), expected, "{steps}");
        }
    }
}
