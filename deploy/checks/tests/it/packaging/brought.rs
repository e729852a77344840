//! What packages bring beside the programs: settings, the unit, and the lists of files.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::deploying::tool::content;
use crate::support::{program, repository, text};

const SETTINGS: &str = "deploy/fanfare.toml";

#[test]
fn the_settings_that_packages_bring_can_be_used_and_so_can_those_that_they_show() {
    let check = |file: &Path| {
        let mut check = Command::new(program::fanfare());
        content(check.args(["check-config", "--config"]).arg(file))
    };
    check(&repository(SETTINGS));
    let shown = text(SETTINGS);
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&secret, "x".repeat(64)).unwrap();
    let secret_path = secret.path().display().to_string();
    let mut all = String::new();
    let mut examples = 0;
    for line in shown.lines() {
        let example = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
        examples += usize::from(example.is_some_and(|rest| !rest.is_empty()));
        all += &example.unwrap_or(line).replace("/etc/fanfare/jwt.secret", &secret_path);
        all.push('\n');
    }
    assert!(examples > 8, "{examples}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, all).unwrap();
    check(file.path());
}

#[test]
fn the_unit_of_the_package_is_the_one_for_hand_but_for_place_user_and_settings() {
    let unit = text("deploy/systemd/fanfare.service");
    let packaged = packaged_unit();
    let settings = |unit: &str| -> Vec<String> {
        unit.lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (by_hand, packaged_settings) = (settings(&unit), settings(&packaged));
    let removed: Vec<_> = by_hand.iter().filter(|line| !packaged_settings.contains(line)).collect();
    let added: Vec<_> = packaged_settings.iter().filter(|line| !by_hand.contains(line)).collect();
    assert_eq!(removed, ["ExecStart=/usr/local/bin/fanfare", "DynamicUser=yes"]);
    let settings_file = "Environment=FANFARE_CONFIG=/etc/fanfare/fanfare.toml";
    assert_eq!(added, [settings_file, "ExecStart=/usr/bin/fanfare", "User=fanfare"]);
    // What is in /etc/default/fanfare comes later, and so wins.
    let place = |line: &str| packaged_settings.iter().position(|other| other.starts_with(line));
    assert!(place(settings_file) < place("EnvironmentFile="));
    assert!(!packaged.contains("install -m"), "the package does that");
    let users = text("deploy/debian/fanfare.sysusers");
    assert!(users.contains("\nu fanfare "), "{users}");
}

#[test]
fn systemd_understands_the_unit_of_the_package() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("fanfare.service");
    let program = program::fanfare().display().to_string();
    let text = packaged_unit().replace("=/usr/bin/fanfare\n", &format!("={program}\n"));
    // The user is made by the package, and here there is none.
    std::fs::write(&unit, text.replace("User=fanfare", "User=daemon")).unwrap();
    assert_eq!(content(Command::new("systemd-analyze").arg("verify").arg(&unit)), "");
}

fn packaged_unit() -> String {
    let script = "deploy/debian/unit.sed";
    content(Command::new("sed").args(["-f", script, "deploy/systemd/fanfare.service"]))
}

#[test]
fn every_file_that_a_package_lists_is_there_or_staged_by_the_build() {
    let build = text("deploy/packages/build");
    let mut listed = 0;
    for (package, folder) in [("fanfare", "service"), ("fanfare-loadgen", "loadgen")] {
        let deb = metadata(package);
        for asset in deb["assets"].as_array().expect("a list of files") {
            let source = asset[0].as_str().expect("a source");
            match source.strip_prefix("../target/staged/") {
                Some(staged) => {
                    let place = staged.split_once('/').map_or(staged, |(folder, _)| folder);
                    let name = place.trim_start_matches("fanfare").trim_start_matches("loadgen");
                    let is_program = name.is_empty();
                    assert!(is_program || build.contains(&format!("$staged/{place}")), "{source}");
                }
                None => assert!(repository(folder).join(source).is_file(), "{package}: {source}"),
            }
            listed += 1;
        }
    }
    assert!(listed > 20, "{listed}");
}

#[test]
fn settings_are_a_file_that_an_upgrade_leaves_alone() {
    let deb = metadata("fanfare");
    let assets = deb["assets"].as_array().expect("a list of files");
    let target = |source: &str| {
        let found = assets.iter().find(|asset| asset[0] == source);
        found.unwrap_or_else(|| panic!("no {source}"))[1].as_str().expect("a folder")
    };
    // dpkg asks about what is below /etc.
    assert_eq!(target("../deploy/fanfare.toml"), "etc/fanfare/");
    assert!(deb["depends"].as_str().expect("text").contains("systemd-standalone-sysusers"));
}

/// `package.metadata.deb` of a crate.
fn metadata(package: &str) -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    let said = cargo.args(["metadata", "--no-deps", "--locked", "--format-version", "1"]).output();
    let said: Value = serde_json::from_slice(&said.expect("cargo starts").stdout).expect("JSON");
    let packages = said["packages"].as_array().expect("a list").iter();
    let mut found = packages.filter(|found| found["name"] == package);
    found.next().unwrap_or_else(|| panic!("no crate {package}"))["metadata"]["deb"].clone()
}
