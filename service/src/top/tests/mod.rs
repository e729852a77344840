//! What is shown, on a screen that is none; and what is said when there is nothing to show.

mod answers;
mod keys;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::draw::{self, Palette};
use super::rates::{PerSecond, ShardPerSecond};
use super::snapshot;
use super::status::{ServerStatus, StatusSample, StreamList};
use super::view::{KeyCommand, ServerView};

const STATUS: &str = include_str!("status.json");
const STREAMS: &str = include_str!("streams.json");
const SCREEN: &str = include_str!("screen.txt");

fn status() -> Value {
    serde_json::from_str(STATUS).unwrap()
}

fn look_of(status: Value) -> StatusSample {
    let streams_json: Value = serde_json::from_str(STREAMS).unwrap();
    StatusSample {
        server: ServerStatus::deserialize(&status).unwrap(),
        server_json: status,
        streams: Ok(StreamList::deserialize(&streams_json).unwrap()),
        streams_json,
    }
}

/// Two seconds later, with as much as a second sample would have.
fn later() -> Value {
    let mut status = status();
    status["uptime_seconds"] = json!(3602.0);
    status["time"] = json!("2026-11-29T10:58:02.000Z");
    status["published"]["events_total"] = json!(5_240);
    status["published"]["bytes_total"] = json!(1_502_048);
    status["delivered"]["events_total"] = json!(1_038_000);
    status["delivered"]["bytes_total"] = json!(104_194_304);
    status["streams"]["opened_total"] = json!(20_024);
    status["streams"]["closed_total"] = json!(1_006);
    status["process"]["cpu_seconds_total"] = json!(61.26);
    status["shards"][0]["busy_seconds_total"] = json!(13.5);
    status["shards"][0]["events_delivered_total"] = json!(1_038_000);
    status
}

fn view() -> ServerView {
    let mut view = ServerView::new("http://127.0.0.1:9090/".to_owned(), look_of(status()));
    view.take(look_of(later()));
    view
}

fn screen(view: &ServerView, (width, height): (u16, u16), colours: bool) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let palette = Palette { colours };
    let drawn = terminal.draw(|frame| {
        draw::draw(view, palette, true, frame.area(), frame.buffer_mut());
    });
    drawn.unwrap();
    terminal.backend().clone()
}

fn lines(view: &ServerView, size: (u16, u16)) -> Vec<String> {
    snapshot::lines(screen(view, size, false).buffer())
}

#[test]
fn a_screen_shows_rates_limits_shards_and_the_slowest_streams() {
    let lines = lines(&view(), (150, 24));
    assert_eq!(lines.join("\n").trim_end(), SCREEN.trim_end(), "\n{}", lines.join("\n"));
}

#[test]
fn on_a_small_screen_columns_are_left_out_and_no_two_run_together() {
    let titles = ["shard", "streams", "blocked", "behind", "longest", "busy", "sent/s"];
    let of_streams = ["stream", "peer", "protocol", "lag", "state", "selectors", "policy"];
    for (width, shards, streams) in [(150, 7, 7), (110, 6, 6), (80, 5, 4), (60, 3, 4)] {
        let lines = lines(&view(), (width, 24));
        let words = |begin: &str| {
            let header = lines.iter().find(|line| line.contains(begin)).unwrap();
            header.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let shown = |begin: &str, titles: &[&str]| {
            let words = words(begin);
            titles.iter().filter(|title| words.iter().any(|word| word == *title)).count()
        };
        let text = lines.join("\n");
        assert_eq!(shown("shard", &titles), shards, "{width}\n{text}");
        assert_eq!(shown("stream ", &of_streams), streams, "{width}\n{text}");
        assert!(text.contains("61.4 MiB of 64.0 MiB") || width < 110, "{width}\n{text}");
    }
}

#[test]
fn rates_are_those_of_the_time_between_two_looks_and_of_one_process() {
    let of = |status: Value| ServerStatus::deserialize(&status).unwrap();
    let expected = PerSecond {
        published_events: 120.0,
        published_bytes: 1_024.0,
        delivered_events: 19_000.0,
        delivered_bytes: 2_097_152.0,
        streams_opened: 12.0,
        streams_closed: 3.0,
        cpu_cores: Some(0.53),
        shards: vec![
            ShardPerSecond { delivered_events: 19_000.0, busy_seconds: 0.5 },
            ShardPerSecond { delivered_events: 0.0, busy_seconds: 0.0 },
        ],
    };
    let mut rates = PerSecond::between(&of(status()), &of(later())).unwrap();
    rates.cpu_cores = rates.cpu_cores.map(|cores| (cores * 1e6).round() / 1e6);
    assert_eq!(rates, expected);
    assert_eq!(PerSecond::between(&of(later()), &of(later())), None, "no time has passed");
    let mut restarted = later();
    restarted["started"] = json!("2026-11-29T10:57:00.000Z");
    assert_eq!(PerSecond::between(&of(status()), &of(restarted)), None);
}

#[test]
fn colours_say_what_is_near_its_limit_and_without_them_there_are_none() {
    let colours = |colours: bool| {
        let screen = screen(&view(), (150, 24), colours);
        let cells = screen.buffer().content.clone();
        (cells, screen.buffer().area.width)
    };
    let (cells, width) = colours(true);
    let colour_of = |name: &str| {
        let line = cells.chunks(usize::from(width)).find(|row| {
            let text: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
            text.starts_with(name)
        });
        line.unwrap_or_else(|| panic!("{name}"))[22].fg
    };
    for (name, colour) in [
        ("retained events", Color::Cyan),
        ("output buffers", Color::Red),
        ("lag events", Color::Yellow),
        ("connections", Color::Green),
    ] {
        assert_eq!(colour_of(name), colour, "{name}");
    }
    let (cells, _) = colours(false);
    assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.modifier == Modifier::empty()));
}

#[test]
fn a_screen_of_any_size_is_drawn_and_one_that_is_too_small_says_so() {
    for width in [1, 2, 59, 60, 61, 80, 100, 149, 200] {
        for height in [1, 11, 12, 13, 24, 60] {
            let lines = lines(&view(), (width, height));
            if width >= 60 && height >= 12 {
                assert!(lines[0].starts_with("fanfare 0.1.0"), "{width}x{height}: {}", lines[0]);
                assert!(lines.iter().any(|line| line.starts_with("Slowest")), "{width}x{height}");
            }
        }
    }
    assert_eq!(lines(&view(), (59, 12))[0], "59x12 is too small; 60x12 will do");
}

#[test]
fn as_text_everything_is_there_however_many_streams_there_are() {
    let mut sample = look_of(status());
    let list = sample.streams.as_mut().unwrap();
    list.streams = (0..100).flat_map(|_| list.streams.clone()).collect();
    let view = ServerView::new("http://127.0.0.1:9090/".to_owned(), sample);
    let text = snapshot::text(&view);
    assert_eq!(text.lines().filter(|line| line.contains("orders/{id}")).count(), 100);
    assert!(text.lines().any(|line| line.contains("published -/s")), "one sample has no rates");
    assert!(!text.contains('\u{1b}') && text.ends_with('\n'));
}

#[test]
fn as_json_there_is_what_was_answered_and_the_rates() {
    let json = snapshot::json(&view());
    assert_eq!(json["status"], later());
    assert_eq!(json["streams"]["streams"][0]["id"], "0-17-3");
    assert_eq!(json["per_second"]["published_events"], 120.0);
    assert!(json["streams_not_shown"].is_null());
}

#[test]
fn what_is_not_to_be_seen_says_why_and_the_rest_is_shown() {
    let streams = Err("this needs the token; give the file with it with --token-file".to_owned());
    let sample = StatusSample { streams, streams_json: Value::Null, ..look_of(status()) };
    let view = ServerView::new("http://127.0.0.1:9090/".to_owned(), sample);
    let text = snapshot::text(&view);
    assert!(text.contains("not shown: this needs the token; give the file"), "{text}");
    assert!(text.contains("streams 19,000"), "{text}");
}
