//! Whether a request is of a page of its own listener, of a page that may read there nevertheless, or of
//! no page at all, for listeners that no other page may use.
//!
//! A browser is a way around every network: a page anywhere may send requests to whatever its visitor
//! reaches. It names itself in `Origin`, unless it has had its own name resolve to this machine; then
//! the host that it calls is that name. So a name has to be one that is known, and an address is what
//! the browser has connected to.

use std::net::SocketAddr;

use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue, ORIGIN, VARY};
use hyper::{HeaderMap, Request};
use thiserror::Error;

use super::host::called_host;
use super::local_pages::{self, LocalPages};
use super::origin::Origin;
use super::served_hosts::{Called, HostName};

/// The most of a header that an error repeats.
const SHOWN: usize = 256;

/// Why a request may be that of a page from elsewhere.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum ForeignPage {
    /// It calls no host, or two.
    #[error("{0}")]
    NoHost(String),
    /// It calls a name that is not known.
    #[error(
        "`{0}` is no name of this listener; call it by its address or as localhost, or name it with --host"
    )]
    Host(String),
    /// It comes from a page of another origin.
    #[error(
        "pages of `{0}` may not use this listener; use its own page, or a program that is no browser"
    )]
    Origin(String),
}

/// A page of another listener of this server that may read a response. Its browser gives it nothing
/// unless the response says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadingPage(HeaderValue);

impl ReadingPage {
    /// Says so.
    pub(crate) fn mark(self, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0);
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}

/// The pages that may read at a listener, though they are not of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AllowedReaders<'a> {
    pub(crate) pages: &'a LocalPages,
    /// Where it was bound.
    pub(crate) listener: SocketAddr,
}

impl AllowedReaders<'_> {
    /// They call the listener where it is. Who calls another port or name has come by a tunnel or a proxy,
    /// and the page may be of whatever runs on the other end.
    fn have(&self, origin: &Origin, called: &Called) -> bool {
        let port = called.port.unwrap_or(80);
        self.pages.have(origin) && local_pages::is_at(&called.host, port, self.listener)
    }
}

/// Refuses what may come from a page of somebody else. `named` are the names of this server.
pub(crate) fn check<B>(
    request: &Request<B>,
    named: &[HostName],
    readers: Option<AllowedReaders<'_>>,
) -> Result<Option<ReadingPage>, ForeignPage> {
    let host = known_host(request, named)?;
    let mut origins = request.headers().get_all(ORIGIN).iter();
    let Some(given) = origins.next() else { return Ok(None) };
    let text = given.to_str().ok().filter(|_| origins.next().is_none());
    let origin = text.and_then(|text| text.parse::<Origin>().ok());
    match (origin, host) {
        (Some(origin), Some(host)) if origin.is_at(&host) => Ok(None),
        // Browsers name a host always.
        (Some(origin), Some(host)) if readers.is_some_and(|them| them.have(&origin, &host)) => {
            Ok(Some(ReadingPage(given.clone())))
        }
        _ => Err(ForeignPage::Origin(shown(&String::from_utf8_lossy(given.as_bytes())))),
    }
}

/// The host that a request calls, if there is one; refused where that is a name that is not known.
fn known_host<B>(request: &Request<B>, named: &[HostName]) -> Result<Option<Called>, ForeignPage> {
    let called =
        called_host(request).map_err(|problem| ForeignPage::NoHost(problem.to_string()))?;
    let Some(text) = called else { return Ok(None) };
    let foreign = || ForeignPage::Host(shown(text));
    let called = Called::parse(text).ok_or_else(foreign)?;
    let host = &called.host;
    let is_known = host.address().is_some() || host.is_loopback() || named.contains(host);
    if is_known { Ok(Some(called)) } else { Err(foreign()) }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use hyper::Version;
    use hyper::header::HOST;

    use super::*;

    fn checked(hosts: &[&str], origins: &[&str]) -> Result<(), ForeignPage> {
        let page = checked_with(None, hosts, origins)?;
        assert_eq!(page, None);
        Ok(())
    }

    fn checked_with(
        readers: Option<&LocalPages>,
        hosts: &[&str],
        origins: &[&str],
    ) -> Result<Option<ReadingPage>, ForeignPage> {
        let mut request = Request::get("/topics");
        for host in hosts {
            request = request.header(HOST, *host);
        }
        for origin in origins {
            request = request.header(ORIGIN, *origin);
        }
        let listener = "127.0.0.1:9090".parse().unwrap();
        let readers = readers.map(|pages| AllowedReaders { pages, listener });
        check(&request.body(()).unwrap(), &["admin.example".parse().unwrap()], readers)
    }

    #[test]
    fn names_that_are_known_and_addresses_are_served_and_no_other_host() {
        let served = [
            "localhost",
            "localhost:9090",
            "LOCALHOST.:9090",
            "a.localhost",
            "127.0.0.1:9090",
            "127.9.9.9",
            "[::1]:9090",
            "10.0.0.7:9090",
            "[2001:db8::1]",
            "admin.example",
            "Admin.Example:9090",
        ];
        for host in served {
            assert_eq!(checked(&[host], &[]), Ok(()), "{host}");
        }
        let foreign = [
            "evil.example",
            "admin.example.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xadmin.example",
            "",
        ];
        for host in foreign {
            assert_eq!(checked(&[host], &[]), Err(ForeignPage::Host(host.into())), "{host}");
        }
        for hosts in [&[][..], &["localhost", "localhost"], &["a b"], &["me@localhost"]] {
            let refused = checked(hosts, &[]);
            assert!(matches!(refused, Err(ForeignPage::NoHost(_))), "{hosts:?}: {refused:?}");
        }
        let mut old = Request::get("/streams").body(()).unwrap();
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(check(&old, &[], None), Ok(None));
    }

    #[test]
    fn only_the_page_of_the_listener_itself_is_served() {
        let own = [
            ("localhost:9090", "http://localhost:9090"),
            ("127.0.0.1:9090", "http://127.0.0.1:9090"),
            ("[::1]:9090", "http://[::1]:9090"),
            ("admin.example", "https://admin.example"),
        ];
        for (host, origin) in own {
            assert_eq!(checked(&[host], &[origin]), Ok(()), "{host} {origin}");
        }
        let foreign = [
            "http://localhost:8080",
            "http://127.0.0.1:9090",
            "https://localhost",
            "https://evil.example",
            "http://localhost:9090.evil.example",
            "file://",
            "null",
            "",
            "*",
            "localhost:9090",
        ];
        for origin in foreign {
            let refused = checked(&["localhost:9090"], &[origin]);
            assert_eq!(refused, Err(ForeignPage::Origin(origin.into())), "{origin}");
        }
        let twice = ["http://localhost:9090", "http://localhost:9090"];
        assert!(checked(&["localhost:9090"], &twice).is_err());
    }

    #[test]
    fn a_page_that_may_read_is_told_so_and_the_host_that_it_calls_has_to_be_known_all_the_same() {
        let readers = LocalPages::new(&["127.0.0.1:8080".parse().unwrap()], false);
        let page = "http://localhost:8080";
        for host in ["127.0.0.1:9090", "localhost:9090"] {
            let reading = checked_with(Some(&readers), &[host], &[page]).unwrap().unwrap();
            let mut headers = HeaderMap::new();
            reading.mark(&mut headers);
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], page, "{host}");
            assert_eq!(headers[VARY], "Origin", "{host}");
            assert!(checked_with(None, &[host], &[page]).is_err(), "{host}");
        }
        let own = checked_with(Some(&readers), &["localhost:9090"], &["http://localhost:9090"]);
        assert_eq!(own, Ok(None), "a page of the listener itself needs no leave");
        let refused: [(&[&str], &[&str]); 10] = [
            // Of a tunnel or a proxy to this listener.
            (&["localhost:9091"], &[page]),
            (&["127.0.0.2:9090"], &[page]),
            (&["localhost"], &[page]),
            (&["admin.example"], &[page]),
            (&["evil.example"], &[page]),
            (&["localhost:9090", "localhost:9090"], &[page]),
            (&[], &[page]),
            (&["localhost:9090"], &[page, page]),
            (&["localhost:9090"], &["null"]),
            (&["localhost:9090"], &["http://localhost:8081"]),
        ];
        for (hosts, origins) in refused {
            let checked = checked_with(Some(&readers), hosts, origins);
            assert!(checked.is_err(), "{hosts:?} {origins:?}");
        }
    }
}
