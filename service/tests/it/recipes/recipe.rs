//! A recipe: its document, and the files that stand in it.
//!
//! A code block with a name behind its language is a file. The files of a recipe are written beside one
//! another, below the folder where the packed client of npm is installed, as a reader has them; nothing in
//! them is exchanged but the address of the server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::clients::{javascript, python_program, run};
use crate::peers::{Process, folder, installed};

/// Where the server of every recipe is.
const ADDRESS: &str = "http://127.0.0.1:8080";

/// The files of a recipe, written for one server.
pub(super) struct Recipe {
    folder: TempDir,
}

impl Recipe {
    /// The files of a document, for a server or what lies before it.
    pub(super) fn of(document: &str, server: &str) -> Self {
        let folder = TempDir::with_prefix_in("recipe-", javascript()).unwrap();
        for (name, text) in files_in(document) {
            fs::write(folder.path().join(name), text.replace(ADDRESS, server)).unwrap();
        }
        Self { folder }
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        let path = self.folder.path().join(file);
        assert!(path.exists(), "the document has no {file}");
        path
    }

    /// Whether a program has written a file beside its own.
    pub(super) fn has(&self, file: &str) -> bool {
        fs::metadata(self.folder.path().join(file)).is_ok_and(|file| file.len() > 0)
    }

    /// Where a site of the tests has it.
    pub(super) fn path_in_site(&self, file: &str) -> String {
        let path = self.path(file);
        let peers = folder().canonicalize().unwrap();
        path.strip_prefix(peers).expect("below the peers").to_str().unwrap().to_owned()
    }

    pub(super) fn node(&self, file: &str, arguments: &[&str]) -> Process {
        self.start(Command::new("node"), file, arguments)
    }

    pub(super) fn python(&self, file: &str, arguments: &[&str]) -> Process {
        // Tests that were started in the background of a shell ignore interrupts, and so would all that
        // they start.
        let mut command = Command::new("env");
        command.arg("--default-signal=INT").arg(python_program()).args(["-B", "-u"]);
        self.start(command, file, arguments)
    }

    pub(super) fn php(&self, file: &str, arguments: &[&str]) -> Process {
        self.start(Command::new("php"), file, arguments)
    }

    pub(super) fn shell(&self, file: &str, arguments: &[&str]) -> Process {
        self.start(Command::new("sh"), file, arguments)
    }

    fn start(&self, mut command: Command, file: &str, arguments: &[&str]) -> Process {
        command.arg(self.path(file)).args(arguments).current_dir(self.folder.path());
        Process::start(file, command)
    }

    /// Makes of a module with components what a browser loads, as the document says.
    pub(super) fn bundle(&self, module: &str, script: &str) {
        let mut esbuild = Command::new(installed("node_modules/.bin/esbuild"));
        esbuild.arg(self.path(module)).arg("--bundle").arg("--format=esm").arg("--jsx=automatic");
        // Strict mode mounts twice only while developing.
        esbuild.arg("--define:process.env.NODE_ENV=\"development\"").arg("--log-level=error");
        esbuild.arg(format!("--outfile={}", self.folder.path().join(script).display()));
        run(&mut esbuild);
    }
}

/// The folder of the documents.
pub(super) fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes")
}

/// The names and the texts of the files in a document.
pub(super) fn files_in(document: &str) -> Vec<(String, String)> {
    let path = documents().join(document).with_extension("md");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let blocks = text.split("```").skip(1).step_by(2);
    let files = blocks.filter_map(|block| {
        let (head, text) = block.split_once('\n')?;
        let (_, name) = head.split_once(' ')?;
        Some((name.to_owned(), text.to_owned()))
    });
    files.collect()
}
