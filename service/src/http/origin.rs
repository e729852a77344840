//! An origin (RFC 6454): where a page came from, as browsers name it.
//!
//! It is compared as browsers write it, so settings and headers go through the same reading: lower
//! case, names in ASCII, and no port where it is that of the scheme. Applications that are a page
//! in a window of their own have schemes of their own.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use url::{Host, Url};

use super::served_hosts::{Called, HostName};

/// Where a page came from, as browsers name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(OriginKind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum OriginKind {
    /// Pages that browsers say nothing about, as those in a sandbox.
    Null,
    /// Files, as some windows of applications write it.
    File,
    /// Pages of a host.
    Host { scheme: String, host: Host<String>, port: Option<u16> },
}

/// Why a text is not an origin.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OriginError {
    /// There is no scheme and host in it.
    #[error("write scheme and host, such as https://app.example or capacitor://localhost")]
    NotAnOrigin,
    /// More stands behind the host.
    #[error("an origin ends with its host or port; leave out what stands behind that")]
    Path,
    /// It stands for several.
    #[error("an origin has no `*`; list each origin that may call")]
    Wildcard,
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        match text {
            "null" => return Ok(Self(OriginKind::Null)),
            "file://" => return Ok(Self(OriginKind::File)),
            _ if text.contains('*') => return Err(OriginError::Wildcard),
            _ => {}
        }
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::NotAnOrigin)?;
        // Of `http:/7:?1://` the parser below would make the host 7.
        if !is_scheme(scheme) {
            return Err(OriginError::NotAnOrigin);
        }
        // The slash comes with what is copied from the address bar.
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(OriginError::Path);
        }
        // The parser forgives more than an origin may have.
        let forgiven = |c: char| c.is_whitespace() || c.is_control() || c == '@' || c == '\\';
        if text.contains(forgiven) {
            return Err(OriginError::NotAnOrigin);
        }
        let url = Url::parse(&format!("{scheme}://{authority}/"));
        let url = url.map_err(|_| OriginError::NotAnOrigin)?;
        let mut host = url.host().ok_or(OriginError::NotAnOrigin)?.to_owned();
        if let Host::Domain(name) = &mut host {
            // The parser does so only for the schemes of the web.
            name.make_ascii_lowercase();
        }
        if host == Host::Domain(String::new()) {
            return Err(OriginError::NotAnOrigin);
        }
        Ok(Self(OriginKind::Host { scheme: url.scheme().to_owned(), host, port: url.port() }))
    }
}

/// Whether it is what RFC 3986, section 3.1, calls a scheme.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            OriginKind::Null => formatter.write_str("null"),
            OriginKind::File => formatter.write_str("file://"),
            OriginKind::Host { scheme, host, port: None } => write!(formatter, "{scheme}://{host}"),
            OriginKind::Host { scheme, host, port: Some(port) } => {
                write!(formatter, "{scheme}://{host}:{port}")
            }
        }
    }
}

impl Origin {
    /// Whether its name ends with the dot of the root, for which some systems ask DNS even of `localhost.`.
    pub(super) fn is_rooted(&self) -> bool {
        matches!(&self.0, OriginKind::Host { host: Host::Domain(name), .. } if name.ends_with('.'))
    }

    /// Whether browsers say nothing about its pages.
    pub(super) fn is_null(&self) -> bool {
        self.0 == OriginKind::Null
    }

    /// That of the page at this URL, as `Referer` names it.
    pub(super) fn of_url(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok().filter(Url::has_host)?;
        let host = url.host()?.to_owned();
        Some(Self(OriginKind::Host { scheme: url.scheme().to_owned(), host, port: url.port() }))
    }

    /// Whether its pages came by this scheme.
    pub(super) fn has_scheme(&self, name: &str) -> bool {
        matches!(&self.0, OriginKind::Host { scheme, .. } if scheme == name)
    }

    /// Whether its pages are served by this machine, as web pages are.
    pub(super) fn is_loopback(&self) -> bool {
        self.web_host().is_some_and(|called| called.host.is_loopback())
    }

    /// Whether its pages came over TLS.
    pub(super) fn is_https(&self) -> bool {
        matches!(&self.0, OriginKind::Host { scheme, .. } if scheme == "https")
    }

    /// Whether its pages came from the host and port that a request calls.
    pub(super) fn is_at(&self, called: &Called) -> bool {
        let Some(own) = self.web_host() else { return false };
        let OriginKind::Host { scheme, .. } = &self.0 else { return false };
        let default = if scheme == "https" { 443 } else { 80 };
        own.host == called.host && own.port.unwrap_or(default) == called.port.unwrap_or(default)
    }

    /// The host and port that its pages came from, as web pages do.
    pub(super) fn web_host(&self) -> Option<Called> {
        match &self.0 {
            OriginKind::Host { scheme, host, port } if scheme == "http" || scheme == "https" => {
                Some(Called { host: HostName::of(host.clone()), port: *port })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        let cases = [
            ("https://app.example", "https://app.example"),
            ("HTTPS://App.Example:443/", "https://app.example"),
            ("http://app.example:80", "http://app.example"),
            ("http://app.example:443", "http://app.example:443"),
            ("https://app.example:8443", "https://app.example:8443"),
            ("https://münchen.example", "https://xn--mnchen-3ya.example"),
            ("https://MÜNCHEN.example", "https://xn--mnchen-3ya.example"),
            ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
            ("http://127.1", "http://127.0.0.1"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("ionic://localhost/", "ionic://localhost"),
            ("Tauri://LocalHost", "tauri://localhost"),
            ("app://localhost:80", "app://localhost:80"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
            ("moz-extension://0f2c-4a", "moz-extension://0f2c-4a"),
            ("null", "null"),
            ("file://", "file://"),
        ];
        for (text, expected) in cases {
            let origin: Origin = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(origin.to_string(), expected, "{text}");
            assert_eq!(expected.parse(), Ok(origin), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_origin_is_refused_with_what_to_write() {
        let cases = [
            ("*", OriginError::Wildcard),
            ("https://*.example", OriginError::Wildcard),
            ("https://app.example/path", OriginError::Path),
            ("https://app.example//", OriginError::Path),
            ("https://app.example?x", OriginError::Path),
            ("https://app.example#x", OriginError::Path),
            ("app.example", OriginError::NotAnOrigin),
            ("localhost:3000", OriginError::NotAnOrigin),
            ("https:app.example", OriginError::NotAnOrigin),
            ("https://", OriginError::NotAnOrigin),
            ("https:///", OriginError::NotAnOrigin),
            ("http:/7://", OriginError::NotAnOrigin),
            ("http:/app.example:80?1://", OriginError::NotAnOrigin),
            ("http:app.example#://", OriginError::NotAnOrigin),
            ("http:://app.example", OriginError::NotAnOrigin),
            ("1http://app.example", OriginError::NotAnOrigin),
            ("://app.example", OriginError::NotAnOrigin),
            ("capacitor://", OriginError::NotAnOrigin),
            ("https://user@app.example", OriginError::NotAnOrigin),
            ("https://app.example:99999", OriginError::NotAnOrigin),
            ("https://a b", OriginError::NotAnOrigin),
            ("https://\\app.example", OriginError::NotAnOrigin),
            (" https://app.example", OriginError::NotAnOrigin),
            ("NULL", OriginError::NotAnOrigin),
            ("", OriginError::NotAnOrigin),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Origin>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_read_again_the_same(text in "[ -~ü]{0,40}") {
            for text in [text.clone(), format!("https://{text}"), format!("tauri://{text}")] {
                if let Ok(origin) = text.parse::<Origin>() {
                    prop_assert_eq!(origin.to_string().parse(), Ok(origin), "{}", text);
                }
            }
        }
    }
}
