//! Where streams are requested: an address or several, what is sent there, and from where.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::credentials::{basic, without_possible_secrets};
use super::{PlanError, Template};

/// Addresses of a range that are used at most.
const SOURCES: usize = 4096;

/// A server: what it is called and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) tls: bool,
    /// What the certificate must be for.
    pub(crate) host: String,
    /// Host and port as the `Host` header has them.
    pub(crate) authority: String,
    /// At least one.
    pub(crate) addresses: Vec<SocketAddr>,
}

/// What a URL says.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) endpoint: Endpoint,
    /// Path and query. The braces of templates stay as they are.
    pub(crate) path: Template,
    /// The value of `Authorization` that follows from the user's name and password.
    authorization: Option<String>,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, PlanError> {
        let wrong =
            |why: &str| PlanError::Url { url: without_possible_secrets(text), why: why.to_owned() };
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(wrong("only http and https are known")),
        };
        // Browsers take what lacks the slashes; where its password ends could not be seen in the
        // text.
        if !text.get(url.scheme().len()..).is_some_and(|rest| rest.starts_with("://")) {
            return Err(wrong("write it as http://HOST/PATH"));
        }
        let authorization = basic(&url).map_err(wrong)?;
        let host = url.host().ok_or_else(|| wrong("it names no host"))?;
        let port = url.port_or_known_default().ok_or_else(|| wrong("it names no port"))?;
        let addresses = match &host {
            Host::Ipv4(address) => vec![(*address, port).into()],
            Host::Ipv6(address) => vec![(*address, port).into()],
            Host::Domain(name) => (*name, port)
                .to_socket_addrs()
                .map_err(|error| wrong(&format!("{name} has no address: {error}")))?
                .collect(),
        };
        let authority =
            url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        let bare = host.to_string().trim_matches(['[', ']']).to_owned();
        let endpoint = Endpoint { tls, host: bare, authority, addresses };
        Ok(Self { endpoint, path: Template(path(text, &url)), authorization })
    }

    /// Adds the authentication of the URL to the headers that are sent to it. Two cannot be sent.
    pub(super) fn authorize(&self, headers: &mut Vec<(String, String)>) -> Result<(), PlanError> {
        let Some(basic) = &self.authorization else { return Ok(()) };
        if headers.iter().any(|(name, _)| name == "authorization") {
            return Err(PlanError::Conflict(
                "a URL with a user's name, and a token or header of authorization besides: only one \
                 can be sent, so leave one out",
            ));
        }
        headers.push(("authorization".to_owned(), basic.clone()));
        Ok(())
    }

    /// The value of `Authorization` to send.
    pub(super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl Endpoint {
    /// Whether every address is this machine's own.
    pub(crate) fn is_loopback(&self) -> bool {
        self.addresses.iter().all(|address| address.ip().to_canonical().is_loopback())
    }
}

/// Path and query as they were written: the URL parser would escape the braces of templates.
fn path(text: &str, url: &Url) -> String {
    let escaped = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    if text.contains('{') { escaped.replace("%7B", "{").replace("%7D", "}") } else { escaped }
}

/// Streams over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Protocol {
    /// One.
    Http1,
    /// So many.
    Http2 { streams: usize },
}

/// Which certificates to accept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TlsTrust {
    /// Any.
    pub(crate) insecure: bool,
    /// The certificates of a file, besides those of the system.
    pub(crate) ca: Option<PathBuf>,
}

/// A place to subscribe at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    pub(crate) path: Template,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) protocol: Protocol,
    pub(crate) trust: TlsTrust,
    /// Where connections come from, in turn; empty leaves it to the kernel, which must not be asked
    /// to bind then.
    pub(crate) sources: Vec<IpAddr>,
}

/// The addresses of `10.0.0.7`, `10.0.0.7-10.0.0.20` or `10.0.0.0/24`.
pub(super) fn sources(text: &str) -> Result<Vec<IpAddr>, PlanError> {
    let wrong = || PlanError::Source(text.to_owned());
    if let Some((first, last)) = text.split_once('-') {
        let (first, last): (Ipv4Addr, Ipv4Addr) =
            (first.trim().parse().map_err(|_| wrong())?, last.trim().parse().map_err(|_| wrong())?);
        return range(u32::from(first), u32::from(last)).ok_or_else(wrong);
    }
    if let Some((network, bits)) = text.split_once('/') {
        let network: Ipv4Addr = network.parse().map_err(|_| wrong())?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32).ok_or_else(wrong)?;
        let size = u32::MAX.checked_shr(bits).unwrap_or(0);
        let first = u32::from(network) & !size;
        // The first and the last address of a network belong to the network itself.
        let edge = u32::from(bits < 31);
        return range(first + edge, first + size - edge).ok_or_else(wrong);
    }
    Ok(vec![text.parse().map_err(|_| wrong())?])
}

fn range(first: u32, last: u32) -> Option<Vec<IpAddr>> {
    let addresses = (first..=last).take(SOURCES).map(|address| Ipv4Addr::from_bits(address).into());
    (first <= last).then(|| addresses.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_where_to_go_and_what_to_ask_for() {
        let cases = [
            (
                "http://127.0.0.1:8080/events/a",
                false,
                "127.0.0.1:8080",
                "127.0.0.1:8080",
                "/events/a",
            ),
            (
                "https://127.0.0.1/x?topic=a%20b",
                true,
                "127.0.0.1",
                "127.0.0.1:443",
                "/x?topic=a%20b",
            ),
            ("http://[::1]:80/{n}?t={topic}", false, "[::1]", "[::1]:80", "/{n}?t={topic}"),
        ];
        for (url, tls, authority, address, path) in cases {
            let Address { endpoint, path: template, .. } = Address::parse(url).expect(url);
            assert_eq!((endpoint.tls, endpoint.authority.as_str()), (tls, authority), "{url}");
            assert_eq!(endpoint.addresses, [address.parse().expect("an address")], "{url}");
            assert_eq!(template.0, path, "{url}");
            assert!(endpoint.is_loopback());
        }
    }

    #[test]
    fn what_is_no_url_is_said() {
        for (url, why) in [
            ("127.0.0.1:8080", "relative URL"),
            ("ftp://127.0.0.1/", "only http and https"),
            ("http://", "empty host"),
            ("http:127.0.0.1/", "write it as http://HOST/PATH"),
            ("http://name:secret/x@127.0.0.1/", "invalid port number"),
            ("ftp://name:secret@127.0.0.1/", "only http and https"),
            ("http:name:secret@127.0.0.1/", "write it as http://HOST/PATH"),
            ("http://na%3Ame:secret@127.0.0.1/", "colon"),
        ] {
            let error = Address::parse(url).expect_err(url).to_string();
            assert!(error.contains(why) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn sources_are_one_address_or_a_range() {
        let count = |text: &str| sources(text).map(|all| (all[0].to_string(), all.len()));
        let cases = [
            ("127.0.0.1", "127.0.0.1", 1),
            ("::1", "::1", 1),
            ("127.0.0.2-127.0.0.5", "127.0.0.2", 4),
            ("127.0.0.0/24", "127.0.0.1", 254),
            ("127.0.0.77/30", "127.0.0.77", 2),
            ("127.0.0.4/31", "127.0.0.4", 2),
            ("127.0.0.4/32", "127.0.0.4", 1),
            ("127.0.0.0/8", "127.0.0.1", SOURCES),
        ];
        for (text, first, size) in cases {
            assert_eq!(count(text).expect(text), (first.to_owned(), size), "{text}");
        }
        for text in ["", "x", "127.0.0.5-127.0.0.1", "127.0.0.1/33", "::1/64"] {
            assert!(sources(text).is_err(), "{text}");
        }
    }
}
