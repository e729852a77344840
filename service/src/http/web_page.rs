//! One page as it is sent: with what browsers may do with it, and an ETag by which they know it.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Request, StatusCode};

use super::local_pages::LocalPages;
use super::response::{self, HttpResponse};

/// Pages load nothing from anywhere else, run no inline script, and cannot be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

/// One page or a part of one.
#[derive(Debug)]
pub(super) struct WebPage {
    body: Bytes,
    content_type: HeaderValue,
    etag: HeaderValue,
    policy: HeaderValue,
    /// What browsers on this machine get in its place.
    on_this_machine: Option<Box<LocalVariant>>,
}

/// A page that is another one for browsers on this machine.
#[derive(Debug)]
struct LocalVariant {
    local: LocalPages,
    page: WebPage,
}

impl WebPage {
    pub(super) fn new(media_type: &str, body: Bytes) -> Self {
        let content_type = if media_type.starts_with("text/") {
            format!("{media_type}; charset=utf-8")
        } else {
            media_type.to_owned()
        };
        Self {
            content_type: header(&content_type),
            etag: header(&etag(&body)),
            body,
            policy: HeaderValue::from_static(POLICY),
            on_this_machine: None,
        }
    }

    /// Browsers on this machine get it with the address of the admin listener, and may ask that.
    pub(super) fn ask_on_this_machine(&mut self, admin: SocketAddr, local: LocalPages) {
        let page = self.that_asks(admin);
        self.on_this_machine = Some(Box::new(LocalVariant { local, page }));
    }

    /// The same page for browsers that may ask the admin listener.
    fn that_asks(&self, admin: SocketAddr) -> Self {
        let origin = admin_origin(admin);
        let body = String::from_utf8_lossy(&self.body);
        let body = body.replacen("<body ", &format!("<body data-admin=\"{origin}\" "), 1);
        let policy =
            POLICY.replacen("connect-src 'self'", &format!("connect-src 'self' {origin}"), 1);
        let media_type = self.content_type.clone();
        Self { content_type: media_type, policy: header(&policy), ..Self::new("", body.into()) }
    }

    /// What is sent for a request on a connection of this peer.
    pub(super) fn seen_by<B>(&self, request: &Request<B>, peer: Option<IpAddr>) -> &Self {
        match &self.on_this_machine {
            Some(variant) if variant.local.come_by(request, peer) => &variant.page,
            _ => self,
        }
    }

    #[cfg(test)]
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn response(&self, request: &HeaderMap) -> HttpResponse {
        let mut response = if self.is_known_to(request) {
            response::empty(StatusCode::NOT_MODIFIED)
        } else {
            response::whole(StatusCode::OK, "", self.body.clone())
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(ETAG, self.etag.clone());
        // Names carry no version, so each use sends a request; the response is nearly always 304.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }

    fn is_known_to(&self, request: &HeaderMap) -> bool {
        let known = request.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let etag = self.etag.to_str().unwrap_or_default();
        known.is_some_and(|known| {
            known
                .split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
        })
    }
}

/// As a page and its policy write it. A policy can name no IPv6 address (CSP 3, section 2.3.1): `localhost`
/// leads to the only one that is on loopback.
fn admin_origin(admin: SocketAddr) -> String {
    match admin.ip().to_canonical() {
        IpAddr::V4(address) => format!("http://{address}:{}", admin.port()),
        IpAddr::V6(_) => format!("http://localhost:{}", admin.port()),
    }
}

/// Half of a hash of the body is enough to tell its versions apart.
fn etag(body: &[u8]) -> String {
    let hash = digest(&SHA256, body);
    let hash: String = hash.as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hash}\"")
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}
