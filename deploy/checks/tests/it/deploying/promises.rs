//! What the files of `deploy/` promise together: times that fit each other, ports that stay on the
//! machine, versions that do not move, files that are there.

use std::process::Command;

use serde_json::Value;

use super::tool::{content, manifest, stateful_set, variable, workloads, yaml};
use crate::support::{program, repository, text};

/// What an end may take longer than the window of its drain: what is left is cut after two seconds, and
/// delivery threads have two more.
const CUT: f64 = 4.0;

#[test]
fn whoever_ends_a_server_waits_for_its_drain() {
    let compose = compose();
    for name in ["fanfare", "node-1", "node-2", "node-3"] {
        let server = &compose["services"][name];
        let window = seconds(&server["environment"]["FANFARE_DRAIN_WINDOW"]);
        assert!(seconds(&server["stop_grace_period"]) >= window + CUT, "{name}");
    }

    let unit = text("deploy/systemd/fanfare.service");
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec="));
    let window = default_of("FANFARE_DRAIN_WINDOW");
    assert!(stop.unwrap().parse::<f64>().unwrap() >= parse(&window) + CUT);

    for workload in [stateful_set(), manifest("cluster.yaml", "Deployment")] {
        let pod = &workload["spec"]["template"]["spec"];
        let sleep = &pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"];
        let grace = pod["terminationGracePeriodSeconds"].as_f64().unwrap();
        let window = seconds(&variable(&workload, "FANFARE_DRAIN_WINDOW"));
        assert!(grace >= sleep.as_f64().unwrap() + window + CUT);
    }
}

#[test]
fn proxies_wait_for_several_heartbeats_and_a_new_server_is_fed_longer_than_clients_are_away() {
    let heartbeat = parse(&default_of("FANFARE_HEARTBEAT"));
    let nginx = text("deploy/nginx/fanfare.conf");
    let haproxy = text("deploy/haproxy/haproxy.cfg");
    let cluster = text("deploy/haproxy/cluster.cfg");
    let caddy = text("deploy/caddy/Caddyfile");
    for (file, setting) in [
        (&nginx, "proxy_read_timeout "),
        (&haproxy, "timeout client "),
        (&haproxy, "timeout server "),
        (&cluster, "timeout client "),
        (&cluster, "timeout server "),
        (&caddy, "read_timeout "),
    ] {
        let silence = parse(after(file, setting).trim_end_matches(';'));
        assert!(silence >= 3.0 * heartbeat, "{setting}{silence}");
    }
    let retry = default_of("FANFARE_RETRY");
    let away = parse(retry.split_once("..").unwrap().1);
    let checks = after(&haproxy, "fall 1 rise ").parse::<f64>().unwrap();
    assert!(checks * parse(after(&haproxy, "check inter ")) > away);
    assert!(stateful_set()["spec"]["minReadySeconds"].as_f64().unwrap() > away);
}

/// Whether an event waits in a proxy is a matter of time, and so of a measurement (docs/operations.md);
/// this holds on to the line that took 200 ms away.
#[test]
fn haproxy_does_not_wait_for_more_than_an_event() {
    for file in ["deploy/haproxy/haproxy.cfg", "deploy/haproxy/cluster.cfg"] {
        assert!(text(file).lines().any(|line| line.trim() == "option http-no-delay"), "{file}");
    }
}

#[test]
fn no_port_of_the_compose_file_leaves_the_machine_and_no_password_is_known_to_all() {
    let compose = compose();
    let mut published = Vec::new();
    for (name, service) in compose["services"].as_object().unwrap() {
        for port in service["ports"].as_array().into_iter().flatten() {
            let port = port.as_str().unwrap().strip_prefix("127.0.0.1:");
            let port = port.unwrap_or_else(|| panic!("{name}: {port:?} is open to all"));
            published.push(port.split_once(':').unwrap().0.to_owned());
        }
        assert_ne!(service["network_mode"], "host", "{name}");
    }
    published.sort();
    // No port twice, and none of `make run`, so that everything may run side by side.
    assert_eq!(published, ["3000", "8000", "8081", "8082", "8083", "8088", "9091"]);
    let grafana = &compose["services"]["grafana"]["environment"];
    assert_eq!(grafana["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"], "true");
    assert_eq!(grafana["GF_AUTH_BASIC_ENABLED"], "false");
    assert_eq!(grafana["GF_AUTH_ANONYMOUS_ORG_ROLE"], "Viewer");
}

/// It stops the plugin of Prometheus for a newer one, which it cannot write.
#[test]
fn grafana_fetches_no_plugin_where_its_folder_is_read_only() {
    let grafana = &compose()["services"]["grafana"];
    assert_eq!(grafana["read_only"], true);
    assert_eq!(grafana["environment"]["GF_PLUGINS_PREINSTALL_DISABLED"], "true");
    assert_eq!(grafana["environment"]["GF_PLUGINS_PREINSTALL_AUTO_UPDATE"], "false");
}

#[test]
fn the_last_figures_of_a_load_stay_for_several_scrapes() {
    let prometheus = yaml("deploy/prometheus/prometheus.yml").remove(0);
    let mut jobs = prometheus["scrape_configs"].as_array().unwrap().iter();
    let job = jobs.find(|job| job["job_name"] == "loadgen").unwrap();
    let command = compose()["services"]["loadgen"]["command"].take();
    let mut flags = command.as_array().unwrap().iter().map(|flag| flag.as_str().unwrap());
    let linger = flags.find_map(|flag| flag.strip_prefix("--metrics-linger=")).unwrap();
    assert!(parse(linger) >= 3.0 * seconds(&job["scrape_interval"]), "{linger}");
}

#[test]
fn compose_starts_with_nothing_set() {
    for (at, _) in text("deploy/docker-compose.yml").match_indices("${") {
        let text = text("deploy/docker-compose.yml");
        let variable = &text[at..at + text[at..].find('}').unwrap()];
        assert!(variable.contains(":-"), "{variable} has no value of its own");
    }
}

#[test]
fn every_container_is_shut_in() {
    for (name, service) in compose()["services"].as_object().unwrap() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], serde_json::json!(["no-new-privileges:true"]));
    }
    for workload in workloads() {
        let pod = &workload["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["fsGroup"], pod["securityContext"]["runAsUser"]);
        let container = &pod["containers"][0]["securityContext"];
        assert_eq!(container["readOnlyRootFilesystem"], true);
        assert_eq!(container["allowPrivilegeEscalation"], false);
        assert_eq!(container["capabilities"]["drop"], serde_json::json!(["ALL"]));
    }
}

#[test]
fn images_name_their_version() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap().values();
    let mut images: Vec<String> =
        services.map(|service| service["image"].as_str().unwrap().to_owned()).collect();
    for workload in workloads() {
        let container = &workload["spec"]["template"]["spec"]["containers"][0];
        images.push(container["image"].as_str().unwrap().to_owned());
    }
    images.extend(super::dockerfile::stages().into_iter().map(|stage| stage.from));
    for image in images.iter().filter(|image| !["chef", "server"].contains(&image.as_str())) {
        let (_, tag) = image.split_once(':').unwrap_or_else(|| panic!("{image} has no tag"));
        assert!(!tag.starts_with("latest"), "{image}");
    }
}

#[test]
fn everything_that_is_mounted_is_there() {
    for (name, service) in compose()["services"].as_object().unwrap() {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let (source, rest) = volume.as_str().unwrap().split_once(':').unwrap();
            if source.starts_with('.') {
                assert!(repository("deploy").join(source).exists(), "{name}: {source}");
                assert!(rest.ends_with(":ro"), "{name}: {volume}");
            }
        }
    }
}

fn compose() -> Value {
    yaml("deploy/docker-compose.yml").remove(0)
}

/// The server's default for a variable, from its help.
fn default_of(variable: &str) -> String {
    let help = content(Command::new(program::fanfare()).args(["serve", "--help"]));
    let (_, behind) = help.split_once(&format!("[env: {variable}=]")).expect("it is there");
    let (_, behind) = behind.split_once("[default: ").expect("a default");
    behind.split_once(']').expect("its end").0.to_owned()
}

/// The word behind a text that occurs in a file.
fn after<'a>(file: &'a str, text: &str) -> &'a str {
    let (_, behind) = file.split_once(text).unwrap_or_else(|| panic!("no {text}"));
    behind.split_whitespace().next().expect("a word")
}

fn seconds(value: &Value) -> f64 {
    parse(value.as_str().expect("a time"))
}

/// A time such as `10s`.
fn parse(time: &str) -> f64 {
    let number = time.strip_suffix('s').unwrap_or_else(|| panic!("{time} is not in seconds"));
    number.parse().expect("a number")
}

/// One secret is made before anything is served, and whoever has to sign or verify tokens reads it.
#[test]
fn containers_have_a_key_and_are_open_to_nobody() {
    let compose = compose();
    let services = &compose["services"];
    let file = services["fanfare"]["environment"]["FANFARE_JWT_SECRET_FILE"].as_str().unwrap();
    let keys = services["keys"]["command"].as_array().unwrap();
    assert_eq!(keys, &["secret", "--file", file, "--if-missing"]);
    let load = services["loadgen"]["command"].as_array().unwrap();
    let signs = format!("--jwt-secret-file={file}");
    assert!(load.iter().any(|word| *word == *signs), "{load:?}");
    let folder = file.rsplit_once('/').unwrap().0;
    let readers = ["fanfare", "loadgen", "node-1", "node-2", "node-3"].map(|name| (name, ":ro"));
    for (service, mode) in [("keys", ""), ("ticket-keys", "")].into_iter().chain(readers) {
        let volumes = services[service]["volumes"].as_array().unwrap();
        assert_eq!(volumes[0], format!("keys:{folder}{mode}"), "{service}");
    }
    let waits = &services["fanfare"]["depends_on"]["keys"]["condition"];
    assert_eq!(waits, "service_completed_successfully");
    let image = text("deploy/Dockerfile");
    assert!(
        image.contains("COPY --from=builder --chown=65532:65532 /fanfare/empty /var/lib/fanfare")
    );

    for workload in [stateful_set(), manifest("cluster.yaml", "Deployment")] {
        let pod = &workload["spec"]["template"]["spec"];
        let file = variable(&workload, "FANFARE_JWT_SECRET_FILE");
        let mount = pod["containers"][0]["volumeMounts"][0]["mountPath"].as_str().unwrap();
        assert!(file.as_str().unwrap().starts_with(mount));
        assert_eq!(pod["volumes"][0]["secret"]["defaultMode"], 0o440);
    }
    for file in ["docker-compose.yml", "kubernetes/fanfare.yaml", "kubernetes/cluster.yaml"] {
        assert!(!text(&format!("deploy/{file}")).contains("FANFARE_OPEN"), "{file}");
    }
}

/// The folder is where the volume is, whoever starts the server may write there, and no other process
/// has it.
#[test]
fn events_are_in_a_volume_of_one_server_that_outlives_it() {
    let compose = compose();
    let mut with_data = Vec::new();
    for (name, service) in compose["services"].as_object().unwrap() {
        let volumes = service["volumes"].as_array().into_iter().flatten();
        if volumes.clone().any(|volume| volume.as_str().unwrap().starts_with("data:")) {
            with_data.push(name);
        }
    }
    assert_eq!(with_data, ["fanfare"]);
    let server = &compose["services"]["fanfare"];
    let folder = server["environment"]["FANFARE_DATA_DIR"].as_str().unwrap();
    assert_eq!(server["volumes"][1], format!("data:{folder}"));
    assert!(compose["volumes"].as_object().unwrap().contains_key("data"));
    // A volume gets the owner of what the image has there.
    let below = folder.strip_prefix("/var/lib/fanfare/").unwrap();
    assert!(text("deploy/Dockerfile").contains(&format!(" empty/{below} ")));

    let set = stateful_set();
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let value = |name| variable(&set, name);
    let mounts = container["volumeMounts"].as_array().unwrap();
    let mount = mounts.iter().find(|mount| mount["name"] == "data").unwrap();
    assert_eq!(mount["mountPath"], value("FANFARE_DATA_DIR"));
    let claim = &set["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], "data");
    assert_eq!(claim["spec"]["accessModes"], serde_json::json!(["ReadWriteOncePod"]));
    let claimed = claim["spec"]["resources"]["requests"]["storage"].as_str().unwrap();
    let retained = value("FANFARE_RETAIN_BYTES");
    let gibibytes = |text: &str, unit| text.strip_suffix(unit).unwrap().parse::<f64>().unwrap();
    assert!(gibibytes(claimed, "Gi") >= 1.25 * gibibytes(retained.as_str().unwrap(), "GiB"));
    assert_eq!(set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"], "Retain");

    let unit = text("deploy/systemd/fanfare.service");
    assert!(unit.contains("\nEnvironment=FANFARE_DATA_DIR=%S/fanfare\nEnvironmentFile="));
    assert!(unit.contains("\nStateDirectory=fanfare\n"));
}
