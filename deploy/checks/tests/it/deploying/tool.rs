//! The linters and checkers that are used on the files of `deploy/`: those of PyPI from this crate's
//! virtual environment, the others as the system has them.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{repository, text};

/// A program of the virtual environment.
pub(super) fn linter(name: &str) -> Command {
    Command::new(repository("deploy/checks/.venv/bin").join(name))
}

/// Runs it from the root of the repository; it must be content. What it said is returned.
pub(crate) fn content(command: &mut Command) -> String {
    let (succeeded, said) = run(command);
    assert!(succeeded, "{command:?} is not content:\n{said}");
    said
}

/// Runs it from the root of the repository; whether it succeeded, and what it said.
pub(crate) fn run(command: &mut Command) -> (bool, String) {
    let output = command.current_dir(repository(".")).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("{command:?} is not there; run `make setup-tests`"),
        _ => panic!("{command:?} does not start: {error}"),
    });
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// The documents of a YAML file.
pub(super) fn yaml(file: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The one document of a kind in a file of manifests.
pub(super) fn manifest(file: &str, kind: &str) -> Value {
    let mut found = yaml(&format!("deploy/kubernetes/{file}"));
    found.retain(|document| document["kind"] == kind);
    assert_eq!(found.len(), 1, "{kind} in {file}");
    found.remove(0)
}

/// The single server.
pub(super) fn stateful_set() -> Value {
    manifest("fanfare.yaml", "StatefulSet")
}

/// What starts pods: the single server, the nodes of a cluster, and their brokers.
pub(super) fn workloads() -> [Value; 3] {
    [stateful_set(), manifest("cluster.yaml", "Deployment"), manifest("nats.yaml", "StatefulSet")]
}

/// The value of a variable of a workload's container.
pub(super) fn variable(workload: &Value, name: &str) -> Value {
    let container = &workload["spec"]["template"]["spec"]["containers"][0];
    let mut env = container["env"].as_array().expect("variables").iter();
    let variable = env.find(|variable| variable["name"] == name);
    variable.unwrap_or_else(|| panic!("no variable {name}"))["value"].clone()
}
