//! Whose pages may call us: CORS, and who may publish from a browser.
//!
//! Reading across origins is the browser's to forbid, and we only say who may (CORS). Publishing is
//! different: a form POST from any page reaches a server without asking it, so a publish that
//! carries an `Origin` we do not know is refused. Without keys that is all that stands between a
//! page somewhere and a developer's local server.

use std::net::Ipv4Addr;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::{Request, Uri};

use super::host::called_host;
use super::reply::Problem;

/// Whose pages may call us.
#[derive(Clone, Debug, Default)]
pub struct OriginPolicy {
    /// These origins, exactly as browsers send them; `null` for pages opened from a file.
    pub listed: Vec<String>,
    /// Pages from this machine.
    pub loopback: bool,
    /// Pages that came from the host that they call. Not safe on a loopback listener, where any
    /// name can be made to resolve to this machine; there, `loopback` is what is wanted.
    pub same_host: bool,
    /// Only requests that call this machine by a loopback address or name are served. A page
    /// anywhere can have its own name resolve to this machine, and is then of the same origin as
    /// we are; the `Host` that it sends gives it away.
    pub loopback_hosts_only: bool,
}

impl OriginPolicy {
    fn allows(&self, origin: &str) -> bool {
        self.listed.iter().any(|listed| listed == origin) || (self.loopback && is_loopback(origin))
    }

    /// Whether this request calls us by a name that we have.
    pub(super) fn check_host<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        if !self.loopback_hosts_only {
            return Ok(());
        }
        // HTTP/1.0 knows no `Host`, and no browser speaks it.
        let Some(called) = called_host(request)? else { return Ok(()) };
        let authority = called.parse::<hyper::http::uri::Authority>();
        if authority.is_ok_and(|authority| is_loopback_host(authority.host())) {
            return Ok(());
        }
        Err(Problem::ForeignHost { host: called.chars().take(256).collect() })
    }

    /// Whether this request may publish, as far as its origin goes.
    pub(super) fn check_publish<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let Some(origin) = request.headers().get(ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or("?");
        if self.allows(origin) || (self.same_host && is_same_host(origin, request)) {
            return Ok(());
        }
        Err(Problem::ForeignOrigin { origin: origin.chars().take(256).collect() })
    }

    /// Adds the CORS headers that an answer to this origin gets.
    pub(super) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin else { return };
        if !origin.to_str().is_ok_and(|text| self.allows(text)) {
            return;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        let exposed = HeaderValue::from_static("Last-Event-ID, Retry-After");
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }

    /// Adds what a preflight asks for, for an origin that is allowed.
    pub(super) fn mark_preflight(&self, methods: &'static str, headers: &mut HeaderMap) {
        if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        let names =
            HeaderValue::from_static("Authorization, Cache-Control, Content-Type, Last-Event-ID");
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    }
}

fn is_loopback(origin: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    uri.host().is_some_and(|host| web && is_loopback_host(host))
}

fn is_loopback_host(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

fn is_same_host<B>(origin: &str, request: &Request<B>) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    called_host(request) == Ok(Some(authority.as_str()))
}

#[cfg(test)]
mod tests {
    use hyper::header::HOST;

    use super::*;

    fn publish_from(policy: &OriginPolicy, origin: Option<&str>, host: &str) -> bool {
        let mut request = Request::builder().uri("/events/a").header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        policy.check_publish(&request.body(()).unwrap()).is_ok()
    }

    #[test]
    fn on_loopback_only_pages_from_this_machine_may_publish() {
        let policy = OriginPolicy { loopback: true, ..OriginPolicy::default() };
        let cases = [
            (None, true),
            (Some("http://localhost:3000"), true),
            (Some("http://app.localhost"), true),
            (Some("https://127.0.0.1:8443"), true),
            (Some("http://127.8.8.8"), true),
            (Some("http://[::1]:8080"), true),
            (Some("null"), false),
            (Some("http://example.com"), false),
            (Some("http://localhost.example.com"), false),
            (Some("http://127.0.0.1.example.com"), false),
            (Some("ftp://localhost"), false),
            // A name that was made to resolve to this machine is still not from this machine.
            (Some("http://evil.example:8080"), false),
        ];
        for (origin, expected) in cases {
            assert_eq!(publish_from(&policy, origin, "evil.example:8080"), expected, "{origin:?}");
        }
    }

    #[test]
    fn in_the_open_pages_of_the_called_host_may_publish_and_listed_ones() {
        let policy = OriginPolicy {
            listed: vec!["https://app.example".to_owned(), "null".to_owned()],
            same_host: true,
            ..OriginPolicy::default()
        };
        let cases = [
            ("http://push.example:8080", true),
            ("http://push.example", false),
            ("https://app.example", true),
            ("null", true),
            ("http://app.example", false),
            ("http://localhost", false),
        ];
        for (origin, expected) in cases {
            assert_eq!(
                publish_from(&policy, Some(origin), "push.example:8080"),
                expected,
                "{origin}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_origin_and_host_are_judged(origin in "[ -~]{0,60}", host in "[ -~]{0,60}") {
            let policy = OriginPolicy {
                loopback: true,
                same_host: true,
                loopback_hosts_only: true,
                ..OriginPolicy::default()
            };
            let request = Request::builder().header(ORIGIN, &origin).header(HOST, &host);
            let request = request.body(()).unwrap();
            let _ = policy.check_publish(&request);
            let _ = policy.check_host(&request);
        }
    }
}
