//! Packing the clients, and installing them from the packed files: once for all tests of a run.
//!
//! They land in `tests/peers/.built/clients`. Below it Node finds React where the tests have it, and
//! Python finds httpx by a path in the new environment; the clients themselves are found nowhere else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::peers::{folder, installed};

/// The folder where the package of npm is installed, with the programs that use it.
pub(crate) fn javascript() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target = emptied("javascript");
        let pack = ["pack", "--silent", "--pack-destination"];
        run(Command::new("npm").args(pack).arg(&target).current_dir(source("js")));
        fs::write(target.join("package.json"), r#"{"private":true,"type":"module"}"#).unwrap();
        let flags = ["--offline", "--no-audit", "--no-fund", "--silent", "--no-package-lock"];
        let mut install = Command::new("npm");
        install.arg("install").args(flags).arg(packed(&target, ".tgz")).current_dir(&target);
        run(&mut install);
        let target = with_programs(target, "js");
        bundle(&target);
        target
    })
}

/// Makes of the page with React, the packed client and React what a browser loads, as users do.
fn bundle(target: &Path) {
    let mut esbuild = Command::new(installed("node_modules/.bin/esbuild"));
    esbuild.current_dir(target);
    // Strict mode mounts twice only while developing.
    let development = "--define:process.env.NODE_ENV=\"development\"";
    esbuild.args(["page.jsx", "--bundle", "--format=esm", "--jsx=automatic", development]);
    run(esbuild.args(["--outfile=page.js", "--log-level=error"]));
}

/// The folder with the environment in which the package of PyPI is installed, and the programs that use it.
pub(super) fn python() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let target = emptied("python");
        let ours = installed(".venv/bin/python");
        let build = ["-m", "build", "--no-isolation", "--outdir"];
        run(Command::new(&ours).args(build).arg(&target).arg(source("python")));
        let environment = target.join("venv");
        run(Command::new(&ours).args(["-m", "venv", "--without-pip"]).arg(&environment));
        let site = |environment: &Path| {
            let program = "import sysconfig; print(sysconfig.get_path('purelib'))";
            let python = environment.join("bin/python");
            run(Command::new(python).args(["-c", program])).trim().to_owned()
        };
        let dependencies = site(&folder().join(".venv"));
        let path = Path::new(&site(&environment)).join("dependencies.pth");
        fs::write(path, dependencies).unwrap();
        let mut install = Command::new(ours);
        install.args(["-m", "pip", "--disable-pip-version-check", "--quiet", "--python"]);
        install.arg(environment.join("bin/python")).args(["install", "--no-index"]);
        run(install.arg(packed(&target, ".whl")));
        with_programs(target, "python")
    })
}

/// The interpreter that has the package.
pub(crate) fn python_program() -> PathBuf {
    python().join("venv/bin/python")
}

/// What the packages are made of.
pub(super) fn source(name: &str) -> PathBuf {
    folder().join("../../../clients").join(name)
}

/// The one file that ends so.
pub(super) fn packed(folder: &Path, end: &str) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut packed = files.filter(|file| file.to_string_lossy().ends_with(end));
    let file = packed.next().unwrap_or_else(|| panic!("no {end} in {}", folder.display()));
    assert_eq!(packed.next(), None);
    file
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.env("NO_PROXY", "*").env("PYTHONDONTWRITEBYTECODE", "1").output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; see `make test`"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{said}{complaints}");
    said
}

fn emptied(name: &str) -> PathBuf {
    let target = folder().join(".built/clients").join(name);
    let _ = fs::remove_dir_all(&target);
    fs::create_dir_all(&target).unwrap();
    target.canonicalize().unwrap()
}

/// Programs beside the installed package find that one and no other.
fn with_programs(target: PathBuf, language: &str) -> PathBuf {
    for file in fs::read_dir(folder().join("packages").join(language)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), target.join(file.file_name())).unwrap();
    }
    target
}
