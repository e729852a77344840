//! The images, without a Docker engine: the instructions of the stages that compile are carried out
//! here, in folders in place of layers, with nothing but what `docker build` would be sent.
//!
//! Replaced are the release profile (by the one of the tests' own builds, which takes a minute instead
//! of five) and the target directory (so that the next run is quicker). `cargo install` is left to
//! `make setup-tests`, which takes that very line. Not tried: the base images themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::dockerfile::{Stage, is_sent, sent, stages};
use super::tool::{content, run};
use crate::support::process::Fanfare;
use crate::support::{program, repository, text};

#[test]
fn the_instructions_that_compile_work_with_what_docker_is_sent() {
    let (target, _) = program::target();
    // A place that stays the same, because Cargo takes other paths for other crates.
    let layers = target.join("image-layers");
    let _ = fs::remove_dir_all(&layers);
    let builder = Builder { layers, target: target.join("image") };
    let stages = stages();
    for stage in &stages[..3] {
        builder.carry_out(stage);
    }
    for (stage, program) in IMAGES {
        let (source, to) = copied_from(named(&stages, stage), "builder").expect("its program");
        assert_eq!(to, format!("/usr/local/bin/{program}"));
        let source = source.strip_prefix("/fanfare/").expect("the working directory");
        let built = builder.layers.join("builder").join(source);
        let said = content(Command::new(&built).arg("--version"));
        assert!(said.starts_with(program), "{said}");
        let sections = content(Command::new("objdump").arg("--section-headers").arg(&built));
        assert!(sections.contains(".text") && !sections.contains(".debug_line"), "{sections}");
    }
    let (lines, to) = copied_from(named(&stages, "debug"), "builder").expect("its lines");
    assert_eq!(to, "/usr/local/bin/fanfare.debug", "beside the program, by the name that is in it");
    let lines =
        builder.layers.join("builder").join(lines.strip_prefix("/fanfare/").expect("a file"));
    let sections = content(Command::new("objdump").arg("--section-headers").arg(lines));
    assert!(sections.contains(".debug_line"), "{sections}");
}

#[test]
fn nothing_that_git_ignores_is_sent_to_docker() {
    let ignored = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory"];
    let listed = content(Command::new("git").args(ignored));
    assert!(listed.contains("deploy/checks/.venv/"), "{listed}");
    for path in listed.lines() {
        assert!(!is_sent(path.trim_end_matches('/')), "{path}: .dockerignore lets it through");
    }
    for path in [".git/config", "docs/operations.md", "service/tests/peers/node_modules/a/b.js"] {
        assert!(!is_sent(path), "{path}");
    }
}

#[test]
fn the_programs_need_no_newer_libc_than_the_runtime_has_and_the_compiler_is_the_workspaces() {
    let stages = stages();
    let debian = |from: &str| {
        let names = [("bookworm", 12), ("debian12", 12), ("trixie", 13), ("debian13", 13)];
        let known = names.iter().find(|(name, _)| from.contains(name));
        known.unwrap_or_else(|| panic!("which Debian is {from}?")).1
    };
    let builder = &stages[0].from;
    for (stage, _) in IMAGES {
        let stage = named(&stages, stage);
        assert!(debian(builder) <= debian(&stage.from), "{builder}, {}", stage.from);
    }
    let manifest = text("Cargo.toml");
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.expect("a version").trim_matches('"');
    assert!(builder.starts_with(&format!("rust:{version}.")), "{builder}, {version}");
}

#[test]
fn the_server_is_what_is_built_when_nothing_is_named_and_nobody_is_root() {
    let stages = stages();
    let last = stages.last().unwrap();
    assert_eq!((last.name.as_str(), last.from.as_str()), ("fanfare", "server"));
    assert!(last.instructions.is_empty(), "all that the server is, the stage `debug` is too");
    for (stage, program) in IMAGES {
        let stage = named(&stages, stage);
        let of = |word: &str| {
            let found = stage.instructions.iter().rev().find(|(is, _)| is == word);
            found.map(|(_, rest)| rest.as_str())
        };
        assert_eq!(of("USER"), Some("65532:65532"), "{}", stage.name);
        let program = format!("[\"/usr/local/bin/{program}\"]");
        assert_eq!(of("ENTRYPOINT"), Some(program.as_str()), "no shell is there to start it");
        assert!(of("STOPSIGNAL").is_some(), "{}", stage.name);
    }
}

#[test]
fn the_health_check_of_the_image_tells_a_server_that_lives_from_one_that_does_not() {
    let stages = stages();
    let check = named(&stages, "server")
        .instructions
        .iter()
        .find(|(word, _)| word == "HEALTHCHECK")
        .unwrap();
    let (_, command) = check.1.split_once("CMD ").expect("a command");
    let words: Vec<String> = serde_json::from_str(command).expect("exec form");
    let running = Fanfare::start(&[]);
    // As in the container: an address that is nobody's, and asked on loopback.
    let admin = format!("0.0.0.0:{}", running.admin.port());
    let healthy = || {
        let mut check = Command::new(program::fanfare());
        run(check.args(&words[1..]).env("FANFARE_ADMIN_LISTEN", &admin))
    };
    let (succeeded, said) = healthy();
    assert!(succeeded, "{said}");
    drop(running);
    assert!(!healthy().0);
}

/// The stages that make images of a base, and the program of each.
const IMAGES: [(&str, &str); 2] = [("loadgen", "loadgen"), ("server", "fanfare")];

fn named<'a>(stages: &'a [Stage], name: &str) -> &'a Stage {
    stages.iter().find(|stage| stage.name == name).unwrap_or_else(|| panic!("no stage {name}"))
}

/// Carries out instructions.
struct Builder {
    /// A folder for each stage.
    layers: PathBuf,
    target: PathBuf,
}

impl Builder {
    fn carry_out(&self, stage: &Stage) {
        let folder = self.layers.join(&stage.name);
        fs::create_dir_all(&folder).expect("a folder");
        let mut variables = BTreeMap::new();
        for (word, rest) in &stage.instructions {
            match word.as_str() {
                "COPY" if rest == ". ." => copy_context(&folder),
                "COPY" => {
                    let (source, to) = copied_from(stage, "planner").expect("known stages");
                    let source = source.strip_prefix("/fanfare/").expect("the working directory");
                    fs::copy(self.layers.join("planner").join(source), folder.join(to))
                        .expect("a file of another stage");
                }
                "ARG" | "ENV" => {
                    let (name, value) = rest.split_once('=').expect("a value");
                    variables.insert(name.to_owned(), value.trim_matches('"').to_owned());
                }
                "WORKDIR" => assert_eq!(rest, "/fanfare"),
                "RUN" if rest.starts_with("cargo install cargo-chef ") => {
                    let installed = tools().join("cargo-chef");
                    assert!(installed.exists(), "no {installed:?}; run `make setup-tests`");
                }
                "RUN" => self.compile(&folder, rest, &variables),
                _ => panic!("{word} in a stage that compiles: not understood"),
            }
        }
    }

    fn compile(&self, folder: &Path, line: &str, variables: &BTreeMap<String, String>) {
        let built = self.target.join("debug").display().to_string();
        let line = line.replace(" --release", "").replace("target/release", &built);
        let with_tools = format!("PATH=\"{}:$PATH\" {line}", tools().display());
        let ran = Command::new("sh")
            .args(["-c", &with_tools])
            .current_dir(folder)
            .envs(variables)
            .env("CARGO_TARGET_DIR", &self.target)
            .output()
            .expect("a shell");
        assert!(ran.status.success(), "{line}:\n{}", String::from_utf8_lossy(&ran.stderr));
    }
}

fn tools() -> PathBuf {
    repository("deploy/checks/.tools/bin").canonicalize().unwrap_or_default()
}

/// What a stage copies from another one: from where, and to where.
fn copied_from<'a>(stage: &'a Stage, other: &str) -> Option<(&'a str, &'a str)> {
    let flag = format!("--from={other} ");
    stage.instructions.iter().find_map(|(word, rest)| {
        let paths = rest.strip_prefix(&flag).filter(|_| word == "COPY")?;
        paths.split_once(' ')
    })
}

fn copy_context(folder: &Path) {
    for path in sent() {
        let to = folder.join(&path);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(repository(&path), to).expect("a file of the repository");
    }
}
