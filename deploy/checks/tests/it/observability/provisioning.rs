//! What Grafana reads at its start.

use serde_json::Value;

use crate::support::text;

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn grafana_knows_how_often_prometheus_scrapes() {
    let provisioned = yaml("grafana/provisioning/datasources/prometheus.yaml");
    let datasource = &provisioned["datasources"][0];
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    assert_eq!(datasource["jsonData"]["timeInterval"], prometheus["global"]["scrape_interval"]);
    assert_eq!(datasource["type"], "prometheus");
    assert_eq!((&datasource["isDefault"], &datasource["editable"]), (&true.into(), &false.into()));
    assert!(datasource["uid"].is_string(), "it keeps its name in links");
}

#[test]
fn dashboards_come_from_files_and_are_changed_nowhere_else() {
    let provisioned = yaml("grafana/provisioning/dashboards/fanfare.yaml");
    let provider = &provisioned["providers"][0];
    assert_eq!((&provider["type"], &provider["allowUiUpdates"]), (&"file".into(), &false.into()));
    assert!(provider["options"]["path"].is_string());
}

#[test]
fn prometheus_scrapes_both_programs_where_they_listen_and_asks_nothing_that_is_new() {
    let prometheus = yaml("deploy/prometheus/prometheus.yml");
    let jobs: Vec<_> = prometheus["scrape_configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| (job["job_name"].as_str().unwrap(), &job["static_configs"][0]["targets"][0]))
        .collect();
    assert!(jobs.contains(&("fanfare", &"fanfare:9090".into())), "{jobs:?}");
    assert!(jobs.contains(&("loadgen", &"loadgen:9464".into())), "{jobs:?}");
}
