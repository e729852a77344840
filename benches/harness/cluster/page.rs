//! The parts of `docs/cluster.md` that are measured: each is left in a file beside the results, and
//! replaces the one on the page with `--write`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::fanfare;
use crate::machine;
use crate::markdown::Marks;
use crate::places::Places;
use crate::progress::{say, show};

/// A part of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct MeasuredPart {
    name: &'static str,
    marks: Marks,
}

pub(super) const FAULTS: MeasuredPart = MeasuredPart {
    name: "faults",
    marks: Marks {
        begin: "<!-- what follows is replaced by `make cluster-test ARGS=--write` -->",
        end: "<!-- what is replaced by `make cluster-test ARGS=--write` ends here -->",
    },
};

pub(super) const LATENCY: MeasuredPart = MeasuredPart {
    name: "latency",
    marks: Marks {
        begin: "<!-- what follows is replaced by `make cluster-test ARGS=\"--latency --write\"` -->",
        end: "<!-- what is replaced by `make cluster-test ARGS=\"--latency --write\"` ends here -->",
    },
};

/// Shows a table with when and how it was measured, and on which disk, and leaves it in files.
pub(super) fn leave(
    part: MeasuredPart,
    places: &Places,
    disk: &Path,
    (how, table): (&str, &str),
    write: bool,
) -> anyhow::Result<()> {
    let version = fanfare::version(places);
    let text = format!(
        "{}, {how}; {}; Fanfare {}.\n\n{table}",
        machine::today(),
        machine::with_disk(disk),
        version.as_deref().unwrap_or("of an unknown version"),
    );
    let file = results(places).join(part.name).with_extension("md");
    fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    show(&format!("\n{text}"))?;
    if !write {
        return Ok(());
    }
    let path = places.repository.join("docs/cluster.md");
    let page = fs::read_to_string(&path).with_context(|| format!("no {}", path.display()))?;
    fs::write(&path, part.marks.replace(&page, &text)?)?;
    say(&format!("written: {}", path.display()));
    Ok(())
}

/// Where results are left.
pub(super) fn results(places: &Places) -> PathBuf {
    places.results().join("cluster")
}

#[cfg(test)]
mod tests {
    use super::super::faults;
    use super::*;

    #[test]
    fn the_page_in_the_repository_has_the_marks_and_a_row_of_every_fault() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cluster.md");
        let page = fs::read_to_string(page).expect("the page");
        for part in [FAULTS, LATENCY] {
            part.marks.replace(&page, "").expect("its marks");
        }
        for (_, title, _) in faults::ALL {
            assert!(page.contains(&format!("| {title} | ")), "no row begins with {title}");
        }
    }
}
