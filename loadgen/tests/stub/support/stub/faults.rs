//! The faults of the stub server, as data: which fault at which event, how streams are written,
//! which subscribers are admitted, and how publish calls are responded to. The default has no
//! fault.
//!
//! Events are named by their id, which is their number within their topic, from 1. A mistake is
//! made at every stream that is there when its event comes, and never when an event is sent again
//! to a stream that resumes.

use std::time::Duration;

use super::hub::Event;
use crate::support::LATENCY;

/// All faults of a stub server.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    pub(crate) event_faults: Vec<(u64, EventFault)>,
    pub(crate) format: Format,
    pub(crate) admission: Admission,
    pub(crate) responses: PublishResponses,
    /// The delay before an event is written to each subscriber.
    pub(crate) latency: fn(&Event) -> Duration,
    /// Bytes of the send buffer of each stream; the kernel's choice when absent.
    pub(crate) send_buffer: Option<usize>,
    pub(crate) when_slow: WhenSlow,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            event_faults: Vec::new(),
            format: Format::default(),
            admission: Admission::default(),
            responses: PublishResponses::default(),
            latency: |_| LATENCY,
            send_buffer: None,
            when_slow: WhenSlow::default(),
        }
    }
}

impl Faults {
    /// Does this at these events.
    pub(crate) fn at(event_faults: &[(u64, EventFault)]) -> Self {
        Self { event_faults: event_faults.to_vec(), ..Self::default() }
    }
}

/// A fault at an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum EventFault {
    /// It is never sent.
    Drop,
    /// It is sent again.
    Repeat,
    /// It is sent after the one that follows it.
    Swap,
    /// This byte of its data is changed.
    Damage(usize),
    /// An event of another topic comes with it.
    OtherTopic,
    /// An event of another run comes with it.
    OtherRun,
    /// An event that was not published comes with it.
    Unpublished,
    /// Before it, an event of this kind says that so many are missing, or that some are.
    AnnounceLoss(&'static str, Option<u64>),
    /// The stream waits for so long before it, and everything behind it waits with it.
    Stall(Duration),
    /// Before it comes a chunk whose length is no number.
    BreakChunk,
    /// The stream ends there.
    Cut(Cut, Place),
}

/// How a stream is ended by the server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cut {
    /// The body is complete, and the connection is closed.
    Finish,
    /// The connection is closed in order, whatever the body lacks.
    Fin,
    /// The connection is reset.
    Rst,
}

/// Where in the event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// Before its first byte.
    Before,
    /// In the middle of its data.
    Within,
    /// When only the empty line is missing.
    BeforeItsEnd,
}

/// How streams are written. None of this is a mistake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    pub(crate) frame: Frame,
    pub(crate) pieces: Pieces,
    pub(crate) line_end: &'static str,
    /// A byte order mark comes first.
    pub(crate) mark: bool,
    /// Comments stand before, between and behind the lines of an event.
    pub(crate) comments: bool,
    /// A stream begins with `retry:`, in milliseconds.
    pub(crate) retry: Option<u32>,
}

impl Default for Format {
    fn default() -> Self {
        Self {
            frame: Frame::Chunks,
            pieces: Pieces::Whole,
            line_end: "\n",
            mark: false,
            comments: false,
            retry: None,
        }
    }
}

/// How the body is framed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Frame {
    Chunks,
    /// It ends with the connection.
    UntilClose,
}

/// What is written at once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pieces {
    /// An event.
    Whole,
    /// So many bytes, of whatever they are part.
    Of(usize),
    /// So many events.
    Together(usize),
}

/// Which subscribers are admitted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Admission {
    #[default]
    Open,
    /// So many are rejected first.
    RejectFirst(usize, Rejection),
}

/// How a subscriber is rejected.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rejection {
    Status(u16),
    /// 200, but no event stream.
    Json,
    /// The connection is closed before a byte.
    Close,
    /// The response is not HTTP.
    NotHttp,
    /// These bytes are sent, and the connection is closed in order.
    Sends(&'static str),
    /// These bytes are sent, and the connection stays open.
    Holds(&'static str),
    /// The first is sent, and then the second again and again, until the other side is gone.
    Drips(&'static str, &'static str),
}

/// How publish calls are responded to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PublishResponses {
    /// Every so many-th is refused.
    pub(crate) refuse_every: Option<u64>,
    /// Each takes so long.
    pub(crate) delay: Duration,
    /// The one of this number takes so long, and neither is its event delivered before that.
    pub(crate) stop_at: Option<(u64, Duration)>,
    /// Each begins with the first, and then the second comes again and again.
    pub(crate) drips: Option<(&'static str, &'static str)>,
}

/// What is done about a subscriber that does not keep up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum WhenSlow {
    /// The server waits for it.
    #[default]
    Wait,
    /// It is closed when a write takes so long.
    Close(Duration),
    /// What is so late is not sent any more; a notice says how much was missed.
    Skip(Duration),
}

/// How a stream of the server ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ending {
    /// By a fault.
    Cut,
    /// Because the subscriber did not keep up.
    WhenSlow,
    /// The subscriber is gone.
    PeerClosed,
}
