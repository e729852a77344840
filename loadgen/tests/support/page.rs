//! The program's own page of metrics, read as a strict scraper reads it: every line must be in the
//! text format 0.0.4, and every family have its help and its type before its samples.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::program::Going;
use super::{PATIENCE, eventually};

/// One scrape.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) text: String,
    /// By names with labels, as they are written.
    pub(crate) series: BTreeMap<String, f64>,
}

/// Where the program serves its metrics, as it says itself.
pub(crate) fn address(going: &Going) -> SocketAddr {
    let mut found = None;
    eventually("it says where its metrics are", || {
        let said = going.said();
        let line = said.lines().find_map(|line| line.strip_prefix("metrics on http://"));
        found = line.and_then(|line| line.strip_suffix("/metrics")?.parse().ok());
        found.is_some()
    });
    found.expect("just seen")
}

/// Head and body of the answer to a request.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")
        .expect("a request");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("an answer");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    (head.to_ascii_lowercase(), body.to_owned())
}

impl Page {
    pub(crate) fn scrape(address: SocketAddr) -> Self {
        let (head, text) = ask(address, "GET", "/metrics");
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let kind = "content-type: text/plain; version=0.0.4; charset=utf-8";
        assert!(head.lines().any(|line| line == kind), "{head}");
        let series = read(&text);
        Self { text, series }
    }

    /// Scrapes until the run is over, and gives every page.
    pub(crate) fn until_done(address: SocketAddr) -> Vec<Self> {
        let mut pages = Vec::new();
        eventually("the run is over", || {
            pages.push(Self::scrape(address));
            pages.last().is_some_and(|page| page.count("loadgen_phase{phase=\"done\"}") == 1)
        });
        pages
    }

    #[track_caller]
    pub(crate) fn figure(&self, series: &str) -> f64 {
        *self.series.get(series).unwrap_or_else(|| panic!("no {series} in {}", self.text))
    }

    #[track_caller]
    pub(crate) fn count(&self, series: &str) -> u64 {
        let figure = self.figure(series);
        assert!(figure >= 0.0 && figure.fract() == 0.0, "{series} is no count: {figure}");
        figure as u64
    }
}

fn read(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line has no end");
    let mut series = BTreeMap::new();
    let (mut helped, mut family) = (String::new(), (String::new(), String::new()));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("a name and a text");
            assert!(words.ends_with('.'), "{line}");
            helped = name.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a type");
            assert_eq!(name, helped, "the type follows the help");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            family = (name.to_owned(), kind.to_owned());
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a series and a value");
            let bare = name.split('{').next().unwrap_or_default();
            assert!(bare.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{line}");
            assert!(!name.contains('{') || name.ends_with("\"}"), "{line}");
            let ending = bare.strip_prefix(&*family.0).unwrap_or_else(|| panic!("{line}"));
            let endings: &[&str] =
                if family.1 == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(endings.contains(&ending), "{line} in {family:?}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(value.is_finite(), "{line}");
            assert!(series.insert(name.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    series
}
