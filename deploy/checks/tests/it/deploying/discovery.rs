//! Which targets Prometheus makes of the manifests' pods, with `deploy/kubernetes/prometheus.yml`.
//!
//! Debian's Prometheus is built without the discovery of Kubernetes. So the pods are given to it as that
//! discovery would find them, one target a port, and what it makes of them is its own work.

use std::process::Command;

use serde_json::{Value, json};

use super::tool::{content, manifest, stateful_set, workloads, yaml};
use crate::support::text;

#[test]
fn prometheus_watches_the_admin_port_of_each_pod_under_the_name_that_the_alerts_ask_for() {
    let mut config = yaml("deploy/kubernetes/prometheus.yml").remove(0);
    let job = config["scrape_configs"][0].as_object_mut().unwrap();
    let discovery = job.remove("kubernetes_sd_configs").unwrap();
    assert_eq!(discovery[0]["role"], "pod");
    let pod = stateful_set()["spec"]["template"].take();
    let selector = discovery[0]["selectors"][0]["label"].as_str().unwrap();
    let watched = workloads().map(|workload| selects(selector, &workload["spec"]["template"]));
    assert_eq!(watched, [true, true, false], "brokers have no such figures");
    let node = &manifest("cluster.yaml", "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(node["ports"], pod["spec"]["containers"][0]["ports"]);
    job.insert("static_configs".to_owned(), found(&pod));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, config.to_string()).unwrap();
    let mut check = Command::new("promtool");
    // It shows what has been found when that time is over.
    check.args(["check", "service-discovery", "--timeout=1s"]).arg(&file).arg("fanfare");
    let targets: Vec<Value> = serde_json::from_str(&content(&mut check)).unwrap();
    assert_eq!(targets.len(), 2, "public and admin port: {targets:?}");
    // What was dropped has no labels left.
    let mut kept = targets.iter().map(|target| &target["labels"]).filter(|one| **one != json!({}));
    let labels = kept.next().expect("a target");
    assert_eq!(kept.next(), None);
    for (label, value) in [
        ("__address__", "192.0.2.1:9090"),
        ("job", "fanfare"),
        ("instance", "fanfare-0"),
        ("namespace", "push"),
    ] {
        assert_eq!(labels[label], value, "{labels}");
    }
    assert!(text("deploy/prometheus/rules/alerts.yml").contains("job=\"fanfare\""));
}

/// Whether a selector of labels finds a pod.
fn selects(selector: &str, pod: &Value) -> bool {
    selector.split(',').all(|label| {
        let (name, value) = label.split_once('=').expect("name=value");
        pod["metadata"]["labels"][name] == value
    })
}

/// The first pod as the discovery of Kubernetes describes it.
fn found(pod: &Value) -> Value {
    let ports = pod["spec"]["containers"][0]["ports"].as_array().expect("a list").iter();
    let target = |port: &Value| {
        json!({
            "targets": [format!("192.0.2.1:{}", port["containerPort"])],
            "labels": {
                "__meta_kubernetes_namespace": "push",
                "__meta_kubernetes_pod_name": "fanfare-0",
                "__meta_kubernetes_pod_container_port_name": port["name"],
            },
        })
    };
    ports.map(target).collect()
}
