//! What is in the packages, what type checkers say of them, and their own tests.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::installed::{javascript, packed, python, python_program, run, source};
use crate::peers::installed;
use crate::support::TestServer;

const JAVASCRIPT: [&str; 14] = [
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "package.json",
    "src/address.js",
    "src/attempt.js",
    "src/error.js",
    "src/index.d.ts",
    "src/index.js",
    "src/parser.js",
    "src/publish.js",
    "src/react.d.ts",
    "src/react.js",
    "src/subscription.js",
];

#[test]
fn the_package_of_npm_has_what_is_used_and_nothing_else() {
    let list = run(Command::new("tar").arg("-tzf").arg(packed(javascript(), ".tgz")));
    let mut files: Vec<_> =
        list.lines().map(|file| file.strip_prefix("package/").unwrap()).collect();
    files.sort_unstable();
    let expected: Vec<_> = JAVASCRIPT.into_iter().chain(["src/wait.js"]).collect();
    assert_eq!(files, expected);
}

#[test]
fn the_packages_of_pypi_have_types_licences_and_nothing_of_the_tests() {
    const LIST: &str = "import sys, tarfile, zipfile
file = sys.argv[1]
names = zipfile.ZipFile(file).namelist() if file.endswith('.whl') else tarfile.open(file).getnames()
print('\\n'.join(names))";
    for end in [".whl", ".tar.gz"] {
        let list =
            run(Command::new(python_program()).args(["-c", LIST]).arg(packed(python(), end)));
        for file in ["fanfare_client/py.typed", "LICENSE-MIT", "LICENSE-APACHE", "_parser.py"] {
            assert!(list.lines().any(|line| line.ends_with(file)), "{end} has no {file}: {list}");
        }
        assert!(!list.contains("test"), "{list}");
    }
}

#[test]
fn the_packages_have_the_version_of_the_server() {
    let package = fs::read_to_string(source("js/package.json")).unwrap();
    let package: Value = serde_json::from_str(&package).unwrap();
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
    let project: toml::Table =
        fs::read_to_string(source("python/pyproject.toml")).unwrap().parse().unwrap();
    assert_eq!(project["project"]["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    for package in ["js", "python"] {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let text = |path| fs::read_to_string(source(path)).unwrap();
            assert_eq!(text(&format!("{package}/{licence}")), text(&format!("../{licence}")));
        }
    }
}

#[test]
fn typescript_takes_a_program_that_uses_everything_and_refuses_what_is_wrong_in_it() {
    let compiler = installed("node_modules/typescript/bin/tsc");
    for (module, resolution) in [("nodenext", "nodenext"), ("esnext", "bundler")] {
        let mut command = Command::new("node");
        command.arg(&compiler).current_dir(javascript());
        command.args([
            "--noEmit",
            "--strict",
            "--exactOptionalPropertyTypes",
            "--jsx",
            "react-jsx",
        ]);
        command.args(["--target", "es2022", "--lib", "es2022,dom,dom.iterable,dom.asynciterable"]);
        command.args(["--module", module, "--moduleResolution", resolution, "--types", "react"]);
        run(command.arg("sample.tsx"));
    }
}

#[test]
fn mypy_takes_a_program_that_uses_everything_and_refuses_what_is_wrong_in_it() {
    let mut command = Command::new(installed(".venv/bin/python"));
    command.args(["-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", "mypy-cache"]);
    command.arg("--python-executable").arg(python_program());
    run(command.args(["sample.py", "test_subscriptions.py"]).current_dir(python()));
}

#[test]
fn mypy_finds_nothing_in_the_client_itself() {
    let mut command = Command::new(installed(".venv/bin/python"));
    command.args(["-m", "mypy", "--strict", "--no-error-summary", "--cache-dir"]);
    command.arg(python().join("mypy-cache-of-source"));
    run(command.args(["src", "tests"]).current_dir(source("python")));
}

#[test]
fn the_tests_of_the_client_for_javascript_pass() {
    run(Command::new("node").args(["--test", "test/"]).current_dir(source("js")));
    let mut packed = Command::new("node");
    packed.args(["--test", "--test-timeout=60000", "subscriptions.test.mjs"]);
    run(packed.current_dir(javascript()));
}

#[test]
fn the_tests_of_the_client_for_python_pass() {
    let mut own = Command::new(python_program());
    run(own
        .args(["-B", "-m", "unittest", "discover", "-s", "tests"])
        .current_dir(source("python")));
    let mut packed = Command::new(python_program());
    run(packed
        .args(["-B", "-W", "error", "-m", "unittest", "test_subscriptions"])
        .current_dir(python()));
}

/// The blocks of a language in a README that can be run as they are: those that import the client.
fn examples(package: &str, language: &str) -> Vec<String> {
    let readme = fs::read_to_string(source(package).join("README.md")).unwrap();
    let blocks = readme.split("```").skip(1).step_by(2);
    let blocks = blocks.filter_map(|block| block.strip_prefix(&format!("{language}\n")));
    blocks.filter(|block| block.contains("import ")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_readmes_do_what_they_say() {
    let server = TestServer::start().await;
    let at = |example: &str| example.replace("127.0.0.1:8080", &server.address.to_string());
    let mut printed = Vec::new();
    for example in examples("js", "js") {
        let file = javascript().join("example.mjs");
        fs::write(&file, at(&example)).unwrap();
        printed.push(run(Command::new("node").arg(file)));
    }
    for example in examples("python", "python") {
        let file = python().join("example.py");
        fs::write(&file, at(&example)).unwrap();
        printed.push(run(Command::new(python_program()).arg(file)));
    }
    let order = r#"{"number":42,"state":"paid"}"#;
    let python_order = r#"{"number": 42, "state": "paid"}"#;
    let expected = [
        format!("paid {order}\n"),
        format!("any: {order}\n"),
        format!("paid {order}\n"),
        format!(
            "paid {order}\npaid {python_order}\nmessage {{\"number\": 43, \"state\": \"new\"}}\n"
        ),
    ];
    assert_eq!(printed, expected);
}
