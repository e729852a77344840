//! Tickets of streams: what they are sealed with, and which are in use.

mod table;

pub(super) use table::TicketPermit;

use std::time::{Duration, SystemTime};

use thiserror::Error;

use self::table::{TicketRefusal, TicketTable};
use crate::auth::ticket::{NotATicket, Ticket, TicketKey, TicketKeyError};
use crate::metrics::{TicketCounts, TicketFault};

/// Where a ticket stands in the target of a request.
pub(super) const PARAMETER: &str = "ticket";

/// How long a ticket is good whose token has no end.
const TIME_WITHOUT_EXPIRY: Duration = Duration::from_secs(24 * 60 * 60);

/// The tickets of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Tickets {
    /// What they are sealed with where no secret is given. It stays the same over reloads.
    own_key: TicketKey,
    table: TicketTable,
}

/// Why a ticket opens no stream.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum TicketError {
    #[error(transparent)]
    Unreadable(#[from] NotATicket),
    #[error("it is older than {} h, and its token has no end of its own", TIME_WITHOUT_EXPIRY.as_secs() / 3_600)]
    Over,
    #[error(transparent)]
    Refused(#[from] TicketRefusal),
}

impl TicketError {
    /// Its kind, for counting.
    pub(super) fn fault(self) -> TicketFault {
        match self {
            Self::Unreadable(_) => TicketFault::Unreadable,
            Self::Over | Self::Refused(TicketRefusal::Late) => TicketFault::Late,
            Self::Refused(TicketRefusal::InUse) => TicketFault::InUse,
            Self::Refused(TicketRefusal::TooMany) => TicketFault::TooMany,
        }
    }
}

impl Tickets {
    /// Tickets that no other server opens, unless it is given their secret. At most `max` that have
    /// opened a stream are remembered.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new(max: usize) -> Result<Self, TicketKeyError> {
        Ok(Self { own_key: TicketKey::random()?, table: TicketTable::new(max) })
    }

    /// A ticket for a token. Of the keys of secrets, the first one seals.
    pub(super) fn seal(&self, keys: &[TicketKey], token: &str) -> Result<String, TicketKeyError> {
        keys.first().unwrap_or(&self.own_key).seal(token, SystemTime::now())
    }

    /// What is in a ticket that one of the keys has sealed.
    pub(super) fn open(&self, keys: &[TicketKey], text: &str) -> Result<Ticket, TicketError> {
        let mut keys = keys.iter().chain(std::iter::once(&self.own_key));
        keys.find_map(|key| key.open(text).ok()).ok_or(NotATicket.into())
    }

    /// Lets a ticket whose token is good until then open a stream. `comes_back` says that the request
    /// has the last id of a stream, as that of a browser which returns.
    pub(super) fn take(
        &self,
        ticket: &Ticket,
        token_ends: Option<SystemTime>,
        keys: &[TicketKey],
        comes_back: bool,
    ) -> Result<TicketPermit, TicketError> {
        let now = SystemTime::now();
        let until = token_ends.unwrap_or(ticket.issued + TIME_WITHOUT_EXPIRY);
        if until <= now {
            return Err(TicketError::Over);
        }
        // With a secret of its own a server knows every stream that a ticket can have opened.
        let is_known_elsewhere = comes_back && !keys.is_empty();
        Ok(self.table.take(ticket, until, is_known_elsewhere, now)?)
    }

    /// How many have opened a stream.
    #[must_use]
    pub fn counts(&self) -> TicketCounts {
        self.table.counts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[u8]) -> Vec<TicketKey> {
        secrets.iter().map(|&byte| TicketKey::of_secret(&[byte; 32]).unwrap()).collect()
    }

    #[test]
    fn the_first_secret_seals_and_all_of_them_open() {
        let (one, other) = (Tickets::new(9).unwrap(), Tickets::new(9).unwrap());
        let ticket = one.seal(&keys(b"ab"), "token").unwrap();
        for (secrets, opens) in [(&b"ab"[..], true), (b"ca", true), (b"b", false), (b"", false)] {
            assert_eq!(other.open(&keys(secrets), &ticket).is_ok(), opens, "{secrets:?}");
        }
    }

    #[test]
    fn without_a_secret_it_is_for_the_server_that_made_it() {
        let (one, other) = (Tickets::new(9).unwrap(), Tickets::new(9).unwrap());
        let ticket = one.seal(&[], "token").unwrap();
        assert_eq!(one.open(&[], &ticket).unwrap().token, "token");
        assert_eq!(one.open(&keys(b"a"), &ticket).unwrap().token, "token", "after a reload");
        assert_eq!(other.open(&[], &ticket), Err(NotATicket.into()));
    }

    #[test]
    fn one_without_an_end_is_good_for_a_day() {
        let (tickets, key) = (Tickets::new(9).unwrap(), TicketKey::random().unwrap());
        let made = |age| {
            let text = key.seal("token", SystemTime::now() - age).unwrap();
            key.open(&text).unwrap()
        };
        let shared = keys(b"a");
        let take = |age| tickets.take(&made(age), None, &shared, true).map(drop);
        assert_eq!(take(TIME_WITHOUT_EXPIRY - Duration::from_secs(60)), Ok(()));
        assert_eq!(take(TIME_WITHOUT_EXPIRY), Err(TicketError::Over));
    }

    #[test]
    fn only_a_server_with_a_shared_secret_believes_that_a_stream_was_opened_elsewhere() {
        let (tickets, key) = (Tickets::new(9).unwrap(), TicketKey::random().unwrap());
        let made = SystemTime::now() - Duration::from_secs(60);
        let ticket = key.open(&key.seal("token", made).unwrap()).unwrap();
        let late = Err(TicketRefusal::Late.into());
        for (secrets, comes_back, expected) in
            [(&b""[..], true, late), (b"a", false, late), (b"a", true, Ok(()))]
        {
            let taken = tickets.take(&ticket, None, &keys(secrets), comes_back).map(drop);
            assert_eq!(taken, expected, "{secrets:?} {comes_back}");
        }
    }
}
