//! What the parts of a release promise together: times and sizes that fit each other, who is replaced when, and
//! that pods are shut in.

use serde_json::{Value, json};

use super::super::tool::variable;
use super::release::{ALL, Release};

/// What an end may take longer than the window of its drain: what is left is cut after two seconds, and
/// delivery threads have two more.
const CUT: u64 = 4;

#[test]
fn kubernetes_waits_for_the_drain_whatever_its_window_is() {
    let cases = [(5, 10, 30), (1, 0, 16), (30, 300, 345), (120, 3600, 3735)];
    for name in ["memory", "cluster"] {
        for (sleep, window, grace) in cases {
            let set =
                [format!("drain.preStopSeconds={sleep}"), format!("drain.windowSeconds={window}")];
            let release = Release::with(name, &set.each_ref().map(String::as_str));
            let told = variable(release.workload(), "FANFARE_DRAIN_WINDOW");
            assert_eq!(told, format!("{window}s"));
            let sleeps = &release.container()["lifecycle"]["preStop"]["sleep"]["seconds"];
            assert_eq!(*sleeps, sleep);
            assert_eq!(release.pod()["terminationGracePeriodSeconds"], grace);
            assert!(grace > sleep + window + CUT);
        }
    }
}

#[test]
fn one_that_shares_nothing_never_runs_twice_and_nodes_that_share_start_before_others_end() {
    for name in ["memory", "disk", "fed", "open"] {
        let release = Release::of(name);
        let set = release.document("StatefulSet");
        let headless =
            release.all("Service").into_iter().find(|one| one["spec"]["clusterIP"] == "None");
        assert_eq!(headless.unwrap()["metadata"]["name"], set["spec"]["serviceName"], "{name}");
        let has_claim = set["spec"]["volumeClaimTemplates"].is_array();
        let has_folder = release.text.contains("FANFARE_DATA_DIR");
        assert_eq!((has_claim, has_folder), (["disk", "fed"].contains(&name), has_claim), "{name}");
    }
    for name in ["cluster", "everything"] {
        let release = Release::of(name);
        let update = &release.document("Deployment")["spec"]["strategy"]["rollingUpdate"];
        assert_eq!(*update, json!({"maxSurge": 1, "maxUnavailable": 0}), "{name}");
        assert!(!release.text.contains("FANFARE_DATA_DIR"), "{name}");
    }
}

#[test]
fn a_pod_that_publishers_feed_gets_clients_when_it_has_been_fed_for_longer_than_they_are_away() {
    let delay = |release: &Release| {
        release.container()["readinessProbe"]["initialDelaySeconds"].as_u64().unwrap_or(0)
    };
    let fed = Release::of("fed");
    // The longest `retry:` is 5 s.
    assert!(delay(&fed) > 5);
    let hosts = variable(fed.workload(), "FANFARE_HOST");
    for pod in ["fanfare-0.fanfare-pods", "fanfare-1.fanfare-pods"] {
        assert!(hosts.as_str().unwrap().split(',').any(|host| host == pod), "{hosts}");
    }
    assert!(fed.text.contains("FANFARE_TICKET_SECRET_FILE"), "streams come back at the other");
    assert_eq!(delay(&Release::of("disk")), 0);
}

#[test]
fn selectors_find_the_pods_of_the_release_and_no_others() {
    for name in ALL {
        let release = Release::of(name);
        let labels = &release.workload()["spec"]["template"]["metadata"]["labels"];
        let mut selectors = vec![release.workload()["spec"]["selector"]["matchLabels"].clone()];
        selectors.extend(release.all("Service").iter().map(|one| one["spec"]["selector"].clone()));
        for kind in ["PodDisruptionBudget", "PodMonitor"] {
            let found = release.all(kind).into_iter();
            selectors.extend(found.map(|one| one["spec"]["selector"]["matchLabels"].clone()));
        }
        let policies = release.all("NetworkPolicy").into_iter();
        selectors.extend(policies.map(|one| one["spec"]["podSelector"]["matchLabels"].clone()));
        for constraint in
            release.pod()["topologySpreadConstraints"].as_array().into_iter().flatten()
        {
            selectors.push(constraint["labelSelector"]["matchLabels"].clone());
        }
        for selector in selectors {
            let selector = selector.as_object().unwrap();
            assert_eq!(selector.len(), 3, "name, instance and component: {selector:?}");
            assert!(selector.iter().all(|(label, value)| labels[label] == *value), "{selector:?}");
        }
    }
}

#[test]
fn every_pod_is_shut_in_whatever_the_values_are() {
    for name in ALL {
        let release = Release::of(name);
        let (pod, container) = (release.pod(), &release.container()["securityContext"]);
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{name}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        let user = &pod["securityContext"]["runAsUser"];
        assert_eq!(*user, if name == "open" { Value::Null } else { 65532.into() }, "{name}");
        assert_eq!(container["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(container["allowPrivilegeEscalation"], false, "{name}");
        assert_eq!(container["capabilities"]["drop"], json!(["ALL"]), "{name}");
        for account in release.all("ServiceAccount") {
            assert_eq!(account["automountServiceAccountToken"], false, "{name}");
            assert_eq!(account["metadata"]["name"], pod["serviceAccountName"], "{name}");
        }
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            let mode = &volume["secret"]["defaultMode"];
            assert!(volume["secret"].is_null() || *mode == 0o440, "{name}: {volume}");
        }
    }
}

#[test]
fn images_are_named_by_version_or_digest() {
    let digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for (name, image) in [
        ("memory", "registry.example/fanfare:0.1.0".to_owned()),
        ("disk", "registry.example:5000/push/fanfare:0.1.1".to_owned()),
        ("cluster", format!("registry.example/fanfare:0.1.0@{digest}")),
    ] {
        assert_eq!(Release::of(name).container()["image"], image, "{name}");
    }
}

#[test]
fn everything_that_is_mounted_is_a_volume_and_every_volume_is_mounted() {
    for name in ALL {
        let release = Release::of(name);
        let names = |list: &Value, of: &Value| -> Vec<String> {
            let both = list.as_array().into_iter().chain(of.as_array()).flatten();
            let mut names: Vec<_> = both
                .map(|one| one.get("metadata").unwrap_or(one)["name"].as_str().unwrap().to_owned())
                .collect();
            names.sort();
            names
        };
        let claims = &release.workload()["spec"]["volumeClaimTemplates"];
        let mounted = names(&release.container()["volumeMounts"], &Value::Null);
        assert_eq!(names(&release.pod()["volumes"], claims), mounted, "{name}");
    }
}

#[test]
fn the_autoscaler_decides_alone_how_many_nodes_there_are() {
    let release = Release::of("everything");
    assert_eq!(release.document("Deployment")["spec"]["replicas"], Value::Null);
    let scaler = &release.document("HorizontalPodAutoscaler")["spec"];
    assert_eq!(scaler["scaleTargetRef"]["name"], release.workload()["metadata"]["name"]);
    let down = &scaler["behavior"]["scaleDown"]["policies"];
    assert_eq!((&down[0]["value"], down[0]["periodSeconds"].as_u64()), (&1.into(), Some(60)));
}

#[test]
fn a_change_of_the_configuration_file_or_of_the_key_replaces_the_pods() {
    let annotations = |set: &[&str]| {
        Release::with("disk", set).workload()["spec"]["template"]["metadata"]["annotations"].clone()
    };
    let before = annotations(&[]);
    let key = r#"keys.jwtSecret="another secret, of more than 32 bytes""#;
    for (set, changed) in [(r#"server.config="a = 1""#, "checksum/config"), (key, "checksum/keys")]
    {
        let after = annotations(&[set]);
        assert_ne!(after[changed], before[changed], "{changed}");
    }
}
