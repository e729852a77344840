//! The pages, embedded in the binary.
//!
//! What all pages share stands once, in files of `web/parts`: a line `<!-- part: NAME -->` of a
//! page stands for one of them. They are put together when the server starts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Request, Response, StatusCode};
use rust_embed::RustEmbed;

use super::body::Content;
use super::local_pages::LocalPages;
use super::response::{self, HttpResponse};

#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// The folder of what pages share, which is not served by itself.
const PARTS: &str = "parts/";

/// The folder of the page of the admin listener.
const ADMIN: &str = "admin/";

/// What that page shares with the others.
const SHARED: [&str; 8] = [
    "assets/connection-status.js",
    "assets/favicon.svg",
    "assets/json-request.js",
    "assets/numbers.js",
    "assets/problem.js",
    "assets/style.css",
    "assets/topic-events.js",
    "assets/topic-list.js",
];

/// The page that lists topics, where the admin listener lets it.
const CONSOLE: &str = "/demo/console";

/// Pages load nothing from anywhere else, run no inline script, and cannot be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

/// The pages by path.
#[derive(Debug)]
pub struct Pages {
    by_path: HashMap<String, WebPage>,
}

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

impl Pages {
    /// All pages; without those of the demonstrations if they are off.
    #[must_use]
    pub fn new(demos: bool) -> Self {
        let is_public = |file: &str| {
            !file.starts_with(PARTS)
                && !file.starts_with(ADMIN)
                && (demos || !is_of_a_demonstration(file))
        };
        Self::of_files(is_public, demos)
    }

    /// The page of the admin listener, with what it shares with others.
    #[must_use]
    pub fn of_admin() -> Self {
        Self::of_files(|file| file.starts_with(ADMIN) || SHARED.contains(&file), true)
    }

    /// Browsers on this machine are told in the console where the admin listener is, and may ask it.
    /// Nobody else learns its port, or has a page that sends requests to its visitor's own machine.
    #[must_use]
    pub fn with_topics_in_the_console(
        mut self,
        admin: Option<SocketAddr>,
        local: &LocalPages,
    ) -> Self {
        if let (Some(console), Some(admin)) = (self.by_path.get_mut(CONSOLE), admin) {
            let page = console.that_asks(admin);
            let variant = LocalVariant { local: local.clone(), page };
            console.on_this_machine = Some(Box::new(variant));
        }
        self
    }

    fn of_files(is_served: impl Fn(&str) -> bool, demos: bool) -> Self {
        let files = Files::iter().filter(|file| is_served(file));
        let files = files.filter_map(|file| Some((file.clone(), Files::get(&file)?)));
        let page = |(file, embedded): (Cow<'_, str>, _)| {
            (path_of(&file), WebPage::new(&file, &embedded, demos))
        };
        Self { by_path: files.map(page).collect() }
    }

    /// The response to a request for one of them.
    pub(crate) fn respond(&self, path: &str, request: &HeaderMap) -> Option<Response<Full<Bytes>>> {
        let (head, content) = self.at(path)?.response(request).into_parts();
        let Content::Whole(body) = content else { return None };
        Some(Response::from_parts(head, body))
    }

    #[cfg(test)]
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.by_path.keys().map(String::as_str)
    }

    pub(super) fn at(&self, path: &str) -> Option<&WebPage> {
        self.by_path.get(path)
    }
}

/// Those of the admin listener lie in a folder of their own, and look there as if they were all.
fn path_of(file: &str) -> String {
    let file = file.strip_prefix(ADMIN).unwrap_or(file);
    match file.strip_suffix(".html") {
        Some("index") => "/".to_owned(),
        Some(page) => format!("/{page}"),
        None => format!("/{file}"),
    }
}

/// The console publishes and subscribes by hand, and works without the demonstrations.
fn is_of_a_demonstration(file: &str) -> bool {
    file.starts_with("demo/") && file != "demo/console.html"
}

impl WebPage {
    fn new(name: &str, file: &rust_embed::EmbeddedFile, demos: bool) -> Self {
        let media_type = file.metadata.mimetype();
        let text = media_type.starts_with("text/");
        let content_type =
            if text { format!("{media_type}; charset=utf-8") } else { media_type.to_owned() };
        let body = match std::str::from_utf8(&file.data) {
            Ok(text) if name.ends_with(".html") => Bytes::from(page(text, &path_of(name), demos)),
            _ => unchanged(file.data.clone()),
        };
        Self {
            body,
            content_type: header(&content_type),
            etag: header(&etag(file, demos)),
            policy: HeaderValue::from_static(POLICY),
            on_this_machine: None,
        }
    }

    /// The same page for browsers that may ask the admin listener.
    fn that_asks(&self, admin: SocketAddr) -> Self {
        let origin = admin_origin(admin);
        let body = String::from_utf8_lossy(&self.body);
        let body = body.replacen("<body ", &format!("<body data-admin=\"{origin}\" "), 1);
        let etag = self.etag.to_str().unwrap_or_default().trim_end_matches('"');
        let policy =
            POLICY.replacen("connect-src 'self'", &format!("connect-src 'self' {origin}"), 1);
        Self {
            body: Bytes::from(body),
            content_type: self.content_type.clone(),
            etag: header(&format!("{etag}-{admin}\"")),
            policy: header(&policy),
            on_this_machine: None,
        }
    }

    /// What is sent for a request on a connection of this peer.
    pub(super) fn seen_by<B>(&self, request: &Request<B>, peer: Option<IpAddr>) -> &Self {
        match &self.on_this_machine {
            Some(variant) if variant.local.come_by(request, peer) => &variant.page,
            _ => self,
        }
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

/// The text of a page with its parts. The navigation marks where one is, and one attribute says
/// whether there are demonstrations to link to.
fn page(text: &str, path: &str, demos: bool) -> String {
    let page = with_parts(text);
    let link = format!("href=\"{path}\"");
    let page = page.replacen(&format!("{link}>"), &format!("{link} aria-current=\"page\">"), 1);
    if demos { page } else { page.replace("data-demos=\"on\"", "data-demos=\"off\"") }
}

/// A part may have parts.
fn with_parts(text: &str) -> String {
    let mut whole = String::new();
    for line in text.split_inclusive('\n') {
        let part =
            line.trim().strip_prefix("<!-- part: ").and_then(|rest| rest.strip_suffix(" -->"));
        match part.and_then(part_named) {
            Some(part) => whole.push_str(&with_parts(&part)),
            None => whole.push_str(line),
        }
    }
    whole
}

fn part_named(name: &str) -> Option<String> {
    let file = Files::get(&format!("{PARTS}{name}.html"))?;
    Some(String::from_utf8_lossy(&file.data).into_owned())
}

fn unchanged(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    }
}

/// Changes with the file, with any part of pages, and with what is made of them.
fn etag(file: &rust_embed::EmbeddedFile, demos: bool) -> String {
    let parts = Files::iter().filter(|name| name.starts_with(PARTS));
    let parts = parts.filter_map(|name| Files::get(&name));
    let mut hash = file.metadata.sha256_hash();
    for part in parts {
        let other = part.metadata.sha256_hash();
        // Each part has a turn of its own, so that two equal ones do not take each other away.
        hash.rotate_left(1);
        hash.iter_mut().zip(other).for_each(|(byte, other)| *byte ^= other);
    }
    let hash: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let mark = if demos { "on" } else { "off" };
    format!("\"{hash}-{mark}\"")
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_put_together_of_their_parts_and_parts_are_not_served() {
        let pages = Pages::new(true);
        for path in ["/", "/demo/clock", "/demo/console"] {
            let text = String::from_utf8(pages.at(path).unwrap().body.to_vec()).unwrap();
            assert!(!text.contains("<!-- part"), "{path}");
            for expected in ["<meta charset", "<nav aria-label", "<footer class", "</html>"] {
                assert_eq!(text.matches(expected).count(), 1, "{path}: {expected}");
            }
            assert_eq!(text.matches("aria-current").count(), 1, "{path}");
            assert!(text.contains(&format!("href=\"{path}\" aria-current=\"page\"")), "{path}");
        }
        assert!(pages.by_path.keys().all(|path| !path.contains("parts")));
    }
}
