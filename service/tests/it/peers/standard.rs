//! The event stream format as the HTML standard interprets it (section 9.2.6), for what curl
//! prints.
//!
//! It is written from the standard's text alone and shares nothing with the server, which never
//! reads streams. It takes whole lines, as curl passes them on.

use super::peer::Seen;

/// The state of a stream, in the standard's own words.
#[derive(Debug, Default)]
pub(super) struct Parser {
    begun: bool,
    data: String,
    event_type: String,
    last_event_id: String,
    retry: Option<u64>,
}

impl Parser {
    /// Takes what ends with a line feed, and gives the event that it completes. Several come only
    /// where carriage returns end lines too.
    pub(super) fn feed(&mut self, text: &str) -> Vec<Seen> {
        let mut text = text.strip_suffix('\n').unwrap_or(text);
        text = text.strip_suffix('\r').unwrap_or(text);
        if !self.begun {
            self.begun = true;
            text = text.strip_prefix('\u{feff}').unwrap_or(text);
        }
        text.split('\r').filter_map(|line| self.line(line)).collect()
    }

    fn line(&mut self, line: &str) -> Option<Seen> {
        if line.is_empty() {
            return self.dispatch();
        }
        match line.split_once(':') {
            Some(("", _)) => {}
            Some((field, value)) => self.field(field, value.strip_prefix(' ').unwrap_or(value)),
            None => self.field(line, ""),
        }
        None
    }

    fn field(&mut self, name: &str, value: &str) {
        match name {
            "event" => value.clone_into(&mut self.event_type),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.last_event_id),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) -> Option<Seen> {
        let mut data = std::mem::take(&mut self.data);
        let event_type = std::mem::take(&mut self.event_type);
        let retry = self.retry.take();
        // Without a line of data there is no event, whatever else was said.
        data.pop()?;
        let event = if event_type.is_empty() { "message".to_owned() } else { event_type };
        let id = Some(self.last_event_id.clone()).filter(|id| !id.is_empty());
        Some(Seen { id, event, data, retry })
    }
}

/// A stream, and the ids, names and data of its events.
type Example = (&'static str, &'static [(&'static str, &'static str, &'static str)]);

#[test]
fn the_examples_of_the_standard_are_read_as_it_says() {
    let cases: [Example; 6] = [
        ("data: YHOO\ndata: +2\ndata: 10\n\n", &[("", "message", "YHOO\n+2\n10")]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &[
                ("1", "message", "first event"),
                ("", "message", "second event"),
                ("", "message", " third event"),
            ],
        ),
        ("data\n\ndata\ndata\n\ndata:\n", &[("", "message", ""), ("", "message", "\n")]),
        ("data:test\n\ndata: test\n\n", &[("", "message", "test"), ("", "message", "test")]),
        ("\u{feff}event: add\r\ndata: 73857293\r\n\r\n", &[("", "add", "73857293")]),
        ("id: 7\rretry: 10\r\rdata: a\rdata: b\r\r\n", &[("7", "message", "a\nb")]),
    ];
    for (stream, expected) in cases {
        let mut parser = Parser::default();
        let seen: Vec<_> =
            stream.split_inclusive('\n').flat_map(|text| parser.feed(text)).collect();
        let seen: Vec<_> = seen
            .iter()
            .map(|it| (it.id.as_deref().unwrap_or(""), it.event.as_str(), it.data.as_str()))
            .collect();
        assert_eq!(seen, expected, "{stream:?}");
    }
}
