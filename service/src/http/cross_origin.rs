//! Which pages may call this server: CORS, and which may publish from a browser.
//!
//! Reading across origins is the browser's to forbid, and the server only says which origins may
//! (CORS). Publishing is different: a form POST from any page reaches a server without asking it,
//! so a publish that carries an `Origin` that is not known is refused. Without keys that is all
//! that stands between a page somewhere and a developer's local server.
//!
//! Credentials are allowed to origins that were listed. To pages of this machine they are allowed
//! where they call this machine by a loopback name too: cookies know no ports, so such a page
//! shares them with this server anyway. Where it calls another name, a proxy in front may know its
//! user by a cookie that any program on this machine with a page would then act with.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERER, VARY,
};
use hyper::{Method, Request};

use super::host::called_host;
use super::origin::Origin;
use super::problem::Problem;
use super::served_hosts::Called;

/// What a page may read of an answer, beside what every page may.
const EXPOSED: &str = "Last-Event-ID, Mercure-Last-Event-ID, Fanfare-Newest-Id, Fanfare-Count, Fanfare-Ended, Retry-After, Link, Accept-Query, WWW-Authenticate";

/// The headers that are allowed to a preflight that requests none.
const USUAL_HEADERS: &str = "Authorization, Cache-Control, Content-Type, Last-Event-ID";

/// How many header names a preflight may request.
const REQUESTED_HEADERS_MAX: usize = 64;

/// Which pages may call this server.
#[derive(Clone, Debug, Default)]
pub struct OriginPolicy {
    pub listed: Vec<Origin>,
    /// Pages from this machine.
    pub loopback: bool,
    /// Pages that came from the host that they call. Not safe where any name is served, as any can
    /// be made to resolve to this machine; on a loopback listener `loopback` is what is wanted.
    pub same_host: bool,
    /// This server speaks TLS itself, so that its own pages come by https alone: a page by http of
    /// the same name may be anybody's who is on the way to its reader.
    pub is_https: bool,
}

/// What the page that sent a request may do with the response.
#[derive(Debug)]
pub(super) struct PageAccess {
    /// The origin, if it is allowed.
    origin: Option<HeaderValue>,
    credentials: bool,
    /// Header names that a preflight requests.
    requested: Option<HeaderValue>,
}

impl OriginPolicy {
    /// What is to be said to the page behind a request.
    pub(super) fn access<B>(&self, request: &Request<B>) -> PageAccess {
        let found = origin_of(request).and_then(|(value, origin)| {
            let credentials = self.allows_credentials(&origin, request);
            (credentials || self.allows(&origin)).then_some((value.clone(), credentials))
        });
        let (origin, credentials) = found.unzip();
        let preflight = origin.is_some() && request.method() == Method::OPTIONS;
        PageAccess {
            origin,
            credentials: credentials.unwrap_or(false),
            requested: if preflight { requested_headers(request.headers()) } else { None },
        }
    }

    /// Whether this request may publish, as far as its origin goes.
    pub(super) fn check_publish<B>(&self, request: &Request<B>) -> Result<(), Problem> {
        let Some(given) = request.headers().get(ORIGIN) else { return Ok(()) };
        if let Some((_, origin)) = origin_of(request)
            && (self.allows(&origin)
                || (self.same_host
                    && called(request).is_some_and(|host| self.is_at(&origin, &host))))
        {
            return Ok(());
        }
        let origin = String::from_utf8_lossy(given.as_bytes()).chars().take(256).collect();
        Err(Problem::ForeignOrigin { origin })
    }

    /// Whether a request whose token is in a cookie may publish: the page that made it must be one
    /// of ours, or listed, and must be known (1.0 of the protocol, "Cookie").
    ///
    /// With public URLs the page's whole origin is compared, its scheme included; without, the host that
    /// is called, and the scheme where a trusted proxy says by which it was called.
    pub(super) fn check_cookie_publish<B>(
        &self,
        request: &Request<B>,
        scheme: Option<&str>,
        public_urls: &[String],
    ) -> Result<(), Problem> {
        let headers = request.headers();
        let referer = headers.get(REFERER).and_then(|value| value.to_str().ok());
        let origin = match (headers.contains_key(ORIGIN), referer) {
            (true, _) => origin_of(request).map(|(_, origin)| origin),
            (false, Some(referer)) => Origin::of_url(referer),
            (false, None) => return Err(Problem::NoOrigin),
        };
        let own: Vec<_> = public_urls.iter().filter_map(|url| Origin::of_url(url)).collect();
        let is_ours = |origin: &Origin| match &*own {
            [] => {
                scheme.is_none_or(|scheme| origin.has_scheme(scheme))
                    && called(request).is_some_and(|host| self.is_at(origin, &host))
            }
            own => own.contains(origin),
        };
        match origin {
            Some(origin)
                if !origin.is_null() && (self.listed.contains(&origin) || is_ours(&origin)) =>
            {
                Ok(())
            }
            _ => {
                let given = headers.get(ORIGIN).or_else(|| headers.get(REFERER));
                let given = given.map(|value| String::from_utf8_lossy(value.as_bytes()));
                let origin = given.unwrap_or_default().chars().take(256).collect();
                Err(Problem::ForeignOrigin { origin })
            }
        }
    }

    fn is_at(&self, origin: &Origin, called: &Called) -> bool {
        origin.is_at(called) && (!self.is_https || origin.is_https())
    }

    fn allows(&self, origin: &Origin) -> bool {
        self.listed.contains(origin) || (self.loopback && origin.is_loopback())
    }

    fn allows_credentials<B>(&self, origin: &Origin, request: &Request<B>) -> bool {
        self.listed.contains(origin)
            || (self.loopback
                && origin.is_loopback()
                && called(request).is_some_and(|called| called.host.is_loopback()))
    }
}

impl PageAccess {
    /// Adds the CORS headers of a response.
    pub(super) fn mark(&self, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = &self.origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }

    /// Adds what a preflight requests: a page that may call at all may send any header, as none of
    /// them says more here than its origin does. `Access-Control-Allow-Private-Network` is not
    /// among it: browsers ask their user instead.
    pub(super) fn mark_preflight(&self, methods: &'static str, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        if self.origin.is_none() {
            return;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
        let usual = || HeaderValue::from_static(USUAL_HEADERS);
        let names = self.requested.clone().unwrap_or_else(usual);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    }
}

/// The origin of a request that names exactly one.
fn origin_of<B>(request: &Request<B>) -> Option<(&HeaderValue, Origin)> {
    let mut lines = request.headers().get_all(ORIGIN).iter();
    let value = lines.next().filter(|_| lines.next().is_none())?;
    Some((value, value.to_str().ok()?.parse().ok()?))
}

fn called<B>(request: &Request<B>) -> Option<Called> {
    Called::parse(called_host(request).ok()??)
}

/// The header names that a preflight requests, if they are names and not too many.
fn requested_headers(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let lines: Vec<_> = lines.map(HeaderValue::to_str).collect::<Result<_, _>>().ok()?;
    let all = lines.join(",");
    let names = all.split(',').map(str::trim).filter(|name| !name.is_empty());
    let names = names.map(|name| HeaderName::from_bytes(name.as_bytes()));
    let names: Vec<HeaderName> =
        names.take(REQUESTED_HEADERS_MAX + 1).collect::<Result<_, _>>().ok()?;
    if names.is_empty() || names.len() > REQUESTED_HEADERS_MAX {
        return None;
    }
    let names: Vec<_> = names.iter().map(HeaderName::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).ok()
}

#[cfg(test)]
mod tests {
    use hyper::header::HOST;

    use super::*;

    fn listed(origins: &[&str]) -> OriginPolicy {
        let listed = origins.iter().map(|origin| origin.parse().unwrap()).collect();
        OriginPolicy { listed, ..OriginPolicy::default() }
    }

    fn request(method: Method, host: &str, origins: &[&str]) -> Request<()> {
        let request = Request::builder().method(method).uri("/events/a").header(HOST, host);
        let request =
            origins.iter().fold(request, |request, origin| request.header(ORIGIN, *origin));
        request.body(()).unwrap()
    }

    fn publish_from(policy: &OriginPolicy, origins: &[&str], host: &str) -> bool {
        policy.check_publish(&request(Method::POST, host, origins)).is_ok()
    }

    /// The origin that is allowed, and whether with credentials.
    fn access(policy: &OriginPolicy, origin: &str, host: &str) -> Option<(String, bool)> {
        let mut headers = HeaderMap::new();
        policy.access(&request(Method::GET, host, &[origin])).mark(&mut headers);
        assert_eq!(headers[VARY], "Origin");
        let credentials = headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS);
        let allowed = headers.get(ACCESS_CONTROL_ALLOW_ORIGIN)?;
        assert!(headers[ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap().contains("Link"));
        Some((allowed.to_str().unwrap().to_owned(), credentials))
    }

    #[test]
    fn on_loopback_only_pages_from_this_machine_may_publish() {
        let policy = OriginPolicy { loopback: true, ..OriginPolicy::default() };
        let cases: [(&[&str], bool); 15] = [
            (&[], true),
            (&["http://localhost:3000"], true),
            (&["http://app.localhost"], true),
            (&["https://127.0.0.1:8443"], true),
            (&["http://127.8.8.8"], true),
            (&["http://[::1]:8080"], true),
            (&["null"], false),
            (&["http://example.com"], false),
            (&["http://localhost.example.com"], false),
            (&["http://127.0.0.1.example.com"], false),
            (&["ftp://localhost"], false),
            (&["capacitor://localhost"], false),
            (&["?"], false),
            (&["http://localhost", "http://localhost"], false),
            // A name that was made to resolve to this machine is still not from this machine.
            (&["http://evil.example:8080"], false),
        ];
        for (origins, expected) in cases {
            assert_eq!(
                publish_from(&policy, origins, "evil.example:8080"),
                expected,
                "{origins:?}"
            );
        }
    }

    #[test]
    fn in_the_open_pages_of_the_called_host_may_publish_and_listed_ones() {
        let policy = OriginPolicy { same_host: true, ..listed(&["https://app.example", "null"]) };
        let cases = [
            ("http://push.example:8080", "push.example:8080", true),
            ("http://push.example:8080", "PUSH.example.:8080", true),
            ("http://push.example", "push.example:8080", false),
            ("http://push.example", "push.example:80", true),
            ("https://push.example", "push.example", true),
            ("https://push.example", "push.example:443", true),
            ("https://push.example", "push.example:80", false),
            ("http://[::1]:8080", "[0:0:0:0:0:0:0:1]:8080", true),
            ("https://app.example", "push.example", true),
            ("HTTPS://app.example:443", "push.example", true),
            ("null", "push.example", true),
            ("http://app.example", "push.example", false),
            ("http://localhost", "push.example", false),
            ("tauri://push.example", "push.example", false),
        ];
        for (origin, host, expected) in cases {
            assert_eq!(publish_from(&policy, &[origin], host), expected, "{origin} {host}");
        }
    }

    #[test]
    fn a_page_by_plain_http_is_none_of_a_server_that_speaks_tls() {
        let policy = OriginPolicy { same_host: true, is_https: true, ..OriginPolicy::default() };
        let cases = [
            ("https://push.example", "push.example", true),
            ("https://push.example:8443", "push.example:8443", true),
            ("https://push.example", "push.example:443", true),
            ("http://push.example", "push.example", false),
            ("http://push.example:8443", "push.example:8443", false),
            ("https://push.example", "push.example:8443", false),
        ];
        for (origin, host, expected) in cases {
            assert_eq!(publish_from(&policy, &[origin], host), expected, "{origin} {host}");
            let request = request(Method::POST, host, &[origin]);
            let by_cookie = policy.check_cookie_publish(&request, None, &[]);
            assert_eq!(by_cookie.is_ok(), expected, "{origin} {host}");
        }
    }

    #[test]
    fn credentials_are_for_listed_origins_and_for_this_machine_on_this_machine() {
        let policy = OriginPolicy {
            loopback: true,
            ..listed(&["https://app.example", "ionic://localhost"])
        };
        let local = "http://localhost:3000";
        let cases = [
            ("https://app.example", "push.example", Some(true)),
            ("ionic://localhost", "push.example", Some(true)),
            (local, "127.0.0.1:8080", Some(true)),
            (local, "LOCALHOST.:8080", Some(true)),
            (local, "push.example", Some(false)),
            ("https://other.example", "localhost", None),
            ("null", "localhost", None),
            ("*", "localhost", None),
        ];
        for (origin, host, credentials) in cases {
            let expected = credentials.map(|credentials| (origin.to_owned(), credentials));
            assert_eq!(access(&policy, origin, host), expected, "{origin} {host}");
        }
    }

    #[test]
    fn a_preflight_is_told_the_headers_that_it_asks_for() {
        let policy = listed(&["https://app.example"]);
        let many = vec!["x-a"; REQUESTED_HEADERS_MAX + 1].join(",");
        let cases: [(&[&str], &str); 8] = [
            (&[], USUAL_HEADERS),
            (&["hx-request,datastar-request"], "hx-request, datastar-request"),
            (&["HX-Request , traceparent", "x-a"], "hx-request, traceparent, x-a"),
            (&["authorization"], "authorization"),
            (&[""], USUAL_HEADERS),
            (&["x a"], USUAL_HEADERS),
            (&["*\u{e9}"], USUAL_HEADERS),
            (&[&many], USUAL_HEADERS),
        ];
        for (requested, expected) in cases {
            let mut request = request(Method::OPTIONS, "push.example", &["https://app.example"]);
            for line in requested {
                let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
                request.headers_mut().append(ACCESS_CONTROL_REQUEST_HEADERS, line);
            }
            let mut headers = HeaderMap::new();
            let access = policy.access(&request);
            access.mark(&mut headers);
            access.mark_preflight("GET", &mut headers);
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], expected, "{requested:?}");
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
            let vary: Vec<_> = headers.get_all(VARY).iter().collect();
            assert_eq!(vary, ["Origin", "Access-Control-Request-Headers"]);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_origin_and_host_are_judged(origin in "[ -~]{0,60}", host in "[ -~]{0,60}") {
            let policy =
                OriginPolicy { loopback: true, same_host: true, ..OriginPolicy::default() };
            let request = request(Method::OPTIONS, &host, &[&origin]);
            let _ = policy.check_publish(&request);
            let _ = policy.access(&request);
        }
    }
}
