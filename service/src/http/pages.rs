//! The pages, embedded in the binary.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use rust_embed::RustEmbed;

use super::reply::{self, Reply};

#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// Pages load nothing from anywhere else, run no inline script, and cannot be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";

/// The pages by path.
#[derive(Debug)]
pub struct Pages {
    by_path: HashMap<String, Page>,
}

/// One page or a part of one.
#[derive(Debug)]
pub(super) struct Page {
    body: Bytes,
    content_type: HeaderValue,
    etag: HeaderValue,
}

impl Pages {
    /// All pages; without those of the demonstrations if they are off.
    #[must_use]
    pub fn new(demos: bool) -> Self {
        let files = Files::iter().filter_map(|file| Some((file.clone(), Files::get(&file)?)));
        let by_path = files
            .filter(|(file, _)| demos || !is_of_a_demonstration(file))
            .map(|(file, embedded)| (path_of(&file), Page::new(&embedded, demos)))
            .collect();
        Self { by_path }
    }

    pub(super) fn at(&self, path: &str) -> Option<&Page> {
        self.by_path.get(path)
    }
}

fn path_of(file: &str) -> String {
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

impl Page {
    fn new(file: &rust_embed::EmbeddedFile, demos: bool) -> Self {
        let media_type = file.metadata.mimetype();
        let text = media_type.starts_with("text/");
        let content_type =
            if text { format!("{media_type}; charset=utf-8") } else { media_type.to_owned() };
        let mark = if demos { "on" } else { "off" };
        let hash: String =
            file.metadata.sha256_hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            body: body(file.data.clone(), demos),
            content_type: header(&content_type),
            etag: header(&format!("\"{hash}-{mark}\"")),
        }
    }

    pub(super) fn reply(&self, request: &HeaderMap) -> Reply {
        let mut reply = if self.is_known_to(request) {
            reply::empty(StatusCode::NOT_MODIFIED)
        } else {
            reply::whole(StatusCode::OK, "", self.body.clone())
        };
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(ETAG, self.etag.clone());
        // Names carry no version, so each use asks; the answer is nearly always 304.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        reply
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

/// Pages say in one attribute whether there are demonstrations to link to.
fn body(data: Cow<'static, [u8]>, demos: bool) -> Bytes {
    if !demos && let Ok(text) = std::str::from_utf8(&data) {
        return Bytes::from(text.replace("data-demos=\"on\"", "data-demos=\"off\""));
    }
    match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    }
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}
