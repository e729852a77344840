//! What the files for a cluster promise together: that brokers lose nothing that was confirmed, that nodes
//! are of one hub, and that no two of a kind need to be away at the same time.

use serde_json::Value;

use super::tool::{manifest, variable, yaml};
use crate::support::text;

const BROKERS: [&str; 3] = ["nats-1", "nats-2", "nats-3"];
const NODES: [&str; 3] = ["node-1", "node-2", "node-3"];

#[test]
fn brokers_sync_before_they_confirm_and_take_the_largest_events() {
    for config in [text("deploy/nats/nats.conf"), config_of_the_manifest()] {
        assert_eq!(setting(&config, "sync_interval:"), "always");
        // 1 MiB of data, and topics.
        assert_eq!(setting(&config, "max_payload:"), "4MB");
        assert_eq!(
            setting(&config, "store_dir:"),
            "\"/data\"",
            "a volume, and no temporary folder"
        );
        assert_eq!(setting(&config, "no_advertise:"), "true");
        assert_eq!(config.matches(":6222\"").count(), 3, "routes to all of them");
    }
}

#[test]
fn each_broker_has_a_disk_of_its_own_that_outlives_it() {
    let compose = compose();
    for broker in BROKERS {
        let service = &compose["services"][broker];
        let volumes = service["volumes"].as_array().unwrap();
        assert!(volumes.contains(&format!("{broker}:/data").into()), "{broker}");
        assert!(compose["volumes"].as_object().unwrap().contains_key(broker));
        let name = service["command"].as_array().unwrap().last().unwrap();
        assert_eq!(name, broker);
        assert!(text("deploy/nats/nats.conf").contains(&format!("\"nats://{broker}:6222\"")));
    }
    let set = manifest("nats.yaml", "StatefulSet");
    let mounts =
        set["spec"]["template"]["spec"]["containers"][0]["volumeMounts"].as_array().unwrap();
    assert!(mounts.iter().any(|mount| mount["name"] == "data" && mount["mountPath"] == "/data"));
    let claim = &set["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], "data");
    assert_eq!(claim["spec"]["accessModes"], serde_json::json!(["ReadWriteOncePod"]));
    assert_eq!(set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"], "Retain");
}

/// The brokers keep twice what nodes retain, and write it before they remove anything.
#[test]
fn the_disks_of_the_brokers_hold_more_than_twice_what_is_retained() {
    let node = manifest("cluster.yaml", "Deployment");
    let claim = manifest("nats.yaml", "StatefulSet")["spec"]["volumeClaimTemplates"][0].take();
    let claimed = gibibytes(claim["spec"]["resources"]["requests"]["storage"].as_str().unwrap());
    let at_most = gibibytes(setting(&config_of_the_manifest(), "max_file_store:"));
    let retained = gibibytes(variable(&node, "FANFARE_RETAIN_BYTES").as_str().unwrap());
    assert!(claimed > at_most && at_most >= 3.0 * retained, "{claimed}, {at_most}, {retained}");
    let memory =
        &node["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"];
    assert!(gibibytes(memory.as_str().unwrap()) >= 3.0 * retained, "all of it is in memory");

    let at_most = gibibytes(setting(&text("deploy/nats/nats.conf"), "max_file_store:"));
    let retained = &compose()["services"]["node-1"]["environment"]["FANFARE_RETAIN_BYTES"];
    assert!(at_most >= 3.0 * gibibytes(retained.as_str().unwrap()));
}

#[test]
fn all_nodes_are_of_one_hub_and_know_all_brokers() {
    let compose = compose();
    let environment = |node: &str| compose["services"][node]["environment"].clone();
    for node in NODES {
        assert_eq!(environment(node), environment("node-1"), "limits and keys are the same");
        let depends = &compose["services"][node]["depends_on"];
        for broker in BROKERS {
            assert_eq!(depends[broker]["condition"], "service_healthy", "{node}");
        }
    }
    let brokers = BROKERS.map(|broker| format!("nats://{broker}:4222")).join(",");
    assert_eq!(environment("node-1")["FANFARE_NATS"], brokers.as_str());
    let keys = compose["services"]["ticket-keys"]["command"].as_array().unwrap();
    assert!(keys.contains(&environment("node-1")["FANFARE_TICKET_SECRET_FILE"]));

    let set = manifest("nats.yaml", "StatefulSet");
    let (name, service) = (set["metadata"]["name"].as_str().unwrap(), &set["spec"]["serviceName"]);
    let brokers = (0..set["spec"]["replicas"].as_u64().unwrap())
        .map(|number| format!("nats://{name}-{number}.{}:4222", service.as_str().unwrap()));
    let node = manifest("cluster.yaml", "Deployment");
    assert_eq!(variable(&node, "FANFARE_NATS"), brokers.collect::<Vec<_>>().join(","));
    for workload in
        [environment("node-1")["FANFARE_DEMOS"].clone(), variable(&node, "FANFARE_DEMOS")]
    {
        assert_eq!(workload, "false", "each node would publish them");
    }
}

#[test]
fn nobody_but_the_nodes_reaches_the_brokers() {
    let compose = compose();
    assert_eq!(compose["networks"]["brokers"]["internal"], true);
    let mut inside = Vec::new();
    for (name, service) in compose["services"].as_object().unwrap() {
        let networks = service["networks"].as_array().into_iter().flatten();
        inside.extend(networks.filter(|network| *network == "brokers").map(|_| name.as_str()));
    }
    inside.sort_unstable();
    assert_eq!(inside, [BROKERS, NODES].concat());
    for broker in BROKERS {
        assert_eq!(compose["services"][broker]["networks"], serde_json::json!(["brokers"]));
        assert_eq!(compose["services"][broker]["ports"], Value::Null, "{broker}");
    }
    let policy = manifest("nats.yaml", "NetworkPolicy");
    let from = &policy["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"];
    let node = manifest("cluster.yaml", "Deployment");
    let labels = &node["spec"]["template"]["metadata"]["labels"];
    // The nodes of any release; the single server is none.
    assert_eq!(from.as_object().unwrap().len(), 2);
    assert!(from.as_object().unwrap().iter().all(|(label, value)| labels[label] == *value));
}

#[test]
fn haproxy_and_prometheus_know_all_nodes_and_the_profile_has_them() {
    let compose = compose();
    let haproxy = text("deploy/haproxy/cluster.cfg");
    let prometheus = yaml("deploy/prometheus/prometheus.yml").remove(0);
    let mut jobs = prometheus["scrape_configs"].as_array().unwrap().iter();
    let job = jobs.find(|job| job["job_name"] == "fanfare-cluster").unwrap();
    let targets = job["static_configs"][0]["targets"].as_array().unwrap();
    for (node, target) in NODES.iter().zip(targets) {
        assert!(
            haproxy.contains(&format!("\n    server {node} {node}:8080 port 9090\n")),
            "{node}"
        );
        assert_eq!(*target, format!("{node}:9090"));
    }
    for service in [&BROKERS[..], &NODES, &["haproxy", "ticket-keys"]].concat() {
        assert_eq!(compose["services"][service]["profiles"], serde_json::json!(["cluster"]));
    }
}

#[test]
fn never_are_two_of_a_kind_taken_away_at_the_same_time() {
    for (file, kind) in [("nats.yaml", "StatefulSet"), ("cluster.yaml", "Deployment")] {
        let workload = manifest(file, kind);
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        assert_eq!(*labels, workload["spec"]["selector"]["matchLabels"], "{file}");
        let budget = manifest(file, "PodDisruptionBudget");
        assert_eq!(budget["spec"]["maxUnavailable"], 1, "{file}");
        assert_eq!(budget["spec"]["selector"]["matchLabels"], *labels, "{file}");
        let service = manifest(file, "Service");
        assert_eq!(service["spec"]["selector"], *labels, "{file}");
        let spread = &workload["spec"]["template"]["spec"]["topologySpreadConstraints"];
        for constraint in spread.as_array().unwrap() {
            assert_eq!(constraint["labelSelector"]["matchLabels"], *labels, "{file}");
        }
        let machines = if kind == "StatefulSet" { "DoNotSchedule" } else { "ScheduleAnyway" };
        assert_eq!(spread[0]["topologyKey"], "kubernetes.io/hostname", "{file}");
        assert_eq!(spread[0]["whenUnsatisfiable"], machines, "{file}");
    }
    let nodes = manifest("cluster.yaml", "Deployment");
    let update = &nodes["spec"]["strategy"]["rollingUpdate"];
    assert_eq!((&update["maxSurge"], &update["maxUnavailable"]), (&1.into(), &0.into()));
}

fn compose() -> Value {
    yaml("deploy/docker-compose.yml").remove(0)
}

fn config_of_the_manifest() -> String {
    let config = &manifest("nats.yaml", "ConfigMap")["data"]["nats.conf"];
    config.as_str().expect("text").to_owned()
}

/// What stands behind a name in a file of the brokers, outside of comments.
fn setting<'a>(config: &'a str, name: &str) -> &'a str {
    let mut values = config.lines().filter_map(|line| line.trim().strip_prefix(name));
    let value = values.next().unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(values.next(), None, "{name} twice");
    value.trim()
}

/// A size such as `256MiB`, `4Gi` or `3GB`, which are all of 1024 in these files.
fn gibibytes(size: &str) -> f64 {
    let digits = size.find(|c: char| !c.is_ascii_digit()).expect("a unit");
    let (number, unit) = size.split_at(digits);
    let number: f64 = number.parse().expect("a number");
    match unit {
        "Gi" | "GiB" | "GB" => number,
        "Mi" | "MiB" | "MB" => number / 1024.0,
        _ => panic!("{size} has a unit that is not known here"),
    }
}
