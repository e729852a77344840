//! `fanfare data export`: the events as lines of NDJSON that `POST /events` takes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::RandomState;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

use serde::Serialize;

use super::check;
use super::superseded::{NamesSeen, Superseded};
use super::tally::{Tally, length};
use crate::event::{
    DraftError, DraftFields, Event, EventContent, EventLimits, ReservedName, ReservedNames,
    Sequence,
};
use crate::http::HttpSettings;
use crate::log::{FolderContents, FolderFinding};

/// How many ids, and topics that have ended, are compared as text in one reading of the folder.
const COMPARED_AT_ONCE: usize = 1 << 17;

/// The limits of events belong to the server that takes them; only names are looked at here. Far below
/// the largest number, since the server reckons with twice as much.
const UNLIMITED: EventLimits = EventLimits {
    data_bytes_max: 1 << 40,
    topics_max: usize::MAX,
    topic_bytes_max: usize::MAX,
    reserved: ReservedNames { demonstrations: true },
};

/// An event as a line.
#[derive(Serialize)]
struct ExportedEvent<'a> {
    topic: Vec<&'a str>,
    data: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    /// Only one that the publisher brought: the other server makes its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<u32>,
    #[serde(skip_serializing_if = "is_false")]
    private: bool,
    #[serde(skip_serializing_if = "is_false")]
    end: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Writes the events, and notes what is left out; whether no event is lost
/// to damage.
pub(super) fn export(
    contents: &FolderContents,
    output: &mut impl Write,
    notes: &mut impl Write,
) -> io::Result<bool> {
    let (kept, superseded) = look_through(contents)?;
    let output = BufWriter::new(output);
    let mut lines =
        ExportedLines { output, superseded, left_out: BTreeMap::new(), exported: 0, longest: 0 };
    for event in kept.values() {
        lines.put(event)?;
    }
    let mut tally = Tally::default();
    let mut written = Ok(());
    contents.read(&mut |finding| {
        tally.add(&finding);
        written = match &finding {
            FolderFinding::Event(event) => lines.put(event),
            FolderFinding::Again(_) | FolderFinding::TornTail { .. } => Ok(()),
            FolderFinding::Hole(missing) => {
                let count = length(missing);
                writeln!(notes, "a hole: events lost before, from {} on: {count}", missing.start)
            }
            FolderFinding::Problem(problem) => writeln!(notes, "{}", check::line(problem)),
        };
        if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    written?;
    lines.end(tally.events + kept.len() as u64, notes)?;
    if tally.missing > 0 {
        writeln!(notes, "missing because of damage: {}", tally.missing)?;
    }
    Ok(tally.harmful == 0)
}

/// Lines that are written, and what has come of the events.
struct ExportedLines<W: Write> {
    output: BufWriter<W>,
    superseded: Superseded,
    /// How many events, by the reason.
    left_out: BTreeMap<String, u64>,
    exported: u64,
    /// The bytes of the longest line.
    longest: usize,
}

impl<W: Write> ExportedLines<W> {
    fn put(&mut self, event: &Event) -> io::Result<()> {
        let line = match self.superseded.reason(event.sequence()) {
            Some(reason) => Err(reason.to_owned()),
            None => line(event),
        };
        match line {
            Ok(line) => {
                let line = line?;
                self.exported += 1;
                self.longest = self.longest.max(line.len());
                self.output.write_all(&line)?;
                self.output.write_all(b"\n")
            }
            Err(reason) => {
                *self.left_out.entry(reason).or_default() += 1;
                Ok(())
            }
        }
    }

    /// Writes what is left, and notes what has come of so many events.
    fn end(mut self, all: u64, notes: &mut impl Write) -> io::Result<()> {
        self.output.flush()?;
        writeln!(notes, "exported: {} of {all} events", self.exported)?;
        for (reason, count) in &self.left_out {
            writeln!(notes, "left out: {count}, because {reason}")?;
        }
        // In JSON a control character has six bytes, and what is longer than usual is refused.
        if self.longest > HttpSettings::default().body_bytes_max {
            let longest = self.longest;
            writeln!(
                notes,
                "the longest line has {longest} bytes; start the server that is to take it with --body-max {longest} or more"
            )?;
        }
        Ok(())
    }
}

/// The events that rules had written again, of before the oldest segment, and which of all events an empty
/// server must not be sent. Which of the former a newer one has superseded by its rule only the rules know:
/// a server with the same ones finds out.
fn look_through(contents: &FolderContents) -> io::Result<(BTreeMap<Sequence, Event>, Superseded)> {
    let (mut kept, mut first) = (BTreeMap::new(), None);
    let mut names = NamesSeen::<RandomState>::default();
    contents.read(&mut |finding| {
        match finding {
            FolderFinding::Again(event) => {
                kept.insert(event.sequence(), event);
            }
            FolderFinding::Event(event) => {
                first.get_or_insert(event.sequence());
                names.add(&event);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    })?;
    kept.retain(|sequence, _| first.is_none_or(|first| *sequence < first));
    for event in kept.values() {
        names.add_earlier(event);
    }
    let superseded = names.into_shared().superseded(COMPARED_AT_ONCE, |each| {
        for event in kept.values() {
            each(event);
        }
        contents.read(&mut |finding| {
            if let FolderFinding::Event(event) = &finding {
                each(event);
            }
            ControlFlow::Continue(())
        })
    })?;
    Ok((kept, superseded))
}

/// The line of an event without its end, or why no server would take it from a publisher.
fn line(event: &Event) -> Result<io::Result<Vec<u8>>, String> {
    if event.is_for_one_stream() {
        return Err("events for one stream alone are nobody else's".to_owned());
    }
    let content = event.content();
    let mut data = Vec::with_capacity(content.data.bytes());
    content.data.put(&mut data);
    let data = String::from_utf8(data).map_err(|error| error.to_string())?;
    check_names(&content).map_err(|error| reason(&error))?;
    let exported = ExportedEvent {
        topic: content.topics.into_vec(),
        data: &data,
        r#type: content.event_type,
        id: content.id,
        retry: content.retry_ms,
        private: content.private,
        end: content.ends_topic,
    };
    Ok(serde_json::to_vec(&exported).map_err(io::Error::from))
}

/// Why a name keeps an event out.
fn reason(error: &DraftError) -> String {
    match error {
        // Of those of a server without demonstrations nothing tells that they were its publishers'.
        DraftError::Reserved(ReservedName::DemonstrationTopic) => {
            "topics that begin with `demo/` may be those of the demonstrations, which each server publishes itself".to_owned()
        }
        error => error.to_string(),
    }
}

fn check_names(content: &EventContent<'_>) -> Result<(), DraftError> {
    let fields = DraftFields {
        topics: content.topics.iter().map(|&topic| Cow::Borrowed(topic)).collect(),
        event_type: content.event_type.map(Cow::Borrowed),
        id: content.id.map(Cow::Borrowed),
        private: content.private,
        ..DraftFields::default()
    };
    fields.check(&UNLIMITED).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::event::{Buffers, Draft, EncodedEvent, Epoch, EventType};
    use crate::topic::Topic;

    fn exported(draft: Draft) -> Result<String, String> {
        let place = (1_795_000_000_000, None::<Instant>);
        let epoch = Epoch::begun_at(1_795_000_000_000, 7);
        let event = EncodedEvent::encode(draft);
        let event = event.assign(Sequence(1), place, epoch, &Buffers::default());
        line(&event).map(|line| String::from_utf8(line.unwrap()).unwrap())
    }

    fn draft(topic: &str) -> Draft {
        Draft::new(Topic::parse(topic, 100).unwrap(), "a\nb".to_owned())
    }

    #[test]
    fn an_event_is_a_line_without_the_id_that_the_server_gave_it() {
        let line = "{\"topic\":[\"t\"],\"data\":\"a\\nb\"}";
        assert_eq!(exported(draft("t")).unwrap(), line);
        let private = "{\"topic\":[\"t\"],\"data\":\"a\\nb\",\"private\":true}";
        assert_eq!(exported(draft("t").private()).unwrap(), private);
        let last = "{\"topic\":[\"t\"],\"data\":\"a\\nb\",\"end\":true}";
        assert_eq!(exported(draft("t").ending_topic()).unwrap(), last);
    }

    #[test]
    fn what_no_publisher_may_send_is_left_out_with_the_reason() {
        let named = |name| draft("t").named(EventType::parse(name).unwrap());
        let cases = [
            (draft("t").for_one_stream(), "for one stream alone"),
            (
                draft("demo/time"),
                "topics that begin with `demo/` may be those of the demonstrations",
            ),
            (draft("fanfare/stats"), "topics that begin with `fanfare/`"),
            (draft("/.well-known/mercure/subscriptions/a"), "topics below"),
            (named("mercure"), "the types"),
            (named("fanfare-gap"), "the types"),
        ];
        for (draft, why) in cases {
            let reason = exported(draft).unwrap_err();
            assert!(reason.contains(why), "{reason}");
        }
    }
}
