//! Reading `text/event-stream`, as the HTML standard says in "Parsing an event stream" and
//! "Interpreting an event stream"
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! Bytes come in any segments; events go out as slices of what came in, copied only when a segment
//! ends within an event or an event has several `data` lines. Text is not decoded: payloads are
//! compared byte for byte, and a replacement character would hide damage. One deliberate
//! difference: the last event id outlives the stream that set it, as in browsers, because resuming
//! needs it.

mod parser;
#[cfg(test)]
mod standard;
#[cfg(test)]
mod tables;

pub use parser::{Event, Parser, TooLong};
