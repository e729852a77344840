//! A Prometheus of its own for a test: Debian's program, one scrape a second, data in a folder that
//! goes with it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::support::eventually;
use crate::support::ports::own_address;
use crate::support::process::Process;

#[derive(Debug)]
pub(super) struct Prometheus {
    address: SocketAddr,
    client: Agent,
    // Ended before its folder goes.
    _process: Process,
    _folder: TempDir,
}

/// A curve: labels, and its moments (in seconds since 1970) with their values.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) points: Vec<(f64, f64)>,
}

impl Curve {
    pub(super) fn is_finite_somewhere(&self) -> bool {
        self.points.iter().any(|(_, value)| value.is_finite())
    }

    pub(super) fn is_other_than_zero_somewhere(&self) -> bool {
        self.points.iter().any(|(_, value)| value.is_finite() && *value != 0.0)
    }

    /// The value of a query at one moment.
    pub(super) fn value(&self) -> f64 {
        self.points.last().expect("a value").1
    }
}

/// An alert that waits or fires.
#[derive(Clone, Debug)]
pub(super) struct Alert {
    pub(super) name: String,
    pub(super) is_firing: bool,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

impl Prometheus {
    /// Scrapes these jobs, one target each, and follows these rules (the text of a file).
    pub(super) fn start(jobs: &[(&str, SocketAddr)], rules: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let jobs = jobs.iter().map(|(job, target)| {
            json!({ "job_name": job, "static_configs": [{ "targets": [target.to_string()] }] })
        });
        let config = json!({
            "global": {
                "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s",
            },
            "rule_files": ["rules.yml"],
            "scrape_configs": jobs.collect::<Vec<_>>(),
        });
        // JSON is YAML.
        for (name, text) in [("prometheus.yml", config.to_string().as_str()), ("rules.yml", rules)]
        {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        let address = own_address();
        let mut command = Command::new("prometheus");
        command
            .current_dir(folder.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null());
        let mut process = Process::start(&mut command);
        let client = Agent::config_builder().http_status_as_error(false).build().new_agent();
        eventually("Prometheus is ready", || {
            assert!(!process.is_over(), "Prometheus has ended");
            let response = client.get(format!("http://{address}/-/ready")).call();
            response.is_ok_and(|response| response.status() == 200)
        });
        Self { address, client, _process: process, _folder: folder }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The answer to a query at one moment, or now.
    pub(super) fn at(&self, query: &str, moment: Option<f64>) -> Vec<Curve> {
        let moment = moment.unwrap_or_else(now).to_string();
        let data = self.ask("query", &[("query", query), ("time", &moment)]);
        curves(&data["result"])
    }

    /// The answer to a query over the time since then, a value a second.
    pub(super) fn since(&self, begin: f64, query: &str) -> Vec<Curve> {
        let (begin, end) = (begin.to_string(), now().to_string());
        let queried = [("query", query), ("start", &begin), ("end", &end), ("step", "1")];
        curves(&self.ask("query_range", &queried)["result"])
    }

    /// The values of a label over the series of a selector, as a dashboard's variable asks for them.
    pub(super) fn label_values(&self, selector: &str, label: &str) -> Vec<String> {
        let found = self.ask(&format!("label/{label}/values"), &[("match[]", selector)]);
        let values = found.as_array().expect("a list").iter();
        values.map(|value| value.as_str().expect("a word").to_owned()).collect()
    }

    pub(super) fn alerts(&self) -> Vec<Alert> {
        let found = self.ask("alerts", &[]);
        let alerts = found["alerts"].as_array().expect("a list").iter();
        let alert = |alert: &Value| Alert {
            name: alert["labels"]["alertname"].as_str().expect("a name").to_owned(),
            is_firing: alert["state"] == "firing",
            labels: words(&alert["labels"]),
            annotations: words(&alert["annotations"]),
        };
        alerts.map(alert).collect()
    }

    /// Asks its interface; an error or a warning ends the test.
    fn ask(&self, what: &str, form: &[(&str, &str)]) -> Value {
        let mut request = self.client.get(format!("http://{}/api/v1/{what}", self.address));
        for (name, value) in form {
            request = request.query(name, value);
        }
        let mut response = request.call().expect("Prometheus answers");
        let mut response: Value = response.body_mut().read_json().expect("JSON");
        assert_eq!(response["status"], "success", "{form:?}: {response}");
        for complaint in ["warnings", "infos"] {
            assert_eq!(response[complaint], Value::Null, "{form:?}");
        }
        response["data"].take()
    }
}

pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

fn curves(result: &Value) -> Vec<Curve> {
    let found = result.as_array().expect("a list").iter();
    let curve = |curve: &Value| {
        let alone = std::slice::from_ref(&curve["value"]);
        let points = curve["values"].as_array().map_or(alone, Vec::as_slice).iter();
        Curve { labels: words(&curve["metric"]), points: points.map(point).collect() }
    };
    found.map(curve).collect()
}

fn point(point: &Value) -> (f64, f64) {
    let value = point[1].as_str().expect("a value is text");
    (point[0].as_f64().expect("a moment"), value.parse().expect("a number"))
}

fn words(object: &Value) -> BTreeMap<String, String> {
    let pairs = object.as_object().into_iter().flatten();
    pairs
        .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}
