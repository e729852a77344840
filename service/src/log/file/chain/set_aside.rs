//! Getting files out of the way of a log that are none of it. What may be of use to somebody gets another
//! name, which no log looks at, and is never overwritten.

use std::collections::BTreeSet;
use std::io;

use super::super::disk::{Disk, FileContent as _};
use super::super::index;
use super::super::open_error::OpenError;
use super::super::segment;
use super::survey::{FileKind, Stray, SurveyedFile};
use crate::event::Sequence;

/// What is added to the name of a file.
const SUFFIX: &str = ".foreign";

/// Takes away what is no segment of the log, and gives segments their names back.
///
/// Those of other logs go first: as long as one of them is there, so are all that say whose log it is.
pub(super) fn set_names_right<D: Disk>(disk: &D, files: &[SurveyedFile]) -> Result<(), OpenError> {
    for is_of_another in [true, false] {
        for file in files {
            match file.kind {
                FileKind::Stray(stray) if (stray == Stray::OtherLog) == is_of_another => {
                    take_away(disk, file, stray)?;
                }
                _ => {}
            }
        }
    }
    give_names_back(disk, files)
}

/// Gives segments that have the name of another their own. Where another such one has it, that gets a name
/// before which is free: its header says still where it belongs, if this is cut off.
fn give_names_back<D: Disk>(disk: &D, files: &[SurveyedFile]) -> Result<(), OpenError> {
    let misnamed = files.iter().filter(|file| file.may_be_segment() && file.name != file.place);
    let misnamed: Vec<(Sequence, Sequence)> =
        misnamed.map(|file| (file.name, file.place)).collect();
    let places: BTreeSet<Sequence> = misnamed.iter().map(|(_, place)| *place).collect();
    let names: BTreeSet<Sequence> = files.iter().map(|file| file.name).collect();
    let mut free = (1..=Sequence::MAX.0).rev().map(Sequence).filter(|name| !names.contains(name));
    let mut moved = Vec::with_capacity(misnamed.len());
    for (name, place) in misnamed {
        let now = match free.next().filter(|_| places.contains(&name)) {
            Some(free) => {
                rename(disk, name, free)?;
                free
            }
            None => name,
        };
        moved.push((name, now, place));
    }
    for (name, now, place) in moved {
        rename(disk, now, place)?;
        let (file, renamed) = (segment::name_of(name), segment::name_of(place));
        tracing::warn!(file, renamed, "a segment had the name of another");
    }
    Ok(())
}

fn rename<D: Disk>(disk: &D, from: Sequence, to: Sequence) -> Result<(), OpenError> {
    let (from, to) = (segment::name_of(from), segment::name_of(to));
    disk.rename(&from, &to).map_err(|error| OpenError::using(&from, &error))?;
    Ok(disk.sync_names()?)
}

fn take_away<D: Disk>(disk: &D, file: &SurveyedFile, stray: Stray) -> Result<(), OpenError> {
    let name = segment::name_of(file.name);
    match stray {
        Stray::Nothing { written: 0 } => {
            disk.remove(&name).map_err(|error| OpenError::using(&name, &error))?;
            disk.sync_names()?;
            tracing::warn!(file = name, "removed a file of the event log that has nothing in it");
            Ok(())
        }
        _ => set_aside(disk, &name, stray.what()),
    }
}

/// Takes directories away that have the name of an index: none can be made in their place.
pub(super) fn set_directories_aside<D: Disk>(disk: &D, names: &[String]) -> Result<(), OpenError> {
    for name in names.iter().filter(|name| index::first_of(name).is_some()) {
        let read = disk.open_to_read(name).and_then(|file| file.read_at(&mut [0], 0));
        if read.is_err_and(|error| error.kind() == io::ErrorKind::IsADirectory) {
            set_aside(disk, name, Stray::Directory.what())?;
        }
    }
    Ok(())
}

/// Gives a file a name that is none of the log's.
pub(super) fn set_aside<D: Disk>(disk: &D, name: &str, what: &str) -> Result<(), OpenError> {
    let names = disk.names()?;
    let mut renamed = format!("{name}{SUFFIX}");
    let mut number = 1;
    while names.contains(&renamed) {
        number += 1;
        renamed = format!("{name}{SUFFIX}-{number}");
    }
    disk.rename(name, &renamed).map_err(|error| OpenError::using(name, &error))?;
    disk.sync_names()?;
    tracing::warn!(file = name, renamed, "a file is not of the event log, and set aside: {what}");
    Ok(())
}
