//! Tickets: sealed tokens that may stand in a URL.
//!
//! A browser's `EventSource` cannot set headers, and a token in a URL gets into logs and histories.
//! What stands there instead is a ticket: the token, encrypted and authenticated with a key that only
//! servers have (AES-256-GCM-SIV, RFC 8452, which stays safe when a random nonce repeats). Its holder
//! cannot read it, and how often it may be used is decided by the server that opens it. The token is
//! checked each time, so that a key that is taken away ends its tickets, too.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

/// The least that a secret needs: as many bytes as the key that is made of it.
const SECRET_BYTES_MIN: usize = 32;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const ID_BYTES: usize = 16;
const TIME_BYTES: usize = 8;

/// Sets these keys apart from all others that are made of the same secret, and is authenticated with
/// each ticket, so that one of another version is not read as one of this.
const PURPOSE: &[u8] = b"fanfare ticket 1";

/// What tickets are sealed with. Cheap to clone; what is secret of it is never shown.
#[derive(Clone)]
pub struct TicketKey(Arc<RandomizedNonceKey>);

/// A ticket, known to no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId([u8; ID_BYTES]);

/// What is in a ticket.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Which one it is.
    pub id: TicketId,
    /// When it was made, in whole milliseconds.
    pub issued: SystemTime,
    /// The token whose grants it has.
    pub token: String,
}

/// Why tickets cannot be sealed with a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TicketKeyError {
    /// The secret could be guessed.
    #[error(
        "the secret has {bytes} bytes, and needs at least {SECRET_BYTES_MIN}; make one with `fanfare secret`"
    )]
    TooShort {
        /// Its length.
        bytes: usize,
    },
    /// The library or the system's source of random numbers refuses.
    #[error("no key can be made; is the system's source of random numbers there?")]
    NoKey,
}

/// A text is no ticket of these keys.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("it was not sealed with the key of this server, or it was changed")]
pub struct NotATicket;

impl fmt::Debug for TicketKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TicketKey(…)")
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ticket").field("id", &self.id).finish_non_exhaustive()
    }
}

impl TicketKey {
    /// A key that no other process has.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn random() -> Result<Self, TicketKeyError> {
        let mut secret = [0; SECRET_BYTES_MIN];
        aws_lc_rs::rand::fill(&mut secret)
            .and_then(|()| Self::derive(&secret))
            .map_err(|_| TicketKeyError::NoKey)
    }

    /// The key of a secret, the same in every process that has it.
    ///
    /// # Errors
    /// When the secret is too short.
    pub fn of_secret(secret: &[u8]) -> Result<Self, TicketKeyError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(TicketKeyError::TooShort { bytes: secret.len() });
        }
        Self::derive(secret).map_err(|_| TicketKeyError::NoKey)
    }

    fn derive(secret: &[u8]) -> Result<Self, Unspecified> {
        let mut key = [0; KEY_BYTES];
        let pseudorandom = Salt::new(HKDF_SHA256, &[]).extract(secret);
        pseudorandom.expand(&[PURPOSE], HKDF_SHA256)?.fill(&mut key)?;
        RandomizedNonceKey::new(&AES_256_GCM_SIV, &key).map(|key| Self(Arc::new(key)))
    }

    /// A new ticket for a token, in characters that need no encoding in a URL.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn seal(&self, token: &str, issued: SystemTime) -> Result<String, TicketKeyError> {
        let mut id = [0; ID_BYTES];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| TicketKeyError::NoKey)?;
        let mut sealed = Vec::with_capacity(Self::sealed_bytes(token.len()));
        sealed.extend_from_slice(&id);
        sealed.extend_from_slice(&millis(issued).to_be_bytes());
        sealed.extend_from_slice(token.as_bytes());
        let nonce = self.0.seal_in_place_append_tag(Aad::from(PURPOSE), &mut sealed);
        let nonce = nonce.map_err(|_| TicketKeyError::NoKey)?;
        sealed.extend_from_slice(nonce.as_ref());
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// How many characters the ticket of a token has.
    #[must_use]
    pub fn characters(token_bytes: usize) -> usize {
        (Self::sealed_bytes(token_bytes) * 4).div_ceil(3)
    }

    fn sealed_bytes(token_bytes: usize) -> usize {
        ID_BYTES + TIME_BYTES + token_bytes + AES_256_GCM_SIV.tag_len() + NONCE_BYTES
    }

    /// What is in a ticket that was sealed with this key.
    ///
    /// # Errors
    /// When it was not.
    pub fn open(&self, text: &str) -> Result<Ticket, NotATicket> {
        let mut sealed = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotATicket)?;
        let (sealed, nonce) = sealed.split_last_chunk_mut::<NONCE_BYTES>().ok_or(NotATicket)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(PURPOSE), sealed);
        let opened: &[u8] = opened.map_err(|_| NotATicket)?;
        let (id, opened) = opened.split_first_chunk::<ID_BYTES>().ok_or(NotATicket)?;
        let (issued, token) = opened.split_first_chunk::<TIME_BYTES>().ok_or(NotATicket)?;
        let issued = Duration::from_millis(u64::from_be_bytes(*issued));
        let issued = UNIX_EPOCH.checked_add(issued).ok_or(NotATicket)?;
        let token = str::from_utf8(token).map_err(|_| NotATicket)?.to_owned();
        Ok(Ticket { id: TicketId(*id), issued, token })
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJtZXJjdXJlIjp7fX0.c2ln";

    fn issued() -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(1_795_000_000_123)
    }

    #[test]
    fn a_ticket_says_nothing_and_its_key_opens_it() {
        let key = TicketKey::random().unwrap();
        let (one, other) = (key.seal(TOKEN, issued()).unwrap(), key.seal(TOKEN, issued()).unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), TicketKey::characters(TOKEN.len()));
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        let (one, other) = (key.open(&one).unwrap(), key.open(&other).unwrap());
        assert_ne!(one.id, other.id, "each is one of its own");
        assert_eq!((one.issued, one.token.as_str()), (issued(), TOKEN));
        assert!(!format!("{key:?} {one:?}").contains("eyJ"));
    }

    #[test]
    fn every_process_with_the_secret_opens_it_and_no_other() {
        let secret = [7; SECRET_BYTES_MIN];
        let ticket = TicketKey::of_secret(&secret).unwrap().seal(TOKEN, issued()).unwrap();
        assert!(TicketKey::of_secret(&secret).unwrap().open(&ticket).is_ok());
        for other in [TicketKey::of_secret(&[8; SECRET_BYTES_MIN]), TicketKey::random()] {
            assert_eq!(other.unwrap().open(&ticket), Err(NotATicket));
        }
    }

    #[test]
    fn a_secret_that_could_be_guessed_is_refused() {
        let short = TicketKey::of_secret(&[7; SECRET_BYTES_MIN - 1]).unwrap_err();
        assert_eq!(short, TicketKeyError::TooShort { bytes: SECRET_BYTES_MIN - 1 });
    }

    #[test]
    fn what_was_changed_anywhere_is_no_ticket() {
        let key = TicketKey::random().unwrap();
        let ticket = key.seal(TOKEN, issued()).unwrap();
        for at in 0..ticket.len() {
            let mut changed = ticket.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(key.open(&changed), Err(NotATicket), "character {at}");
        }
        for cut in 0..ticket.len() {
            assert_eq!(key.open(&ticket[..cut]), Err(NotATicket), "{cut} characters");
        }
        for text in ["", "A", "=", "é", TOKEN, &format!("{ticket}A"), &format!("{ticket}=")] {
            assert_eq!(key.open(text), Err(NotATicket), "{text}");
        }
    }
}
