//! One sample as text, or as JSON: for a pipe, a file, a terminal that is none.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Value, json};

use super::draw::{self, Palette};
use super::view::ServerView;

/// Wide enough for all columns, and for selectors of some length.
const WIDTH: u16 = 150;

/// All that there is, as plain text.
pub(super) fn text(view: &ServerView) -> String {
    let area = Rect::new(0, 0, WIDTH, draw::height(view));
    let mut buffer = Buffer::empty(area);
    draw::draw(view, Palette { colours: false }, false, area, &mut buffer);
    let mut text = lines(&buffer).join("\n");
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The lines of a screen, without the blanks behind them.
pub(super) fn lines(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width).max(1);
    let rows = buffer.content.chunks(width);
    rows.map(|row| {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    })
    .collect()
}

/// What the server answered, and the rates since the sample before.
pub(super) fn json(view: &ServerView) -> Value {
    json!({
        "status": view.sample.server_json,
        "streams": view.sample.streams_json,
        "streams_not_shown": view.sample.streams.as_ref().err(),
        "per_second": view.rates,
    })
}
