//! What Helm makes of the chart: the documents for values, and what is often looked for in them.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::super::tool::run;
use crate::support::repository;

/// The table of values that everything is tried with: files in `deploy/checks/kubernetes/values`.
pub(super) const ALL: [&str; 6] = ["memory", "disk", "fed", "cluster", "open", "everything"];

/// The chart, from the root of the repository.
pub(super) const CHART: &str = "deploy/helm/fanfare";

/// Helm, which `make setup-tests` builds.
pub(super) fn helm() -> Command {
    let program = repository("deploy/checks/kubernetes/.built/helm");
    assert!(program.exists(), "{} is not there; run `make setup-tests`", program.display());
    let mut helm = Command::new(program);
    // Nothing of the user's, neither plugins nor a cluster.
    helm.env_remove("HELM_DRIVER").env("KUBECONFIG", "/dev/null");
    let home = repository("deploy/checks/kubernetes/.built/home");
    for folder in ["CACHE", "CONFIG", "DATA"] {
        helm.env(format!("HELM_{folder}_HOME"), &home);
    }
    helm
}

/// The path of a file of values.
pub(super) fn values(name: &str) -> PathBuf {
    repository("deploy/checks/kubernetes/values").join(format!("{name}.yaml"))
}

/// What Helm makes of the chart with a file of the table.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) text: String,
    pub(super) documents: Vec<Value>,
}

impl Release {
    pub(super) fn of(name: &str) -> Self {
        Self::with(name, &[])
    }

    /// The same with some values set otherwise.
    pub(super) fn with(name: &str, set: &[&str]) -> Self {
        let text = made(&mut template(name, set));
        let documents = serde_saphyr::from_multiple(&text)
            .unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
        Self { text, documents }
    }

    /// The one document of a kind.
    pub(super) fn document(&self, kind: &str) -> &Value {
        let [found] = self.all(kind)[..] else { panic!("{kind}: not one in\n{}", self.text) };
        found
    }

    pub(super) fn all(&self, kind: &str) -> Vec<&Value> {
        self.documents.iter().filter(|document| document["kind"] == kind).collect()
    }

    /// The StatefulSet or the Deployment.
    pub(super) fn workload(&self) -> &Value {
        let kind = if self.all("Deployment").is_empty() { "StatefulSet" } else { "Deployment" };
        self.document(kind)
    }

    pub(super) fn pod(&self) -> &Value {
        &self.workload()["spec"]["template"]["spec"]
    }

    pub(super) fn container(&self) -> &Value {
        &self.pod()["containers"][0]
    }
}

/// What Helm prints; on standard error it says that the chart has links in it.
pub(super) fn made(command: &mut Command) -> String {
    let output = command.current_dir(repository(".")).output().expect("helm starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} is not content:\n{said}");
    String::from_utf8(output.stdout).expect("text")
}

/// Why the chart refuses values.
pub(super) fn refusal(name: &str, set: &[&str]) -> String {
    let (succeeded, said) = run(&mut template(name, set));
    assert!(!succeeded, "{name} with {set:?} is not refused");
    said
}

fn template(name: &str, set: &[&str]) -> Command {
    let mut template = helm();
    template.args(["template", "fanfare", CHART, "--values"]).arg(values(name));
    for value in set {
        // Strings stay strings, and commas are part of them: what is set is JSON.
        template.args(["--set-json", value]);
    }
    template
}
