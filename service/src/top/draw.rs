//! The view as cells of a screen, of a terminal or of text.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Row, Table, Widget as _};

use super::amounts::{bytes, count, number, of_unit, percent, seconds};
use super::status::{LimitStatus, ShardStatus, StreamStatus};
use super::view::ServerView;

const HEADER: u16 = 5;
/// The longest bar of a limit, and what stands around it: name, brackets, percentage and amounts.
const BAR: usize = 20;
const AROUND_BAR: usize = 52;
/// Smaller ones show nothing that could be read.
const SMALLEST: (u16, u16) = (60, 12);
/// From which share of a limit on it is drawn in a colour of its own, and in that of a warning.
const FAIR: f64 = 0.7;
const BAD: f64 = 0.9;

/// What colours mean; none where they are not wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    pub(super) colours: bool,
}

impl Palette {
    fn of(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    fn title(self) -> Style {
        if self.colours { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() }
    }

    fn of_filled(self, filled: f64) -> Style {
        match filled {
            BAD.. => self.of(Color::Red),
            FAIR.. => self.of(Color::Yellow),
            _ => self.of(Color::Green),
        }
    }
}

/// How many lines show all of it.
pub(super) fn height(view: &ServerView) -> u16 {
    let streams = view.streams().len().max(1) as u16 + 2;
    HEADER + middle(view) + streams + 1
}

fn middle(view: &ServerView) -> u16 {
    limits_of(view).len().max(view.sample.server.shards.len()) as u16 + 2
}

/// Draws all of it; `keys` says what can be pressed.
pub(super) fn draw(
    view: &ServerView,
    palette: Palette,
    keys: bool,
    area: Rect,
    buffer: &mut Buffer,
) {
    let (width, height) = SMALLEST;
    if area.width < width || area.height < height {
        let text = format!("{}x{} is too small; {width}x{height} will do", area.width, area.height);
        return Paragraph::new(text).render(area, buffer);
    }
    // On a small screen the streams keep a third of it.
    let middle = middle(view).min((area.height - HEADER).saturating_sub(area.height / 3));
    let parts = [
        Constraint::Length(HEADER),
        Constraint::Length(middle),
        Constraint::Min(3),
        Constraint::Length(1),
    ];
    let [header, middle, streams, footer] = Layout::vertical(parts).areas(area);
    Paragraph::new(header_of(view, palette)).render(header, buffer);
    let halves = [Constraint::Percentage(54), Constraint::Percentage(46)];
    let [limits, shards] = Layout::horizontal(halves).areas(middle);
    let bar = usize::from(limits.width).saturating_sub(AROUND_BAR).min(BAR);
    Paragraph::new(limit_lines(view, palette, bar)).render(limits, buffer);
    draw_shards(view, palette, shards, buffer);
    draw_streams(view, palette, streams, buffer);
    Paragraph::new(footer_of(view, palette, keys)).render(footer, buffer);
}

fn header_of(view: &ServerView, palette: Palette) -> Vec<Line<'static>> {
    let server = &view.sample.server;
    let state = match (&server.not_ready, server.ready) {
        (Some(problem), _) => Span::styled(problem.detail.clone(), palette.of(Color::Red)),
        (None, true) => Span::styled("ready", palette.of(Color::Green)),
        (None, false) => Span::styled("not ready", palette.of(Color::Red)),
    };
    let revision = server.revision.as_deref().map(|revision| format!(" ({revision:.9})"));
    let name = format!("fanfare {}{}", server.version, revision.unwrap_or_default());
    let at = format!("  {}  {}  up {}  ", view.admin, server.time, seconds(server.uptime_seconds));
    let mut first = vec![Span::styled(name, palette.title()), Span::raw(at), state];
    if view.paused {
        first.push(Span::styled("  paused", palette.of(Color::Yellow)));
    }
    let mut lines = vec![Line::from(first)];
    lines.extend(totals_of(view).into_iter().map(Line::from));
    lines
}

fn totals_of(view: &ServerView) -> [String; 3] {
    let server = &view.sample.server;
    let (streams, published) = (&server.streams, &server.published);
    let rate = |of: fn(&super::rates::PerSecond) -> f64| {
        view.rates.as_ref().map_or_else(|| "-".to_owned(), |rates| number(of(rates)))
    };
    let per_second = |of: fn(&super::rates::PerSecond) -> f64| {
        view.rates.as_ref().map_or_else(|| "-".to_owned(), |rates| bytes(of(rates)))
    };
    let cores = view.rates.as_ref().and_then(|rates| rates.cpu_cores);
    let cores = cores.map_or_else(|| "-".to_owned(), |cores| format!("{cores:.2}"));
    let process = &server.process;
    let resident = process.resident_bytes.map_or_else(|| "-".to_owned(), |size| bytes(size as f64));
    let problem = server.log.problem.as_deref();
    [
        format!(
            "streams {} ({} blocked, +{}/s -{}/s, lag at most {} events, {}; {} gap notices)   connections {} ({} rejected)",
            count(streams.open),
            count(streams.blocked),
            rate(|rates| rates.streams_opened),
            rate(|rates| rates.streams_closed),
            count(streams.lag_events_max),
            bytes(streams.lag_bytes_max as f64),
            count(streams.gap_notices_total),
            count(server.connections.open),
            count(server.connections.rejected_total),
        ),
        format!(
            "published {}/s, {}/s ({} waiting, {} rejected)   delivered {}/s, {}/s",
            rate(|rates| rates.published_events),
            per_second(|rates| rates.published_bytes),
            count(published.waiting),
            count(published.rejected_total),
            rate(|rates| rates.delivered_events),
            per_second(|rates| rates.delivered_bytes),
        ),
        format!(
            "log ({}) retains {} events, {}{}   CPU {cores} cores   memory {resident}   {} threads",
            server.log.kind,
            count(server.log.events),
            bytes(server.log.bytes as f64),
            problem.map(|problem| format!(", {problem}")).unwrap_or_default(),
            process.threads.map_or_else(|| "-".to_owned(), count),
        ),
    ]
}

/// Those that something approaches, the fullest first.
fn limits_of(view: &ServerView) -> Vec<(&str, &LimitStatus, f64)> {
    let limits = view.sample.server.limits.iter();
    let mut limits: Vec<_> =
        limits.filter_map(|(name, limit)| Some((name.as_str(), limit, limit.filled()?))).collect();
    limits.sort_by(|(_, _, one), (_, _, other)| other.total_cmp(one));
    limits
}

/// `cells` is how long a bar is.
fn limit_lines(view: &ServerView, palette: Palette, cells: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled("Limits, the fullest first", palette.title())];
    for (name, limit, filled) in limits_of(view) {
        // A log that is full works as it should.
        let is_retained = name.starts_with("retained") || name == "disk";
        let style = if is_retained { palette.of(Color::Cyan) } else { palette.of_filled(filled) };
        let [used, most] =
            [limit.used, limit.limit].map(|value| of_unit(value.unwrap_or_default(), &limit.unit));
        lines.push(Line::from(vec![
            Span::raw(format!("{:<20} ", name.replace('_', " "))),
            Span::styled(bar(filled, cells), style),
            Span::raw(format!(" {:>5} {used} of {most}", percent(filled))),
        ]));
    }
    lines
}

fn bar(filled: f64, cells: usize) -> String {
    if cells == 0 {
        return String::new();
    }
    let full = ((filled * cells as f64).round() as usize).min(cells);
    format!("[{}{}]", "#".repeat(full), "-".repeat(cells - full))
}

/// A column of a table: its title, its width, and how early it is given up where there is no room for all.
type Column = (&'static str, u16, u8);

/// Which columns there is room for, in their order.
fn columns_within(columns: &[Column], width: u16) -> Vec<usize> {
    let mut by_need: Vec<usize> = (0..columns.len()).collect();
    by_need.sort_by_key(|&at| columns[at].2);
    let mut left = width;
    by_need.retain(|&at| {
        let fits = columns[at].1 <= left;
        left = if fits { left - columns[at].1 } else { 0 };
        fits
    });
    by_need.sort_unstable();
    by_need
}

/// A table of the columns that there is room for.
fn draw_table(
    columns: &[Column],
    rows: impl Iterator<Item = (Style, Vec<String>)>,
    palette: Palette,
    area: Rect,
    buffer: &mut Buffer,
) {
    let shown = columns_within(columns, area.width);
    let rows = rows.map(|(style, mut cells)| {
        let cells = shown.iter().map(|&at| std::mem::take(&mut cells[at]));
        Row::new(cells.collect::<Vec<_>>()).style(style)
    });
    let last = shown.last().copied();
    let widths = shown.iter().map(|&at| match columns[at].1 {
        width if Some(at) == last => Constraint::Min(width),
        width => Constraint::Length(width),
    });
    let header = Row::new(shown.iter().map(|&at| columns[at].0)).style(palette.title());
    Table::new(rows, widths).header(header).column_spacing(0).render(area, buffer);
}

/// Their widths have room for a space behind each.
const SHARD_COLUMNS: [Column; 8] = [
    ("shard", 8, 0),
    ("streams", 8, 1),
    ("blocked", 8, 3),
    ("behind", 7, 4),
    ("longest", 9, 6),
    ("CPU", 9, 7),
    ("busy", 6, 2),
    ("sent/s", 9, 5),
];

const STREAM_COLUMNS: [Column; 10] = [
    ("stream", 13, 0),
    ("peer", 23, 5),
    ("protocol", 10, 8),
    ("age", 10, 4),
    ("lag", 10, 1),
    ("bytes", 11, 7),
    ("held", 11, 9),
    ("policy", 13, 6),
    ("state", 19, 2),
    ("selectors", 10, 3),
];

fn draw_shards(view: &ServerView, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let rows = view.sample.server.shards.iter().enumerate().map(|(index, shard)| {
        let rates = view.rates.as_ref().and_then(|rates| rates.shards.get(index));
        let rate = |of: fn(&super::rates::ShardPerSecond) -> String| {
            rates.map_or_else(|| "-".to_owned(), of)
        };
        let style = if shard.running { Style::new() } else { palette.of(Color::Red) };
        let busy = rate(|rates| percent(rates.busy_seconds));
        let sent = rate(|rates| number(rates.delivered_events));
        (style, shard_row(shard, busy, sent).to_vec())
    });
    draw_table(&SHARD_COLUMNS, rows, palette, area, buffer);
}

fn shard_row(shard: &ShardStatus, busy: String, sent: String) -> [String; 8] {
    let name =
        if shard.running { shard.shard.to_string() } else { format!("{} ended", shard.shard) };
    [
        name,
        count(shard.streams),
        count(shard.blocked),
        count(shard.events_behind),
        seconds(shard.iteration_seconds_max),
        seconds(shard.iteration_cpu_seconds_max),
        busy,
        sent,
    ]
}

fn draw_streams(view: &ServerView, palette: Palette, area: Rect, buffer: &mut Buffer) {
    let order = view.order.name();
    let title = format!("Slowest streams, by {order}");
    let [title_area, area] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
    Line::styled(title, palette.title()).render(title_area, buffer);
    if let Err(reason) = &view.sample.streams {
        return Paragraph::new(format!("not shown: {reason}")).render(area, buffer);
    }
    let rows = view.streams().iter().skip(view.first).map(|stream| {
        let style = if stream.blocked { palette.of(Color::Yellow) } else { Style::new() };
        (style, stream_row(stream).to_vec())
    });
    draw_table(&STREAM_COLUMNS, rows, palette, area, buffer);
}

fn stream_row(stream: &StreamStatus) -> [String; 10] {
    let more = stream.selectors_count.saturating_sub(stream.selectors.len() as u64);
    let mut selectors = stream.selectors.join(" ");
    if more > 0 {
        selectors += &format!(" and {more} more");
    }
    let known = |lag: Option<String>| lag.unwrap_or_else(|| "-".to_owned());
    [
        stream.id.clone(),
        stream.peer_name().to_owned(),
        stream.protocol.clone().unwrap_or_else(|| "-".to_owned()),
        seconds(stream.age_seconds),
        known(stream.lag_events.map(count)),
        known(stream.lag_bytes.map(|lag| bytes(lag as f64))),
        bytes(stream.held_bytes as f64),
        stream.policy.clone(),
        if stream.blocked { format!("{}, blocked", stream.state) } else { stream.state.clone() },
        selectors,
    ]
}

fn footer_of(view: &ServerView, palette: Palette, keys: bool) -> Line<'static> {
    if let Some(trouble) = &view.trouble {
        return Line::styled(trouble.clone(), palette.of(Color::Red));
    }
    if keys {
        Line::raw("q quit   s sort   p pause   arrows and page keys scroll")
    } else {
        Line::raw("")
    }
}
