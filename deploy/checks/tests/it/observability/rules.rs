//! The rules of Prometheus: what every alert must say, and that its runbook is there.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

use super::promql::selections;
use crate::support::text;

/// Files of rules, from the root of the repository.
pub(super) const FILES: [&str; 2] =
    ["deploy/prometheus/rules/recording.yml", "deploy/prometheus/rules/alerts.yml"];
const RUNBOOKS: &str = "docs/operations.md";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[expect(dead_code, reason = "Prometheus asks for it; promtool sees that it is unique")]
    name: String,
    rules: Vec<Rule>,
}

/// A rule that records or one that alerts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) record: Option<String>,
    pub(super) alert: Option<String>,
    pub(super) expr: String,
    #[serde(rename = "for")]
    #[expect(dead_code, reason = "not every alert waits")]
    wait: Option<String>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Labels {
    severity: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Annotations {
    summary: String,
    description: String,
    runbook_url: String,
}

impl Rule {
    pub(super) fn name(&self) -> &str {
        self.record.as_deref().or(self.alert.as_deref()).expect("one of the two")
    }
}

pub(super) fn all() -> Vec<Rule> {
    FILES.iter().flat_map(|file| read(file)).collect()
}

fn alerts() -> impl Iterator<Item = Rule> {
    all().into_iter().filter(|rule| rule.alert.is_some())
}

fn read(file: &str) -> Vec<Rule> {
    let read: RuleFile =
        serde_saphyr::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    read.groups.into_iter().flat_map(|group| group.rules).collect()
}

#[test]
fn every_alert_has_a_name_a_severity_a_text_and_a_runbook() {
    let runbooks = text(RUNBOOKS);
    let headings: HashSet<_> =
        runbooks.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut names = HashSet::new();
    for alert in alerts() {
        let name = alert.name().to_owned();
        let Annotations { summary, description, runbook_url } = &alert.annotations;
        assert!(name.starts_with("Fanfare"), "{name}");
        assert!(
            ["critical", "warning", "info"].contains(&alert.labels.severity.as_str()),
            "{name}"
        );
        assert!(summary.ends_with('.') && summary.len() < 120, "{name}: {summary}");
        assert!(description.ends_with('.') && description != summary, "{name}: {description}");
        assert_eq!(*runbook_url, format!("{RUNBOOKS}#{}", name.to_lowercase()));
        assert!(headings.contains(name.as_str()), "{RUNBOOKS} says nothing of {name}");
        names.insert(name);
    }
    let about = headings.iter().filter(|heading| heading.starts_with("Fanfare"));
    for heading in about {
        assert!(names.contains(*heading), "{RUNBOOKS}: there is no alert {heading}");
    }
}

#[test]
fn every_alert_is_seen_to_fire_to_stay_silent_and_to_resolve() {
    let files = ["servers", "delivery", "clients", "limits", "certificates", "storage", "cluster"];
    let mut cases = Vec::new();
    for file in files {
        let tests: Value =
            serde_saphyr::from_str(&text(&format!("deploy/prometheus/tests/{file}.yml"))).unwrap();
        for test in tests["tests"].as_array().unwrap() {
            cases.extend(test["alert_rule_test"].as_array().unwrap().iter().map(|case| {
                let firing = case["exp_alerts"].as_array().unwrap().len();
                (case["alertname"].as_str().unwrap().to_owned(), firing > 0)
            }));
        }
    }
    for alert in alerts() {
        let of = |firing| {
            cases.iter().filter(|case| **case == (alert.name().to_owned(), firing)).count()
        };
        assert!(of(true) >= 1, "{}: no test sees it fire", alert.name());
        assert!(of(false) >= 2, "{}: no test sees it silent and resolved", alert.name());
    }
}

#[test]
fn recorded_names_say_level_metric_and_operation() {
    for rule in all().iter().filter(|rule| rule.record.is_some()) {
        let parts: Vec<_> = rule.name().split(':').collect();
        let [level, metric, operation] = parts[..] else { panic!("{}", rule.name()) };
        assert!(["instance", "job"].contains(&level), "{level}");
        assert!(operation.contains("rate"), "{operation}");
        let queried = selections(rule.name(), &rule.expr);
        assert!(queried.iter().any(|one| one.metric.starts_with(metric)), "{metric}: {queried:?}");
    }
}
