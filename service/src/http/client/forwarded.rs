//! The headers in which proxies name the clients they call for: `Forwarded` (RFC 7239), and
//! `X-Forwarded-For` with `X-Forwarded-Proto`, which is what most write.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// One hop on the way of a request: who called the proxy that wrote it down, and by which scheme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hop {
    /// `None` where none can be read, as of `unknown`.
    pub(super) address: Option<IpAddr>,
    pub(super) scheme: Option<&'static str>,
}

/// The hops of a request, the client first; `None` where they cannot be read.
#[derive(Debug)]
pub(super) struct Hops(Option<Vec<Hop>>);

impl Hops {
    /// Those of `Forwarded`, if it is there.
    pub(super) fn of_forwarded(headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(FORWARDED) {
            return None;
        }
        let mut hops = Vec::new();
        for line in headers.get_all(FORWARDED) {
            let read = line.to_str().ok().and_then(|line| read_forwarded(line, &mut hops));
            if read.is_none() {
                return Some(Self(None));
            }
        }
        Some(Self(Some(hops)))
    }

    /// Those of `X-Forwarded-For`, if it is there.
    pub(super) fn of_common_headers(headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(&X_FORWARDED_FOR) {
            return None;
        }
        let addresses = entries(headers, &X_FORWARDED_FOR);
        let schemes = entries(headers, &X_FORWARDED_PROTO);
        // Some proxies replace the scheme and others append theirs; then each belongs to a hop.
        let is_one = schemes.len() == 1;
        let hop = |(at, address): (usize, &&str)| {
            let at =
                if is_one { Some(0) } else { (at + schemes.len()).checked_sub(addresses.len()) };
            let scheme = at.and_then(|at| schemes.get(at)).and_then(|scheme| known_scheme(scheme));
            Hop { address: node(address), scheme }
        };
        Some(Self(Some(addresses.iter().enumerate().map(hop).collect())))
    }

    /// The hops, the last one first.
    pub(super) fn last_first(self) -> Option<impl Iterator<Item = Hop>> {
        self.0.map(|hops| hops.into_iter().rev())
    }
}

/// The entries of all lines of a header. One that is no text is nobody's address, and hides none of
/// those beside it.
fn entries<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let entries = lines.flat_map(|line| line.split(|&byte| byte == b','));
    entries.map(|entry| std::str::from_utf8(entry).unwrap_or_default().trim()).collect()
}

fn known_scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|known| known.eq_ignore_ascii_case(text))
}

/// An address, with a port or without; one of IPv6 in brackets or bare.
fn node(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Some(text) = text.strip_prefix('[') {
        let (address, port) = text.split_once(']')?;
        let is_port = |port: &str| port.strip_prefix(':').is_some_and(is_port);
        let address: Ipv6Addr =
            address.parse().ok().filter(|_| port.is_empty() || is_port(port))?;
        return Some(IpAddr::from(address).to_canonical());
    }
    let (address, port) = text.split_once(':')?;
    address.parse::<Ipv4Addr>().ok().filter(|_| is_port(port)).map(IpAddr::from)
}

/// A number, or a name that is made up (RFC 7239, section 6.2).
fn is_port(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Reads a line of `Forwarded`: elements between commas, of pairs between semicolons.
fn read_forwarded(line: &str, hops: &mut Vec<Hop>) -> Option<()> {
    // Lists may have empty entries, which say nothing.
    let is_there = |part: &&str| !part.trim().is_empty();
    for element in split_unquoted(line, b',')?.into_iter().filter(is_there) {
        let (mut hop, mut has_for) = (Hop::default(), false);
        for pair in split_unquoted(element, b';')?.into_iter().filter(is_there) {
            let pair = pair.trim();
            let (name, value) = pair.split_once('=')?;
            let value = unquoted(value)?;
            match name.to_ascii_lowercase().as_str() {
                "for" if has_for => return None,
                "for" => {
                    has_for = true;
                    hop.address = node(&value);
                }
                "proto" => hop.scheme = known_scheme(&value),
                _ => {}
            }
        }
        hops.push(hop);
    }
    Some(())
}

/// The parts between these, but not between those in quotes; `None` where a quote is not closed.
fn split_unquoted(text: &str, separator: u8) -> Option<Vec<&str>> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == separator && !quoted => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    (!quoted).then_some(parts)
}

/// A value without its quotes and escapes. What should be quoted and is not, as the colons of an
/// address, is taken: some proxies write it.
fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains(['"', ' ', '\t'])).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next()?),
            '"' => return None,
            other => text.push(other),
        }
    }
    Some(text)
}
