//! The pages of the public listeners, as browsers on this machine have them.
//!
//! The admin listener lets them read topics, which no other page may. So nothing counts that somebody
//! else could serve: an address does where a listener of ours is bound to it, with its port and its
//! scheme, and of all names `localhost` alone. Names below that are loopback names elsewhere here, but
//! some systems ask DNS for them.

use std::net::{IpAddr, SocketAddr};

use hyper::Request;

use super::host::called_host;
use super::origin::Origin;
use super::served_hosts::{Called, HostName};

/// What proxies add to requests of others. Not all of them do.
const OF_PROXIES: [&str; 2] = ["forwarded", "x-forwarded-for"];

/// Where browsers on this machine have the pages of the public listeners from.
#[derive(Clone, Debug, Default)]
pub struct LocalPages {
    /// Where the public listeners were bound. None for those on unix sockets, which no browser calls.
    listeners: Vec<SocketAddr>,
    is_https: bool,
}

impl LocalPages {
    /// The pages of listeners that were bound to these addresses.
    #[must_use]
    pub fn new(listeners: &[SocketAddr], is_https: bool) -> Self {
        Self { listeners: listeners.to_vec(), is_https }
    }

    /// Whether a page of this origin is one of them.
    pub(super) fn have(&self, origin: &Origin) -> bool {
        origin.is_https() == self.is_https
            && !origin.is_rooted()
            && origin.web_host().is_some_and(|called| self.are_at(&called))
    }

    /// Whether a page that is sent for this request becomes one of them. What a proxy on this machine
    /// passes on comes from here too, and may call an address of here: where it says for whom, that
    /// is a page of somebody else.
    pub(super) fn come_by<B>(&self, request: &Request<B>, peer: Option<IpAddr>) -> bool {
        let is_from_here = peer.is_some_and(|peer| peer.to_canonical().is_loopback());
        let is_passed_on = OF_PROXIES.iter().any(|name| request.headers().contains_key(*name));
        let called = called_host(request).ok().flatten().and_then(Called::parse);
        is_from_here && !is_passed_on && called.is_some_and(|called| self.are_at(&called))
    }

    fn are_at(&self, called: &Called) -> bool {
        let port = called.port.unwrap_or(if self.is_https { 443 } else { 80 });
        self.listeners.iter().any(|&listener| is_at(&called.host, port, listener))
    }
}

/// Whether a browser on this machine reaches a listener by this host and port.
pub(super) fn is_at(host: &HostName, port: u16, listener: SocketAddr) -> bool {
    listener.port() == port && is_bound(host, listener.ip().to_canonical())
}

/// Whether a browser on this machine reaches a listener at `bound` by this host.
fn is_bound(host: &HostName, bound: IpAddr) -> bool {
    if host.is_localhost() {
        return bound.is_loopback() || bound.is_unspecified();
    }
    let Some(address) = host.address().filter(IpAddr::is_loopback) else { return false };
    // `[::]` may stand for IPv4 as well, or leave it to somebody else: a socket that was inherited does not
    // say which.
    bound == address || (bound.is_unspecified() && bound.is_ipv6() == address.is_ipv6())
}

#[cfg(test)]
mod tests {
    use hyper::header::HOST;

    use super::*;

    fn pages(listeners: &[&str], is_https: bool) -> LocalPages {
        let listeners: Vec<_> = listeners.iter().map(|text| text.parse().unwrap()).collect();
        LocalPages::new(&listeners, is_https)
    }

    fn have(pages: &LocalPages, origin: &str) -> bool {
        origin.parse().is_ok_and(|origin| pages.have(&origin))
    }

    #[test]
    fn a_page_is_ours_where_a_listener_of_ours_is_bound_and_nowhere_else() {
        let cases: [(&[&str], &str, bool); 30] = [
            (&["127.0.0.1:8080"], "http://127.0.0.1:8080", true),
            (&["127.0.0.1:8080"], "http://localhost:8080", true),
            // The same host in other spellings, which browsers do not send.
            (&["127.0.0.1:8080"], "HTTP://LocalHost:8080", true),
            (&["127.0.0.1:8080"], "http://[::ffff:127.0.0.1]:8080", true),
            (&["[::ffff:127.0.0.1]:8080"], "http://127.0.0.1:8080", true),
            (&["[::1]:8080"], "http://[::1]:8080", true),
            (&["[::1]:8080"], "http://localhost:8080", true),
            (&["0.0.0.0:8080"], "http://127.8.8.8:8080", true),
            (&["[::]:8080"], "http://[::1]:8080", true),
            (&["10.0.0.7:8080", "127.0.0.1:9000"], "http://127.0.0.1:9000", true),
            // Other listeners of this machine are not ours.
            (&["127.0.0.1:8080"], "http://127.0.0.1:8081", false),
            (&["127.0.0.1:8080"], "http://127.0.0.2:8080", false),
            (&["127.0.0.1:8080"], "http://[::1]:8080", false),
            (&["[::1]:8080"], "http://127.0.0.1:8080", false),
            (&["0.0.0.0:8080"], "http://[::1]:8080", false),
            (&["[::]:8080"], "http://127.0.0.1:8080", false),
            (&["10.0.0.7:8080"], "http://localhost:8080", false),
            (&["10.0.0.7:8080", "127.0.0.1:9000"], "http://127.0.0.1:8080", false),
            (&[], "http://localhost:8080", false),
            // Other addresses and names of this machine are not loopback.
            (&["10.0.0.7:8080"], "http://10.0.0.7:8080", false),
            (&["0.0.0.0:8080"], "http://0.0.0.0:8080", false),
            (&["0.0.0.0:8080"], "http://push.example:8080", false),
            (&["127.0.0.1:8080"], "http://localhost.:8080", false),
            (&["127.0.0.1:8080"], "http://app.localhost:8080", false),
            (&["127.0.0.1:8080"], "http://localhost.example:8080", false),
            (&["127.0.0.1:8080"], "http://127.0.0.1.example:8080", false),
            // Other schemes are other pages.
            (&["127.0.0.1:8080"], "https://127.0.0.1:8080", false),
            (&["127.0.0.1:8080"], "tauri://localhost:8080", false),
            (&["127.0.0.1:8080"], "file://", false),
            (&["127.0.0.1:8080"], "null", false),
        ];
        for (listeners, origin, expected) in cases {
            assert_eq!(have(&pages(listeners, false), origin), expected, "{listeners:?} {origin}");
        }
    }

    #[test]
    fn without_a_port_a_page_is_at_that_of_its_scheme() {
        let cases = [
            ("127.0.0.1:80", false, "http://localhost", true),
            ("127.0.0.1:80", false, "http://localhost:80", true),
            ("127.0.0.1:443", true, "https://localhost", true),
            ("127.0.0.1:443", true, "https://127.0.0.1:443", true),
            ("127.0.0.1:8443", true, "https://localhost:8443", true),
            ("127.0.0.1:8080", false, "http://localhost", false),
            ("127.0.0.1:443", false, "http://localhost", false),
            ("127.0.0.1:443", false, "https://localhost", false),
            ("127.0.0.1:443", true, "http://localhost:443", false),
            ("127.0.0.1:80", true, "https://localhost", false),
        ];
        for (listener, is_https, origin, expected) in cases {
            let pages = pages(&[listener], is_https);
            assert_eq!(have(&pages, origin), expected, "{listener} {is_https} {origin}");
        }
    }

    #[test]
    fn a_page_comes_to_this_machine_by_an_address_of_here_from_here_and_by_no_proxy() {
        let from = |peer: &str, fields: &[(&str, &str)]| {
            let request = Request::get("/demo/console");
            let request =
                fields.iter().fold(request, |request, &(name, value)| request.header(name, value));
            let peer = (!peer.is_empty()).then(|| peer.parse().unwrap());
            pages(&["0.0.0.0:8080"], false).come_by(&request.body(()).unwrap(), peer)
        };
        let host = HOST.as_str();
        for called in ["localhost:8080", "127.0.0.1:8080", "LOCALHOST:8080"] {
            assert!(from("127.0.0.1", &[(host, called)]), "{called}");
            assert!(from("::ffff:127.0.0.1", &[(host, called)]), "{called}");
            assert!(!from("10.0.0.8", &[(host, called)]), "a stranger: {called}");
            assert!(!from("", &[(host, called)]), "over a unix socket: {called}");
            for passed_on in ["forwarded", "x-forwarded-for"] {
                assert!(!from("127.0.0.1", &[(host, called), (passed_on, "")]), "{called}");
            }
        }
        for called in
            ["push.example:8080", "10.0.0.7:8080", "a.localhost:8080", "localhost", "?", ""]
        {
            assert!(!from("127.0.0.1", &[(host, called)]), "{called}");
        }
        assert!(!from("127.0.0.1", &[]));
        assert!(!from("127.0.0.1", &[(host, "localhost:8080"), (host, "localhost:8080")]));
    }
}
