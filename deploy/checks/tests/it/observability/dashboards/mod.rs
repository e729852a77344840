//! The dashboards as Grafana reads them: panels, queries, variables and annotations.

mod layout;
mod lint;
mod source;

use serde_json::Value;

use crate::support::text;

/// The dashboards, in the order in which people should look at them.
pub(super) const FILES: [&str; 3] = ["overview.json", "internals.json", "load-test.json"];

#[derive(Debug)]
pub(super) struct Dashboard {
    pub(super) file: &'static str,
    pub(super) json: Value,
}

#[derive(Debug)]
pub(super) struct Panel {
    pub(super) file: &'static str,
    pub(super) json: Value,
}

/// A query of a panel.
#[derive(Debug)]
pub(super) struct Query {
    /// Where it stands, for messages.
    pub(super) place: String,
    pub(super) legend: String,
    pub(super) expression: String,
    pub(super) is_heatmap: bool,
}

/// What is chosen at the top of a dashboard, as it is put into queries.
#[derive(Clone, Debug)]
pub(super) struct Choices<'a> {
    pub(super) servers: (&'a str, &'a str),
    pub(super) load: (&'a str, &'a str),
    pub(super) quantile: &'a str,
    /// What Grafana makes of the scrape interval and the width of the panel.
    pub(super) rate_interval: &'a str,
}

impl Choices<'_> {
    /// As the dashboards begin.
    pub(super) const ALL: Self = Choices {
        servers: (".+", ".+"),
        load: (".+", ".+"),
        quantile: "0.99",
        rate_interval: "5m",
    };

    pub(super) fn fill(&self, query: &str) -> String {
        let filled = query
            .replace("$loadgen_job", self.load.0)
            .replace("$loadgen_instance", self.load.1)
            .replace("$job", self.servers.0)
            .replace("$instance", self.servers.1)
            .replace("$quantile", self.quantile)
            .replace("$__rate_interval", self.rate_interval);
        assert!(!filled.contains('$'), "an unknown variable in {filled}");
        filled
    }
}

pub(super) fn all() -> Vec<Dashboard> {
    let read = |file| {
        let text = text(&format!("grafana/dashboards/{file}"));
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        Dashboard { file, json }
    };
    FILES.into_iter().map(read).collect()
}

impl Dashboard {
    /// All panels but the rows, those of closed rows too.
    pub(super) fn panels(&self) -> Vec<Panel> {
        let mut panels = Vec::new();
        for panel in list(&self.json["panels"]) {
            if panel["type"] == "row" {
                panels.extend(list(&panel["panels"]).iter().cloned());
            } else {
                panels.push(panel.clone());
            }
        }
        panels.into_iter().map(|json| Panel { file: self.file, json }).collect()
    }

    pub(super) fn queries(&self) -> Vec<Query> {
        self.panels().iter().flat_map(Panel::queries).collect()
    }

    /// Name and query of each variable that asks Prometheus: `label_values(selector, label)`.
    pub(super) fn variable_queries(&self) -> Vec<(&str, &str)> {
        let variables = list(&self.json["templating"]["list"]).iter();
        let asking = variables.filter(|variable| variable["type"] == "query");
        asking
            .map(|variable| (word(&variable["name"]), word(&variable["query"]["query"])))
            .collect()
    }

    /// Name and query of each annotation.
    pub(super) fn annotations(&self) -> Vec<(&str, &str)> {
        let annotations = list(&self.json["annotations"]["list"]).iter();
        annotations.map(|one| (word(&one["name"]), word(&one["expr"]))).collect()
    }

    /// Every query of any kind, with the place where it stands.
    pub(super) fn every_query(&self) -> Vec<(String, String)> {
        let mut all: Vec<_> =
            self.queries().into_iter().map(|query| (query.place, query.expression)).collect();
        let named = |name: &str| format!("{}, {name}", self.file);
        all.extend(
            self.annotations().iter().map(|(name, query)| (named(name), (*query).to_owned())),
        );
        for (name, query) in self.variable_queries() {
            all.push((named(name), selector_of(query).0.to_owned()));
        }
        all
    }
}

impl Panel {
    pub(super) fn title(&self) -> &str {
        word(&self.json["title"])
    }

    pub(super) fn place(&self) -> String {
        format!("{}, {}", self.file, self.title())
    }

    pub(super) fn queries(&self) -> Vec<Query> {
        let targets = list(&self.json["targets"]).iter();
        let query = |target: &Value| Query {
            place: format!("{}, {}", self.place(), word(&target["refId"])),
            legend: word(&target["legendFormat"]).to_owned(),
            expression: word(&target["expr"]).to_owned(),
            is_heatmap: target["format"] == "heatmap",
        };
        targets.map(query).collect()
    }
}

/// Selector and label of `label_values(selector, label)`.
pub(super) fn selector_of(variable: &str) -> (&str, &str) {
    let inner = variable.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    let inner = inner.unwrap_or_else(|| panic!("{variable} is not label_values"));
    inner.rsplit_once(", ").expect("a selector and a label")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
