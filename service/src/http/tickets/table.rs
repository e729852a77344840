//! Which tickets have opened a stream, so that each opens one at a time.
//!
//! A ticket opens a stream soon after it was made, or not at all: one that is found in a log or a
//! history later is worth nothing. Once it has opened a stream it brings that stream back, for as long
//! as its token is good; and while the stream is open it opens no other. So there is an entry for each
//! ticket that has opened a stream, and none for one that has not.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use thiserror::Error;

use crate::auth::ticket::{Ticket, TicketId};
use crate::metrics::TicketCounts;

/// How long a new ticket waits for its stream.
const OPENS_WITHIN: Duration = Duration::from_secs(30);

/// How far the clock of a server that made a ticket may be ahead of ours.
const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// The tickets that have opened a stream. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct TicketTable {
    max: usize,
    entries: Arc<Mutex<TicketEntries>>,
}

#[derive(Debug, Default)]
struct TicketEntries {
    states: HashMap<TicketId, TicketState>,
    /// Those whose stream has ended, by when they are worth nothing any more.
    ended: BTreeSet<(SystemTime, TicketId)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TicketState {
    /// Its stream is open, or about to be.
    Open,
    /// Its stream has ended, and may come back until then.
    Ended { until: SystemTime },
}

/// Why a ticket opens no stream now.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(in crate::http) enum TicketRefusal {
    /// It came too late, and has never opened one.
    #[error("it has to open its stream within {} s, and nothing is known of a stream that it opened", OPENS_WITHIN.as_secs())]
    Late,
    /// It has opened one, which has not ended.
    #[error("the stream that it opened is still open")]
    InUse,
    /// As many are open as may be.
    #[error("as many streams with tickets are open as there may be")]
    TooMany,
}

/// A ticket in use, until this is dropped.
#[derive(Debug)]
pub(in crate::http) struct TicketPermit {
    table: TicketTable,
    id: TicketId,
    /// Until when it may bring its stream back.
    until: SystemTime,
    /// Whether it was a ticket that had opened a stream before.
    had_stream: bool,
    /// Whether it has opened one now.
    has_begun: bool,
}

impl TicketTable {
    /// At most so many are remembered.
    pub(super) fn new(max: usize) -> Self {
        Self { max, entries: Arc::default() }
    }

    /// Lets a ticket open a stream that it may bring back until the given time. `is_known_elsewhere`
    /// says that another server, or an earlier life of this one, may have seen it open one.
    pub(super) fn take(
        &self,
        ticket: &Ticket,
        until: SystemTime,
        is_known_elsewhere: bool,
        now: SystemTime,
    ) -> Result<TicketPermit, TicketRefusal> {
        let mut entries = self.lock();
        let had_stream = match entries.states.get(&ticket.id).copied() {
            Some(TicketState::Open) => return Err(TicketRefusal::InUse),
            Some(TicketState::Ended { until }) => {
                entries.ended.remove(&(until, ticket.id));
                true
            }
            None if is_new(ticket, now) => false,
            None if is_known_elsewhere => true,
            None => return Err(TicketRefusal::Late),
        };
        entries.forget_before(now);
        let is_listed = entries.states.contains_key(&ticket.id);
        if !is_listed && entries.states.len() >= self.max && !entries.forget_one() {
            return Err(TicketRefusal::TooMany);
        }
        entries.states.insert(ticket.id, TicketState::Open);
        Ok(TicketPermit { table: self.clone(), id: ticket.id, until, had_stream, has_begun: false })
    }

    /// How many there are.
    pub(super) fn counts(&self) -> TicketCounts {
        let entries = self.lock();
        let ended = entries.ended.len();
        TicketCounts { open: entries.states.len() - ended, ended }
    }

    fn lock(&self) -> MutexGuard<'_, TicketEntries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One from the future was not made by a server whose clock is right.
fn is_new(ticket: &Ticket, now: SystemTime) -> bool {
    match now.duration_since(ticket.issued) {
        Ok(age) => age <= OPENS_WITHIN,
        Err(ahead) => ahead.duration() <= CLOCK_SKEW,
    }
}

impl TicketEntries {
    /// Forgets what is worth nothing any more.
    fn forget_before(&mut self, now: SystemTime) {
        while self.ended.first().is_some_and(|(until, _)| *until <= now) {
            self.forget_one();
        }
    }

    /// Forgets the one that would be worth nothing soonest, if no stream of it is open.
    fn forget_one(&mut self) -> bool {
        let Some((_, id)) = self.ended.pop_first() else { return false };
        self.states.remove(&id);
        true
    }
}

impl TicketPermit {
    /// Its stream begins.
    pub(in crate::http) fn begin(&mut self) {
        self.has_begun = true;
    }
}

impl Drop for TicketPermit {
    /// A request that was refused has opened nothing: a new ticket is new again.
    fn drop(&mut self) {
        let mut entries = self.table.lock();
        if self.has_begun || self.had_stream {
            entries.states.insert(self.id, TicketState::Ended { until: self.until });
            entries.ended.insert((self.until, self.id));
        } else {
            entries.states.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::ticket::TicketKey;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3_600);

    /// Tickets know whole milliseconds.
    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000)
    }

    fn ticket(issued: SystemTime) -> Ticket {
        let key = TicketKey::random().unwrap();
        key.open(&key.seal("token", issued).unwrap()).unwrap()
    }

    /// Opens a stream that ends at once.
    fn open(
        tickets: &TicketTable,
        ticket: &Ticket,
        until: SystemTime,
        now: SystemTime,
    ) -> Result<(), TicketRefusal> {
        tickets.take(ticket, until, false, now).map(|mut permit| permit.begin())
    }

    fn counts(tickets: &TicketTable) -> (usize, usize) {
        let TicketCounts { open, ended } = tickets.counts();
        (open, ended)
    }

    #[test]
    fn a_new_ticket_opens_a_stream_and_an_old_one_does_not() {
        let now = noon();
        let cases = [
            (now, true),
            (now - OPENS_WITHIN, true),
            (now - OPENS_WITHIN - Duration::from_millis(1), false),
            (now - HOUR, false),
            (now + CLOCK_SKEW, true),
            (now + MINUTE, false),
        ];
        for (issued, opens) in cases {
            let result = open(&TicketTable::new(9), &ticket(issued), now + HOUR, now);
            let expected = if opens { Ok(()) } else { Err(TicketRefusal::Late) };
            assert_eq!(result, expected, "{:?}", now.duration_since(issued));
        }
    }

    #[test]
    fn it_brings_its_stream_back_until_its_token_ends_but_opens_no_second_one() {
        let (tickets, now) = (TicketTable::new(9), noon());
        let ticket = ticket(now);
        for later in [now, now + MINUTE, now + 2 * MINUTE] {
            let mut permit = tickets.take(&ticket, now + HOUR, false, later).unwrap();
            permit.begin();
            let again = tickets.take(&ticket, now + HOUR, true, later).unwrap_err();
            assert_eq!(again, TicketRefusal::InUse);
            assert_eq!(counts(&tickets), (1, 0));
            drop(permit);
            assert_eq!(counts(&tickets), (0, 1));
        }
        assert_eq!(
            open(&tickets, &ticket, now + HOUR, now + HOUR),
            Ok(()),
            "its token is for others"
        );
    }

    #[test]
    fn a_request_that_is_refused_opens_nothing() {
        let (tickets, now) = (TicketTable::new(9), noon());
        let ticket = ticket(now);
        drop(tickets.take(&ticket, now + HOUR, false, now).unwrap());
        assert_eq!(counts(&tickets), (0, 0));
        assert_eq!(open(&tickets, &ticket, now + HOUR, now + MINUTE), Err(TicketRefusal::Late));
        assert_eq!(open(&tickets, &ticket, now + HOUR, now), Ok(()));
        drop(tickets.take(&ticket, now + HOUR, false, now + MINUTE).unwrap());
        assert_eq!(counts(&tickets), (0, 1), "one that has had a stream may come back");
    }

    #[test]
    fn a_ticket_of_another_server_brings_a_stream_back_when_it_says_so() {
        let (tickets, now) = (TicketTable::new(9), noon());
        let ticket = ticket(now - HOUR);
        let late = tickets.take(&ticket, now + HOUR, false, now).unwrap_err();
        assert_eq!(late, TicketRefusal::Late);
        assert!(tickets.take(&ticket, now + HOUR, true, now).is_ok());
    }

    #[test]
    fn what_is_over_is_forgotten_and_the_soonest_over_when_there_is_no_room() {
        let (tickets, now) = (TicketTable::new(2), noon());
        let (first, second, third) = (ticket(now), ticket(now), ticket(now));
        open(&tickets, &first, now + MINUTE, now).unwrap();
        open(&tickets, &second, now + HOUR, now).unwrap();
        let _third = tickets.take(&third, now + HOUR, false, now).unwrap();
        assert_eq!(counts(&tickets), (1, 1), "the first would have been over first");
        let _second = tickets.take(&second, now + HOUR, false, now + MINUTE).unwrap();
        assert_eq!(open(&tickets, &first, now + HOUR, now), Err(TicketRefusal::TooMany));
        assert_eq!(counts(&tickets), (2, 0), "open ones are never forgotten");
    }

    #[test]
    fn nothing_is_kept_that_is_worth_nothing() {
        let (tickets, now) = (TicketTable::new(100), noon());
        for _ in 0..50 {
            open(&tickets, &ticket(now), now + MINUTE, now).unwrap();
        }
        assert_eq!(counts(&tickets), (0, 50));
        open(&tickets, &ticket(now + HOUR), now + 2 * HOUR, now + HOUR).unwrap();
        assert_eq!(counts(&tickets), (0, 1));
    }
}
