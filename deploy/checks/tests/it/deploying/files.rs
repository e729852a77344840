//! Every file of `deploy/`, and the OpenAPI document, as it stands there, contents the tool that is made
//! for it.

use std::path::PathBuf;
use std::process::Command;

use super::tool::{content, linter, manifest, run};
use crate::support::{program, repository, text};

#[test]
fn the_dockerfile_is_what_hadolint_asks_for() {
    content(linter("hadolint").arg("deploy/Dockerfile"));
}

#[test]
fn the_compose_file_follows_the_compose_specification() {
    let schema = ["--builtin-schema", "vendor.compose-spec"];
    content(linter("check-jsonschema").args(schema).arg("deploy/docker-compose.yml"));
}

#[test]
fn the_manifests_follow_the_schemas_of_kubernetes_without_unknown_fields() {
    // The oldest that has the manifests' `sleep`, and the newest that the package knows.
    for version in ["1.30", "1.37"] {
        let mut check = linter("kubernetes-validate");
        check.args(["--strict", "-k", version]).args(files("deploy/kubernetes", "yaml"));
        let said = content(&mut check);
        for checked in
            ["statefulset/fanfare", "deployment/fanfare-cluster", "statefulset/fanfare-nats"]
        {
            assert!(said.contains(checked), "{checked}: {said}");
        }
    }
}

#[test]
fn all_yaml_is_written_in_one_way() {
    let mut check = linter("yamllint");
    check.args(["--strict", "--config-file", "deploy/checks/yamllint.yml"]);
    let listed = content(Command::new("git").args(["ls-files", "*.yml", "*.yaml"]));
    assert!(listed.contains("deploy/docker-compose.yml"), "{listed}");
    content(check.args(listed.lines()));
}

#[test]
fn the_openapi_document_follows_the_specification_of_its_version() {
    // The first version with a place for `QUERY`, and for what is in a stream.
    let validator = || {
        let mut validator = linter("openapi-spec-validator");
        validator.args(["--schema", "3.2"]);
        validator
    };
    for document in ["docs/openapi.yaml", "docs/admin-openapi.yaml"] {
        content(validator().arg(document));
    }
    let folder = tempfile::tempdir().unwrap();
    let spoilt = folder.path().join("openapi.yaml");
    for (right, wrong) in [("    query:\n", "    ask:\n"), ("responses/Stream", "responses/Streem")]
    {
        let text = text("docs/openapi.yaml");
        assert!(text.contains(right));
        std::fs::write(&spoilt, text.replace(right, wrong)).unwrap();
        let (is_content, said) = run(validator().arg(&spoilt));
        assert!(!is_content, "{wrong}: {said}");
    }
}

#[test]
fn the_unit_is_what_systemd_understands_and_is_shut_in() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("fanfare.service");
    // It asks whether the program is there, and here it is not installed.
    let program = program::fanfare().display().to_string();
    let installed = "/usr/local/bin/fanfare";
    let text = text("deploy/systemd/fanfare.service")
        .replace(&format!("ExecStart={installed}\n"), &format!("ExecStart={program}\n"));
    assert!(text.contains(&program));
    std::fs::write(&unit, text).unwrap();
    let verify = |unit| content(Command::new("systemd-analyze").arg("verify").arg(unit));
    assert_eq!(verify(&unit), "", "it warns about what it does not know, and is content");
    // 0 is shut in completely, 100 is open. It needs the network and the machine's figures.
    let security = ["security", "--offline=yes", "--threshold=20"];
    content(Command::new("systemd-analyze").args(security).arg(&unit));
}

#[test]
fn the_proxies_take_their_files_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let pid = format!("pid {};", folder.path().join("pid").display());
    let file = |path| repository(path).canonicalize().unwrap();
    let nginx = file("deploy/nginx/fanfare.conf");
    content(Command::new("nginx").args(["-t", "-e", "stderr", "-g", &pid, "-c"]).arg(nginx));
    for config in ["deploy/haproxy/haproxy.cfg", "deploy/haproxy/cluster.cfg"] {
        content(Command::new("haproxy").args(["-c", "-f"]).arg(file(config)));
    }
    let caddyfile = file("deploy/caddy/Caddyfile");
    let caddy = || {
        let mut caddy = Command::new("caddy");
        caddy.env("HOME", folder.path());
        caddy
    };
    content(caddy().args(["validate", "--adapter", "caddyfile", "--config"]).arg(&caddyfile));
    let formatted = content(caddy().arg("fmt").arg(&caddyfile));
    assert_eq!(formatted, text("deploy/caddy/Caddyfile"));
}

#[test]
fn the_brokers_take_their_files_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let in_manifest = manifest("nats.yaml", "ConfigMap")["data"]["nats.conf"].take();
    let file = folder.path().join("nats.conf");
    for config in [text("deploy/nats/nats.conf"), in_manifest.as_str().unwrap().to_owned()] {
        std::fs::write(&file, &config).unwrap();
        let mut check = Command::new(program::nats_server());
        content(check.args(["-t", "--name", "nats-1", "--config"]).arg(&file));
        // It does notice what is wrong.
        std::fs::write(&file, config.replace("sync_interval: always", "sync_interval: seldom"))
            .unwrap();
        let (succeeded, said) =
            run(Command::new(program::nats_server()).arg("-t").arg("-c").arg(&file));
        assert!(!succeeded, "{said}");
    }
}

#[test]
fn the_kernel_knows_every_setting_of_the_sysctl_file_and_each_says_why() {
    let mut explained = false;
    for line in text("deploy/sysctl/90-fanfare.conf").lines() {
        if line.starts_with('#') || line.is_empty() {
            explained = line.starts_with('#');
            continue;
        }
        assert!(explained, "no comment above {line}");
        explained = false;
        let (key, _) = line.split_once(" = ").expect("key = value");
        // With a dash: of a module that may not be loaded.
        if !key.starts_with('-') {
            let file = PathBuf::from("/proc/sys").join(key.replace('.', "/"));
            assert!(file.exists(), "{key}");
        }
    }
}

#[test]
fn the_scripts_of_the_shell_can_be_read() {
    for script in ["deploy/install-test-packages", "deploy/packages/build", "deploy/debian/postrm"]
    {
        let (fine, said) = run(Command::new("sh").args(["-n", script]));
        assert!(fine, "{script}: {said}");
    }
}

/// The files of a folder with an extension.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository(folder)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|is| is == extension)).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{folder}");
    paths
}
