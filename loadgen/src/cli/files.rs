//! Reading and writing results.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use serde::Serialize;

use super::{Failure, atomic_file};
use crate::report;
use crate::result::ResultFile;

/// Bytes of a file of results: a hundred runs with all their histograms are far below.
pub(super) const LONGEST: u64 = 512 << 20;

/// Where the reports of a result go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outputs<'a> {
    pub(super) json: Option<&'a Path>,
    pub(super) html: Option<&'a Path>,
    pub(super) markdown: Option<&'a Path>,
    pub(super) csv: Option<&'a Path>,
}

impl Outputs<'_> {
    /// Whether all can be written, before hours go into what is to be written.
    pub(super) fn check(self) -> Result<(), Failure> {
        for path in [self.json, self.html, self.markdown, self.csv].into_iter().flatten() {
            let checked = atomic_file::check(path);
            checked.map_err(|error| Failure::Unwritten { file: path.to_owned(), error })?;
        }
        Ok(())
    }

    pub(super) fn write(self, file: &ResultFile) -> Result<(), Failure> {
        if let Some(path) = self.json {
            write_json(path, file)?;
        }
        if let Some(path) = self.html {
            write(path, &report::html(file))?;
        }
        if let Some(path) = self.markdown {
            write(path, &report::markdown(file))?;
        }
        if let (Some(path), Some(run)) = (self.csv, file.runs.last()) {
            write(path, &report::csv(run))?;
        }
        Ok(())
    }
}

pub(super) fn read_result(path: &Path) -> Result<ResultFile, Failure> {
    let unread = |error| Failure::Unread { file: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unread)?;
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() as u64 > LONGEST {
        return Err(Failure::TooLong { file: path.to_owned() });
    }
    ResultFile::parse(&bytes).map_err(|why| Failure::NoResult { file: path.to_owned(), why })
}

pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    write(path, &(text + "\n"))
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    atomic_file::write(path, text)
        .map_err(|error| Failure::Unwritten { file: path.to_owned(), error })
}

/// To standard error: one line about a name that has changed and is still understood.
pub(super) fn hint(text: &str) {
    // Standard error may be closed on purpose.
    let _ = writeln!(io::stderr(), "loadgen: {text}");
}

/// To standard output. A reader that has gone away is no failure of a run.
pub(super) fn say(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Io(error)),
        _ => Ok(()),
    }
}
