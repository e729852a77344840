//! What the programs export, read from the pages of running ones.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::support::client::get;
use crate::support::ports::own_address;
use crate::support::process::{Fanfare, Process};
use crate::support::{eventually, program};

/// A metrics page, taken apart.
#[derive(Debug, Default)]
pub(super) struct Exported {
    /// Names of metrics, as they are declared, and their types.
    pub(super) metrics: BTreeMap<String, String>,
    /// The values of labels, of all metrics together.
    pub(super) labels: BTreeMap<String, BTreeSet<String>>,
    pub(super) page: String,
}

impl Exported {
    fn read(page: String) -> Self {
        let mut exported = Self::default();
        for line in page.lines() {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declared.split_once(' ').expect("a name and a type");
                exported.metrics.insert(name.to_owned(), kind.to_owned());
            } else if let Some((_, rest)) = line.split_once('{') {
                // No value of ours has a comma or a brace in it.
                for pair in rest.split('}').next().unwrap_or_default().split(',') {
                    let (label, value) = pair.split_once('=').expect("a label and its value");
                    let values = exported.labels.entry(label.to_owned()).or_default();
                    values.insert(value.trim_matches('"').to_owned());
                }
            }
        }
        exported.page = page;
        exported
    }

    /// The metric that a series belongs to: `x_seconds` for `x_seconds_bucket`.
    pub(super) fn metric_of<'a>(&self, series: &'a str) -> Option<&'a str> {
        let endings = ["_bucket", "_sum", "_count"].iter();
        let mut parts = endings.filter_map(|ending| series.strip_suffix(ending));
        let histogram =
            parts.find(|name| self.metrics.get(*name).is_some_and(|k| k == "histogram"));
        histogram.or_else(|| self.metrics.contains_key(series).then_some(series))
    }
}

/// What a server exports that has just begun.
pub(super) fn by_server() -> &'static Exported {
    static EXPORTED: OnceLock<Exported> = OnceLock::new();
    EXPORTED.get_or_init(|| Exported::read(get(Fanfare::start(&[]).admin, "/metrics")))
}

/// What a load generator exports that waits for its server.
pub(super) fn by_loadgen() -> &'static Exported {
    static EXPORTED: OnceLock<Exported> = OnceLock::new();
    EXPORTED.get_or_init(|| {
        let server = Fanfare::start(&[]);
        let metrics = own_address();
        let mut command = Command::new(program::loadgen());
        command
            .args(["run", "--quiet", "-d", "30s", "-c", "1"])
            .args(["--subscribe", &format!("http://{}/events/load", server.address)])
            .args(["--publish", &format!("http://{}/events/load", server.address)])
            .args(["--metrics-listen", &metrics.to_string()])
            .stdout(Stdio::null());
        let mut process = Process::start(&mut command);
        eventually("the metrics page of loadgen", || {
            assert!(!process.is_over(), "loadgen has ended; does it know --metrics-listen?");
            std::net::TcpStream::connect(metrics).is_ok()
        });
        Exported::read(get(metrics, "/metrics"))
    })
}
