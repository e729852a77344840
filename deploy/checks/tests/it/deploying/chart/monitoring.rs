//! What Prometheus, Grafana and the autoscaler get, and what stands in front: rules and dashboards are the files
//! themselves, and names are those that the server exports.

use serde_json::{Value, json};

use super::super::tool::yaml;
use super::release::{CHART, Release};
use crate::support::text;

#[test]
fn the_rules_are_those_of_the_files() {
    let release = Release::of("everything");
    let groups = release.document("PrometheusRule")["spec"]["groups"].as_array().unwrap().clone();
    let mut of_files = Vec::new();
    for file in ["recording", "alerts"] {
        let file = yaml(&format!("deploy/prometheus/rules/{file}.yml")).remove(0);
        of_files.extend(file["groups"].as_array().unwrap().clone());
    }
    assert!(of_files.len() >= 2);
    assert_eq!(groups, of_files);
    let files = std::fs::read_dir(crate::support::repository("deploy/prometheus/rules")).unwrap();
    assert_eq!(files.count(), 2, "the chart names each file of rules");
}

#[test]
fn the_dashboards_are_the_files_byte_by_byte() {
    let release = Release::of("everything");
    let maps = release.all("ConfigMap").into_iter();
    let maps: Vec<_> =
        maps.filter(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1").collect();
    let mut found = Vec::new();
    for map in &maps {
        for (name, json) in map["data"].as_object().unwrap() {
            let file = name.strip_prefix("fanfare-").unwrap();
            assert_eq!(*json, text(&format!("grafana/dashboards/{file}")), "{file}");
            found.push(file.to_owned());
        }
    }
    found.sort();
    assert_eq!(found, ["internals.json", "load-test.json", "overview.json"]);
    assert_eq!(maps[0]["metadata"]["annotations"]["grafana_folder"], "Fanfare");
}

#[test]
fn the_operator_scrapes_what_the_file_for_prometheus_scrapes_under_the_same_names() {
    let release = Release::of("everything");
    let monitor = &release.document("PodMonitor")["spec"];
    let labels = &release.workload()["spec"]["template"]["metadata"]["labels"];
    let job = labels[monitor["jobLabel"].as_str().unwrap()].as_str().unwrap();
    assert!(text("deploy/prometheus/rules/alerts.yml").contains(&format!("up{{job=\"{job}\"}}")));
    let by_file = &yaml("deploy/kubernetes/prometheus.yml")[0]["scrape_configs"][0];
    assert_eq!(by_file["job_name"], job);
    let endpoint = &monitor["podMetricsEndpoints"][0];
    assert_eq!(endpoint["interval"], by_file["scrape_interval"]);
    assert_eq!(endpoint["scrapeTimeout"], by_file["scrape_timeout"]);
    let relabel = by_file["relabel_configs"].as_array().unwrap();
    let instance = relabel.iter().find(|one| one["target_label"] == "instance").unwrap();
    let by_operator = &endpoint["relabelings"][0];
    assert_eq!(by_operator["sourceLabels"], instance["source_labels"]);
    assert_eq!(by_operator["targetLabel"], "instance");
    let mut ports = release.container()["ports"].as_array().unwrap().iter();
    assert!(ports.any(|port| port["name"] == endpoint["port"]));
}

#[test]
fn the_autoscaler_asks_for_a_gauge_that_the_server_exports_and_the_adapter_has_a_rule_for() {
    let release = Release::of("everything");
    let pods = &release.document("HorizontalPodAutoscaler")["spec"]["metrics"][0]["pods"];
    let metric = pods["metric"]["name"].as_str().unwrap();
    assert!(text("docs/metrics.md").contains(&format!("| `{metric}` | gauge |  |")), "{metric}");
    assert_eq!(pods["target"], json!({"type": "AverageValue", "averageValue": "8000"}));
    let readme = text(&format!("{CHART}/README.md"));
    let rule = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let rule: Value = serde_saphyr::from_str(rule).unwrap();
    let series = rule["rules"][0]["seriesQuery"].as_str().unwrap();
    assert!(series.starts_with(&format!("{metric}{{")), "{series}");
    assert_eq!(rule["rules"][0]["resources"]["overrides"]["instance"]["resource"], "pod");
}

#[test]
fn streams_are_not_cut_by_what_is_in_front() {
    let release = Release::of("everything");
    let route = &release.document("HTTPRoute")["spec"]["rules"][0];
    // None, in the words of the Gateway API.
    assert_eq!(route["timeouts"], json!({"request": "0s", "backendRequest": "0s"}));
    let service = release.document("Service");
    assert_eq!(route["backendRefs"][0]["name"], service["metadata"]["name"]);
    assert_eq!(route["backendRefs"][0]["port"], service["spec"]["ports"][0]["port"]);

    let ingress = release.document("Ingress");
    let annotations = &ingress["metadata"]["annotations"];
    assert_eq!(annotations["haproxy.org/load-balance"], "leastconn");
    assert_eq!(annotations["haproxy.org/timeout-server"], "90s", "the user's own wins");
    let path = &ingress["spec"]["rules"][0]["http"]["paths"][0];
    assert_eq!((&path["path"], &path["pathType"]), (&"/".into(), &"Prefix".into()));
    assert_eq!(path["backend"]["service"]["name"], service["metadata"]["name"]);
    assert_eq!(ingress["spec"]["tls"][0]["secretName"], "push-tls");

    let nginx = Release::with("everything", &[r#"ingress.controller="ingress-nginx""#]);
    let annotations = &nginx.document("Ingress")["metadata"]["annotations"];
    assert_eq!(annotations["nginx.ingress.kubernetes.io/proxy-buffering"], "off");
    assert_eq!(annotations["nginx.ingress.kubernetes.io/proxy-body-size"], "0");
}

#[test]
fn the_policy_lets_in_whoever_is_named_and_prometheus_to_the_admin_port_alone() {
    let rules = |set: &[&str]| {
        Release::with("everything", set).document("NetworkPolicy")["spec"]["ingress"].clone()
    };
    let default = rules(&[]);
    let from = default[0]["from"].as_array().unwrap();
    assert_eq!(from.len(), 3);
    assert_eq!(from[0]["podSelector"]["matchLabels"]["fanfare-client"], "true");
    assert_eq!(default[0]["ports"], json!([{"port": "http"}]));
    assert_eq!(default[1]["ports"], json!([{"port": "admin"}]));
    let nobody = rules(&["networkPolicy.metricsFrom=[]"]);
    assert_eq!(
        nobody.as_array().unwrap().len(),
        1,
        "no rule, because one without peers is for all"
    );
}
