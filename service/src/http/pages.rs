//! The pages, embedded in the binary.
//!
//! What all pages share stands once, in files of `web/parts`: a line `<!-- part: NAME -->` of a
//! page stands for one of them. A page is put together when it is first asked for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::HeaderMap;
use rust_embed::{EmbeddedFile, RustEmbed};

use super::body::Content;
use super::documents;
use super::local_pages::LocalPages;
use super::web_page::WebPage;

#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// The folder of what pages share, which is not served by itself.
const PARTS: &str = "parts/";

/// The part that is the frame of every document.
const FRAME: &str = "document";

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

/// The pages by path.
#[derive(Debug)]
pub struct Pages {
    by_path: HashMap<String, LazyPage>,
}

/// A page that takes no time and no memory before it is needed.
type LazyPage = LazyLock<WebPage, Box<dyn FnOnce() -> WebPage + Send>>;

impl Pages {
    /// All pages and the documents; without those of the demonstrations if they are off.
    #[must_use]
    pub fn new(demos: bool) -> Self {
        let is_public = |file: &str| {
            !file.starts_with(PARTS)
                && !file.starts_with(ADMIN)
                && (demos || !is_of_a_demonstration(file))
        };
        let mut pages = Self::of_files(is_public, demos);
        pages.by_path.extend(document_pages(demos));
        pages
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
            console.ask_on_this_machine(admin, local.clone());
        }
        self
    }

    fn of_files(is_served: impl Fn(&str) -> bool, demos: bool) -> Self {
        let files = Files::iter().filter(|file| is_served(file));
        let pages = files.filter_map(|file| {
            let embedded = Files::get(&file)?;
            Some((path_of(&file), lazily(move || file_page(&file, embedded, demos))))
        });
        Self { by_path: pages.collect() }
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
        let page = self.by_path.get(path);
        // A slash is easily typed behind what looks like a folder. Links of pages begin at the root, so
        // that they lead to the same there.
        let page = page.or_else(|| self.by_path.get(path.strip_suffix('/')?));
        page.map(|page| &**page)
    }
}

fn file_page(name: &str, file: EmbeddedFile, demos: bool) -> WebPage {
    let body = match std::str::from_utf8(&file.data) {
        Ok(text) if name.ends_with(".html") => Bytes::from(page(text, &path_of(name), demos)),
        _ => unchanged(file.data),
    };
    WebPage::new(file.metadata.mimetype(), body)
}

fn lazily(make: impl FnOnce() -> WebPage + Send + 'static) -> LazyPage {
    LazyLock::new(Box::new(make))
}

/// The documents, and the interface in the words of OpenAPI.
fn document_pages(demos: bool) -> impl Iterator<Item = (String, LazyPage)> {
    let pages = documents::served(demos).map(move |document| {
        let make = move || {
            // Put together first, so that the navigation has the one link that is marked.
            let frame = page(&part_named(FRAME).unwrap_or_default(), documents::INDEX, demos);
            WebPage::new("text/html", Bytes::from(document.page(&frame, demos)))
        };
        (document.path(), lazily(make))
    });
    // As plain text, because browsers show that, and save `application/yaml` (RFC 9512) without a word.
    let openapi = || WebPage::new("text/plain", Bytes::from(documents::openapi()));
    pages.chain([(documents::OPENAPI.to_owned(), lazily(openapi))])
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_put_together_of_their_parts_and_parts_are_not_served() {
        let pages = Pages::new(true);
        for path in ["/", "/demo/clock", "/demo/console", "/docs"] {
            let text = String::from_utf8(pages.at(path).unwrap().body().to_vec()).unwrap();
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
