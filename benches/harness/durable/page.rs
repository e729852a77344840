//! The part of `docs/benchmarks.md` that is written by `make durable ARGS=--write`: each kind of
//! measurement leaves its table in a file, and the page has all of them or stays as it is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::fanfare;
use crate::machine;
use crate::markdown::Marks;
use crate::places::Places;
use crate::progress::say;

pub(crate) const MARKS: Marks = Marks {
    begin: "<!-- what follows is replaced by `make durable ARGS=--write` -->",
    end: "<!-- what is replaced by `make durable ARGS=--write` ends here -->",
};

/// A measurement that has a table on the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Names its file.
    name: &'static str,
    /// How it is measured for the page.
    command: &'static str,
}

pub(super) const PUBLISHING: Part = Part { name: "publishing", command: "make durable" };
pub(super) const OPENING: Part =
    Part { name: "opening", command: "make durable ARGS=\"--open 1000000,10000000\"" };

/// In the order of the page.
const PARTS: [Part; 2] = [PUBLISHING, OPENING];

/// A table with what was measured, when and where: the folder is on the disk that was measured.
pub(super) fn described(rounds: u32, places: &Places, folder: &Path, table: &str) -> String {
    let version = fanfare::version(places);
    format!(
        "`{}`, {}, {}; {}; Fanfare {}.\n\n{}\n",
        shown(std::env::args()),
        machine::today(),
        machine::rounds(rounds as usize),
        machine::with_disk(folder),
        version.as_deref().unwrap_or("of an unknown version"),
        table.trim()
    )
}

/// The command that this program was called by, as it may have had other flags than those of the page.
fn shown(arguments: impl Iterator<Item = String>) -> String {
    let flags = arguments.skip_while(|word| word != "durable").skip(1);
    let flags: Vec<_> = flags.filter(|word| word != "--write").collect();
    if flags.is_empty() {
        return "make durable".to_owned();
    }
    format!("make durable ARGS=\"{}\"", flags.join(" "))
}

/// Leaves it in a file.
pub(super) fn save(part: Part, places: &Places, text: &str) -> anyhow::Result<()> {
    let file = file_of(part, places);
    fs::create_dir_all(results(places))?;
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    say(&format!("written: {}", file.display()));
    Ok(())
}

/// Writes the page from all files.
pub(super) fn write(places: &Places) -> anyhow::Result<()> {
    let read = |part: &Part| {
        fs::read_to_string(file_of(*part, places)).with_context(|| {
            format!("the page is not written, because there is no table of `{}`", part.command)
        })
    };
    let parts = PARTS.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let path = places.page();
    let page = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    let parts: Vec<_> = parts.iter().map(|part| part.trim()).collect();
    fs::write(&path, MARKS.replace(&page, &parts.join("\n\n"))?)?;
    say(&format!("written: {}", path.display()));
    Ok(())
}

/// Where tables are left.
pub(super) fn results(places: &Places) -> PathBuf {
    places.results().join("durable")
}

fn file_of(part: Part, places: &Places) -> PathBuf {
    results(places).join(part.name).with_extension("md")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_written_when_every_part_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let places = Places {
            repository: folder.path().to_owned(),
            programs: folder.path().to_owned(),
            port: 20_000,
        };
        fs::create_dir_all(folder.path().join("docs")).expect("a folder");
        let page = format!("# Title\n{}\nold\n{}\nafter\n", MARKS.begin, MARKS.end);
        fs::write(places.page(), &page).expect("a page");
        save(PUBLISHING, &places, "| a |\n").expect("it is saved");
        let error = write(&places).expect_err("one is missing").to_string();
        assert!(error.contains(OPENING.command), "{error}");
        assert_eq!(fs::read_to_string(places.page()).expect("it"), page);
        save(OPENING, &places, "| b |\n").expect("it is saved");
        write(&places).expect("all are there");
        let text = fs::read_to_string(places.page()).expect("the page");
        assert!(text.contains("\n| a |\n\n| b |\n") && text.ends_with("\nafter\n"), "{text}");
        assert!(!text.contains("old"), "{text}");
    }

    #[test]
    fn a_table_says_which_flags_it_was_made_with() {
        for (called, expected) in [
            ("harness --port 28000 durable", "make durable"),
            ("harness durable --write", "make durable"),
            ("harness durable --rounds 2 --write", "make durable ARGS=\"--rounds 2\""),
            ("harness durable --open 1000000,10000000", OPENING.command),
        ] {
            assert_eq!(shown(called.split(' ').map(str::to_owned)), expected);
        }
    }

    #[test]
    fn the_page_in_the_repository_has_the_marks_and_every_command() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks.md");
        let page = fs::read_to_string(page).expect("the page");
        MARKS.replace(&page, "").expect("its marks");
        for part in PARTS {
            assert!(page.contains(part.command), "{}", part.command);
        }
    }
}
