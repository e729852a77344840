//! `fanfare data check`: a line for each problem, and what there is.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::tally::{Tally, length};
use crate::log::{FolderContents, FolderFinding, FolderProblem};

/// Whether nothing is wrong.
pub(super) fn check(contents: &FolderContents, output: &mut impl Write) -> io::Result<bool> {
    let mut tally = Tally::default();
    let mut written = Ok(());
    contents.read(&mut |finding| {
        tally.add(&finding);
        if let FolderFinding::Problem(problem) = &finding {
            written = writeln!(output, "{}", line(problem));
        }
        if written.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    written?;
    let advice = match (tally.problems, tally.harmful) {
        (0, _) => "",
        (_, 0) => {
            "No event is lost: the next start makes index files anew. Look at the disk, which has changed them.\n"
        }
        _ => {
            "Restore the folder from a copy, or start once with --repair: what cannot be read is left out, and clients are told of a gap. Keep a copy of the folder before.\n"
        }
    };
    output.write_all(advice.as_bytes())?;
    summarize(contents, &tally, output)?;
    Ok(tally.problems == 0)
}

/// A problem, its place, and what it loses.
pub(super) fn line(problem: &FolderProblem) -> String {
    let FolderProblem { file, offset, what, missing, .. } = problem;
    let lost = match length(missing) {
        0 => String::new(),
        1 => format!("; event {} is missing", missing.start),
        count => {
            format!("; {count} events are missing, {} to {}", missing.start, missing.end.previous())
        }
    };
    format!("{file}, byte {offset}: {what}{lost}")
}

fn summarize(contents: &FolderContents, tally: &Tally, output: &mut impl Write) -> io::Result<()> {
    let size = contents.size()?;
    writeln!(
        output,
        "segments: {}, events: {}, bytes: {}, problems: {}, holes: {}",
        size.segments, tally.events, size.bytes, tally.problems, tally.holes
    )?;
    for (which, place) in [("first", &tally.oldest), ("last", &tally.newest)] {
        if let Some(place) = place {
            writeln!(output, "{which} event {}, {}", place.id, place.time())?;
        }
    }
    if let Some((file, offset)) = &tally.torn_tail {
        writeln!(
            output,
            "{file} ends at byte {offset} in a write that is not whole, as a crash leaves it; the next start removes it"
        )?;
    }
    Ok(())
}
