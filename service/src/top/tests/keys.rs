//! Keys, and what becomes of what is shown.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::super::terminal::key_of;
use super::super::view::Order;
use super::*;

fn first_stream(view: &ServerView) -> String {
    let lines = lines(view, (150, 24));
    let header = lines.iter().position(|line| line.starts_with("stream ")).unwrap();
    lines[header + 1].split_whitespace().next().unwrap_or_default().to_owned()
}

#[test]
fn keys_mean_what_the_last_line_says() {
    let cases = [
        (KeyCode::Char('q'), KeyModifiers::NONE, Some(KeyCommand::Quit)),
        (KeyCode::Esc, KeyModifiers::NONE, Some(KeyCommand::Quit)),
        (KeyCode::Char('c'), KeyModifiers::CONTROL, Some(KeyCommand::Quit)),
        (KeyCode::Char('c'), KeyModifiers::NONE, None),
        (KeyCode::Char('s'), KeyModifiers::NONE, Some(KeyCommand::Sort)),
        (KeyCode::Char('p'), KeyModifiers::NONE, Some(KeyCommand::Pause)),
        (KeyCode::Up, KeyModifiers::NONE, Some(KeyCommand::Up(1))),
        (KeyCode::PageDown, KeyModifiers::NONE, Some(KeyCommand::Down(10))),
        (KeyCode::Home, KeyModifiers::NONE, Some(KeyCommand::Top)),
        (KeyCode::Char('x'), KeyModifiers::NONE, None),
    ];
    for (code, modifiers, expected) in cases {
        assert_eq!(key_of(KeyEvent::new(code, modifiers)), expected, "{code:?}");
    }
    let released =
        KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, KeyEventKind::Release);
    assert_eq!(key_of(released), None);
}

#[test]
fn s_sorts_by_one_thing_after_the_other_and_begins_at_the_top() {
    let mut view = view();
    view.press(KeyCommand::Down(1));
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push((view.order, first_stream(&view)));
        view.press(KeyCommand::Sort);
    }
    // Who replays is behind by a number that nobody knows yet, and stands first.
    let expected = [
        (Order::LagEvents, "0-17-3"),
        (Order::LagBytes, "0-18-1"),
        (Order::HeldBytes, "0-18-1"),
        (Order::Age, "0-19-1"),
    ];
    assert_eq!(seen, expected.map(|(order, first)| (order, first.to_owned())));
    assert_eq!(view.order, Order::LagEvents);
}

#[test]
fn p_keeps_what_is_shown_until_it_is_pressed_again() {
    let mut view = view();
    view.press(KeyCommand::Pause);
    view.fail("the server is away".to_owned());
    view.take(look_of(status()));
    let paused = lines(&view, (150, 24));
    assert!(paused[0].ends_with("ready  paused") && paused[0].contains("10:58:02"), "{paused:#?}");
    view.press(KeyCommand::Pause);
    view.take(look_of(status()));
    assert!(lines(&view, (150, 24))[0].contains("10:58:00"));
}

#[test]
fn arrows_scroll_as_far_as_there_are_streams() {
    let mut view = view();
    for (key, expected) in [
        (KeyCommand::Up(1), "0-18-1"),
        (KeyCommand::Down(1), "0-17-3"),
        (KeyCommand::Down(10), "0-19-1"),
        (KeyCommand::Up(1), "0-17-3"),
        (KeyCommand::Top, "0-18-1"),
    ] {
        view.press(key);
        assert_eq!(first_stream(&view), expected, "{key:?}");
    }
    // Streams that have gone are not scrolled past.
    view.press(KeyCommand::Down(10));
    let mut sample = look_of(later());
    sample.streams.as_mut().unwrap().streams.truncate(1);
    view.take(sample);
    assert_eq!(first_stream(&view), "0-17-3");
    assert!(!view.has_ended());
    view.press(KeyCommand::Quit);
    assert!(view.has_ended());
}

#[test]
fn a_server_that_goes_away_is_told_beside_what_was_last_seen_and_forgotten_when_it_is_back() {
    let mut view = view();
    view.fail("cannot reach http://127.0.0.1:9090/ (Connection refused)".to_owned());
    let away = lines(&view, (150, 24));
    assert!(away.last().unwrap().starts_with("cannot reach"), "{away:#?}");
    assert!(away[1].contains("streams 19,000") && away[2].contains("published -/s"), "{away:#?}");
    view.take(look_of(later()));
    assert!(lines(&view, (150, 24)).last().unwrap().starts_with("q quit"));
}
