//! Whether a request is of a page of its own listener, or of no page at all, for listeners that no
//! other page may use.
//!
//! A browser is a way around every network: a page anywhere may send requests to whatever its visitor
//! reaches. It names itself in `Origin`, unless it has had its own name resolve to this machine; then
//! the host that it calls is that name. So a name has to be one that is known, and an address is what
//! the browser has connected to.

use hyper::Request;
use hyper::header::ORIGIN;
use thiserror::Error;

use super::host::called_host;
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

/// Refuses what may come from a page of somebody else. `named` are the names of this server.
pub(crate) fn check<B>(request: &Request<B>, named: &[HostName]) -> Result<(), ForeignPage> {
    let called =
        called_host(request).map_err(|problem| ForeignPage::NoHost(problem.to_string()))?;
    let host = called.map(|text| Called::parse(text).ok_or_else(|| foreign_host(text)));
    let host = host.transpose()?;
    // Browsers name a host always.
    if let (Some(text), Some(Called { host, .. })) = (called, &host)
        && !host.is_address()
        && !host.is_loopback()
        && !named.contains(host)
    {
        return Err(foreign_host(text));
    }
    let mut origins = request.headers().get_all(ORIGIN).iter();
    let Some(given) = origins.next() else { return Ok(()) };
    let origin = given.to_str().ok().filter(|_| origins.next().is_none());
    let origin = origin.and_then(|text| text.parse::<Origin>().ok());
    match (origin, host) {
        (Some(origin), Some(host)) if origin.is_at(&host) => Ok(()),
        _ => Err(ForeignPage::Origin(shown(&String::from_utf8_lossy(given.as_bytes())))),
    }
}

fn foreign_host(text: &str) -> ForeignPage {
    ForeignPage::Host(shown(text))
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
        let mut request = Request::get("/streams");
        for host in hosts {
            request = request.header(HOST, *host);
        }
        for origin in origins {
            request = request.header(ORIGIN, *origin);
        }
        check(&request.body(()).unwrap(), &["admin.example".parse().unwrap()])
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
        assert_eq!(check(&old, &[]), Ok(()));
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
}
