//! What every page must be, whatever the result: well-formed, closed to the network, and safe.
//!
//! `elements` reads markup strictly: every attribute quoted, every element closed in its order.

use super::*;
use crate::report::sample;

const VOID: [&str; 2] = ["meta", "br"];

/// The names of all elements, after a check that they are nested rightly.
fn elements(page: &str) -> Vec<String> {
    let (mut names, mut open) = (Vec::new(), Vec::new());
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("the tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed in its order");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split_whitespace().next().unwrap_or_default().to_owned();
        names.push(name.clone());
        if name == "style" || name == "script" {
            let close = format!("</{name}>");
            rest = &rest[rest.find(&close).expect("it is closed") + close.len()..];
        } else if !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    names
}

#[test]
fn every_element_is_closed_in_its_order() {
    for file in [sample::file(1), sample::file(3)] {
        let names = elements(&html(&file));
        assert!(names.iter().filter(|name| *name == "figure").count() >= 5);
    }
}

#[test]
fn the_page_needs_no_network() {
    let page = html(&sample::file(1));
    for loader in [" src=", "href=", "url(", "@import", "fetch(", "XMLHttpRequest", "<link"] {
        assert!(!page.contains(loader), "{loader}");
    }
}

#[test]
fn names_from_outside_are_text_and_never_markup() {
    let evil = "\"><script>alert(1)</script>";
    let mut file = sample::file(1);
    file.runs.push(sample::run());
    for run in &mut file.runs {
        run.name = evil.to_owned();
        run.about = Some(evil.to_owned());
        run.subscribers.server_header = Some(evil.to_owned());
        run.subscribers.failures = [(evil.to_owned(), 1)].into();
        run.settings = [(evil.to_owned(), evil.into())].into();
        run.verdict.headline = evil.to_owned();
        run.slos[0].expression = evil.to_owned();
        run.own.workers[0].name = evil.to_owned();
        run.correctness.examples[0].what = evil.to_owned();
        run.server.as_mut().expect("there").metrics[0].series = evil.to_owned();
    }
    let page = html(&file);
    assert!(!page.contains("<script>alert"), "escaped");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    elements(&page);
}

#[test]
fn several_runs_have_a_table_and_only_the_last_is_unfolded() {
    let page = html(&sample::file(3));
    assert_eq!(page.matches("<details class=\"run\"").count(), 3);
    assert_eq!(page.matches("<details class=\"run\" open").count(), 1);
    assert!(page.contains("<th scope=\"row\">Median</th>"));
    assert!(!html(&sample::file(1)).contains("Median</th>"));
}

#[test]
fn every_drawing_says_what_it_shows_to_those_who_cannot_see_it() {
    let page = html(&sample::file(1));
    let drawings = page.matches("<svg").count();
    let drawn = page.matches("<svg role=\"img\" aria-label=\"").count();
    let keys = page.matches("<svg class=\"key\" aria-hidden=\"true\"").count();
    let inner = page.matches("<svg viewBox").count();
    assert!(drawn >= 5);
    assert_eq!(drawings, drawn + keys + inner);
    assert_eq!(drawn, inner);
}

#[test]
fn a_run_in_which_nothing_happened_and_a_file_without_runs_are_pages_too() {
    let empty = ResultFile { schema: String::new(), runs: vec![sample::empty()] };
    elements(&html(&empty));
    assert!(!html(&empty).contains("<figure"));
    elements(&html(&sample::file(0)));
}

#[test]
fn damaged_histograms_leave_their_charts_out_and_keep_the_tables() {
    let mut file = sample::file(1);
    let delivery = &mut file.runs[0].delivery;
    for distribution in [&mut delivery.intended, &mut delivery.actual, &mut delivery.fairness] {
        distribution.as_mut().expect("there").hdr = "zz".to_owned();
    }
    let page = html(&file);
    assert!(!page.contains("Latency by percentile"));
    assert!(page.contains("p99.99"));
}

#[test]
fn a_run_of_a_day_is_drawn_with_few_points() {
    let mut file = sample::file(1);
    let seconds = &mut file.runs[0].seconds;
    let one = seconds[0].clone();
    *seconds = (0..86_400).map(|second| crate::result::Second { second, ..one.clone() }).collect();
    let page = html(&file);
    assert!(page.len() < 1_500_000, "{}", page.len());
    assert!(page.contains("the worst of 96 seconds"));
}
