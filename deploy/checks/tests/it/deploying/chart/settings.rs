//! The settings that a pod is given, given to the server itself: `fanfare check-config` reads variables, arguments,
//! the configuration file and the keys as a start in the pod would.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::super::tool::{content, run};
use super::release::{ALL, CHART, Release};
use crate::support::{program, text};

/// The namespace that the pods are in.
const NAMESPACE: &str = "push";

#[test]
fn the_server_takes_the_settings_of_every_pod() {
    for name in ALL {
        let release = Release::of(name);
        let folder = tempfile::tempdir().unwrap();
        let said = content(&mut server("check-config", &release, folder.path()));
        assert!(said.contains("the settings can be used"), "{name}: {said}");
    }
}

#[test]
fn what_the_server_would_refuse_is_noticed_here() {
    let release = Release::with("disk", &[r#"server.config="drain = 5""#]);
    let folder = tempfile::tempdir().unwrap();
    let (fine, said) = run(&mut server("check-config", &release, folder.path()));
    assert!(!fine && said.contains("drain"), "{said}");
}

#[test]
fn the_values_are_what_is_in_force() {
    let cases = [
        ("memory", r#"retain-bytes = "256MiB""#),
        ("disk", r#"retain-bytes = "32GiB""#),
        ("disk", r#"retain-memory = "256MiB""#),
        ("disk", "retain-events = 100000000"),
        ("disk", r#"policy = ["prices/*=conflate"]"#),
        ("disk", r#"age-max = "1h""#),
        ("open", "open = true"),
        ("cluster", "demos = false"),
        (
            "cluster",
            r#"nats = ["nats://nats-0.nats:4222", "nats://nats-1.nats:4222", "nats://nats-2.nats:4222"]"#,
        ),
        ("everything", r#"trusted-proxy = ["10.0.0.0/8", "fd00::/8"]"#),
        ("everything", r#"cors-origin = ["https://app.example"]"#),
        ("everything", "streams-per-token = 5"),
        ("everything", r#"policy = ["prices/*=conflate"]"#),
        ("everything", r#"nats-stream = "push""#),
        ("everything", r#"log-level = "fanfare=debug,h2=info""#),
    ];
    for (name, line) in cases {
        let folder = tempfile::tempdir().unwrap();
        let said = content(&mut server("config", &Release::of(name), folder.path()));
        assert!(said.lines().any(|is| is.starts_with(line)), "{name}: no {line} in\n{said}");
    }
}

#[test]
fn a_server_is_called_by_the_names_of_its_services_and_of_whatever_is_in_front_of_it() {
    let hosts = |name: &str| -> Vec<String> {
        let release = Release::of(name);
        let folder = tempfile::tempdir().unwrap();
        let said = content(&mut server("config", &release, folder.path()));
        let line = said.lines().find_map(|line| line.strip_prefix("host = ")).expect("hosts");
        let list = line.split_once(']').expect("a list").0;
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert_eq!(
        hosts("disk"),
        [
            "fanfare",
            "fanfare.push",
            "fanfare.push.svc",
            "fanfare-0.fanfare-pods",
            "fanfare-1.fanfare-pods",
            "localhost",
            "push.internal"
        ]
    );
    assert_eq!(
        hosts("everything"),
        [
            "push",
            "push.push",
            "push.push.svc",
            "localhost",
            "push.example",
            "route.example",
            "push.internal"
        ]
    );
}

/// So that nobody sets one of them elsewhere and wonders why it does nothing.
#[test]
fn every_setting_that_the_chart_makes_is_refused_elsewhere_and_is_one_of_the_server() {
    let refusals = text(&format!("{CHART}/templates/_refusals.tpl"));
    let (_, own) = refusals.split_once("$own := dict").expect("the table");
    let own = own.split_once("-}}").expect("its end").0;
    let words: Vec<_> = own.split('"').skip(1).step_by(2).collect();
    let mut refused: BTreeSet<_> = words.chunks(2).map(|pair| pair[0].to_owned()).collect();
    refused.extend(["jwt-secret-file", "ticket-secret-file"].map(str::to_owned));
    let list = content(Command::new(program::fanfare()).args(["config", "--list"]));
    // The name of the file is no key in it.
    for setting in refused.iter().filter(|setting| *setting != "config") {
        assert!(list.contains(&format!("| `{setting}` |")), "the server has no {setting}");
    }
    for name in ALL {
        for variable in Release::of(name).container()["env"].as_array().unwrap() {
            let variable = variable["name"].as_str().unwrap();
            let of_the_user = ["FANFARE_STREAMS_PER_TOKEN", "FANFARE_PUBLISH_RATE"];
            let Some(setting) = variable.strip_prefix("FANFARE_") else { continue };
            let setting = setting.to_lowercase().replace('_', "-");
            assert!(of_the_user.contains(&variable) || refused.contains(&setting), "{setting}");
        }
    }
}

/// A command of the server with what the pod of a release is given. Its files are in a folder here.
fn server(command: &str, release: &Release, folder: &Path) -> Command {
    let container = release.container();
    let inside =
        |path: &str| path.replace("/etc/fanfare", &folder.join("etc").display().to_string());
    for mount in container["volumeMounts"].as_array().into_iter().flatten() {
        let path = mount["mountPath"].as_str().expect("a path");
        if path.starts_with("/etc/fanfare") {
            let path = inside(path);
            fs::create_dir_all(&path).expect("a folder");
            fill(release, mount["name"].as_str().expect("a name"), Path::new(&path));
        }
    }
    let mut server = Command::new(program::fanfare());
    server.env_clear().arg(command);
    for variable in container["env"].as_array().expect("variables") {
        // What comes from elsewhere is optional here.
        let Some(value) = variable["value"].as_str() else { continue };
        let value = inside(value).replace("$(POD_NAMESPACE)", NAMESPACE);
        server.env(variable["name"].as_str().expect("a name"), value);
    }
    let arguments = container["args"].as_array().into_iter().flatten();
    server.args(arguments.map(|argument| argument.as_str().expect("text")));
    server
}

/// Makes the files of a volume.
fn fill(release: &Release, volume: &str, folder: &Path) {
    match volume {
        "config" => {
            let mut maps = release.all("ConfigMap").into_iter();
            let text = maps.find_map(|map| map["data"]["fanfare.toml"].as_str());
            fs::write(folder.join("fanfare.toml"), text.expect("text")).expect("a file");
        }
        "keys" => {
            for file in ["jwt.secret", "ticket.secret"] {
                let of_the_chart =
                    release.all("Secret").first().map(|one| &one["stringData"][file]);
                let secret = of_the_chart.and_then(Value::as_str);
                let secret = secret.unwrap_or("0123456789abcdef0123456789abcdef");
                fs::write(folder.join(file), secret).expect("a file");
            }
        }
        "tls" => {
            let mut openssl = Command::new("openssl");
            openssl.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(' '));
            openssl.args(["-subj", "/CN=push.example", "-days", "2"]);
            openssl
                .arg("-keyout")
                .arg(folder.join("tls.key"))
                .arg("-out")
                .arg(folder.join("tls.crt"));
            content(&mut openssl);
        }
        _ => {}
    }
}
