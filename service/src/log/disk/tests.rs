use std::panic::{AssertUnwindSafe, catch_unwind};

use super::model::{Fault, ModelDisk};
use super::oracle::{RecordStore, assert_survives_errors, assert_survives_power_failures};
use super::*;
use crate::event::{EventContent, EventData, Sequence};
use crate::log::record::{RecordKind, put_record, read_record};

/// The plainest store: one file. What it does wrong is chosen by its parameter.
struct PlainStore<const DEFECT: u8> {
    end: u64,
    count: u64,
    is_broken: bool,
}

const NONE: u8 = 0;
const NO_SYNC: u8 = 1;
const NO_SYNC_OF_THE_FOLDER: u8 = 2;
const NO_CHECKSUM: u8 = 3;
const GOES_ON_AFTER_AN_ERROR: u8 = 4;

const FILE: &str = "log";

fn record_of(sequence: u64, text: &str) -> Vec<u8> {
    let content = EventContent {
        topics: vec!["t"],
        id: None,
        event_type: None,
        retry_ms: None,
        data: EventData::Text(text),
        private: false,
        for_one_stream: false,
        ends_topic: false,
        idempotent: false,
    };
    let mut bytes = Vec::new();
    put_record(&mut bytes, RecordKind::Next, (Sequence(sequence), 1), &content).unwrap();
    bytes
}

impl<const DEFECT: u8> PlainStore<DEFECT> {
    /// The texts that can be read, and where the last one ends.
    fn scan(disk: &ModelDisk) -> io::Result<(Vec<String>, u64)> {
        let bytes = disk.read_at(FILE, 0, usize::MAX)?;
        let (mut texts, mut end) = (Vec::new(), 0);
        loop {
            let rest = &bytes[end..];
            let (text, length) = match read_record(rest) {
                Ok((record, length)) => {
                    if record.sequence.0 != texts.len() as u64 + 1 {
                        break;
                    }
                    let mut data = Vec::new();
                    record.event.content().data.put(&mut data);
                    (String::from_utf8(data).unwrap(), length)
                }
                // The length is believed, and what is behind it.
                Err(_) if DEFECT == NO_CHECKSUM && rest.len() > 60 => ("?".to_owned(), 60),
                Err(_) => break,
            };
            texts.push(text);
            end += length;
        }
        Ok((texts, end as u64))
    }
}

impl<const DEFECT: u8> RecordStore for PlainStore<DEFECT> {
    fn open(disk: &ModelDisk) -> io::Result<Self> {
        if !disk.list()?.contains(&FILE.to_owned()) {
            disk.create(FILE)?;
        }
        if DEFECT != NO_SYNC_OF_THE_FOLDER {
            disk.sync_folder()?;
        }
        let (texts, end) = Self::scan(disk)?;
        disk.set_len(FILE, end)?;
        // What was found may have been written and not synced.
        disk.sync(FILE)?;
        Ok(Self { end, count: texts.len() as u64, is_broken: false })
    }

    fn append(&mut self, disk: &ModelDisk, batch: &[String]) -> io::Result<()> {
        if self.is_broken && DEFECT != GOES_ON_AFTER_AN_ERROR {
            return Err(io::Error::other("it has failed before"));
        }
        let records = (self.count + 1..).zip(batch).map(|(at, text)| record_of(at, text));
        let bytes = records.collect::<Vec<_>>().concat();
        self.is_broken = true;
        let written = disk.write_at(FILE, self.end, &bytes);
        let synced = written.and_then(|()| match DEFECT {
            NO_SYNC => Ok(()),
            _ => disk.sync(FILE),
        });
        // Where the defect is to go on, what failed counts as written.
        if DEFECT != GOES_ON_AFTER_AN_ERROR {
            synced?;
        }
        self.is_broken = false;
        self.end += bytes.len() as u64;
        self.count += batch.len() as u64;
        Ok(())
    }

    fn read_all(&self, disk: &ModelDisk) -> io::Result<Vec<String>> {
        Ok(Self::scan(disk)?.0)
    }
}

/// Some shorter than a sector, some longer, some that fill one.
fn batches() -> Vec<Vec<String>> {
    let sizes = [&[3][..], &[40, 0, 700], &[512], &[1, 1_500]];
    let texts = |sizes: &&[usize]| sizes.iter().map(|&size| "x".repeat(size)).collect();
    sizes.iter().map(texts).collect()
}

#[test]
fn a_plain_file_of_records_survives_whatever_happens_to_it() {
    assert_survives_power_failures::<PlainStore<NONE>>(&batches());
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
        assert_survives_errors::<PlainStore<NONE>>(&batches(), kind);
    }
}

#[test]
fn the_model_finds_what_a_store_does_wrong() {
    fn is_found<const DEFECT: u8>() -> bool {
        let try_all = || {
            assert_survives_power_failures::<PlainStore<DEFECT>>(&batches());
            assert_survives_errors::<PlainStore<DEFECT>>(&batches(), io::ErrorKind::Other);
        };
        catch_unwind(AssertUnwindSafe(try_all)).is_err()
    }
    assert!(!is_found::<NONE>());
    assert!(is_found::<NO_SYNC>());
    assert!(is_found::<NO_SYNC_OF_THE_FOLDER>());
    assert!(is_found::<NO_CHECKSUM>());
    assert!(is_found::<GOES_ON_AFTER_AN_ERROR>());
}

#[test]
fn what_was_synced_is_there_and_what_was_written_may_be_there_in_part() {
    let disk = ModelDisk::empty();
    disk.create("a").unwrap();
    disk.sync_folder().unwrap();
    disk.write_at("a", 0, &[1; 1_024]).unwrap();
    disk.sync("a").unwrap();
    disk.write_at("a", 500, &[2; 100]).unwrap();
    let (mut parts, mut others) = (0, 0);
    for seed in 0..100 {
        let left = disk.after_power_failure(seed).read_at("a", 0, usize::MAX).unwrap();
        assert_eq!((left.len(), &left[..500], &left[600..]), (1_024, &[1; 500][..], &[1; 424][..]));
        let sectors = [&left[500..512], &left[512..600]];
        let is_old_or_new = |bytes: &&[u8]| bytes.iter().all(|&byte| byte == bytes[0]);
        others += usize::from(!sectors.iter().all(is_old_or_new));
        parts += usize::from(sectors[0][0] != sectors[1][0]);
    }
    assert!(parts > 10 && others > 10, "{parts} {others}");
}

#[test]
fn a_name_is_there_when_its_folder_was_synced_and_a_rename_is_whole() {
    let disk = ModelDisk::empty();
    disk.create("new").unwrap();
    disk.write_at("new", 0, b"x").unwrap();
    disk.sync("new").unwrap();
    disk.rename("new", "name").unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..50 {
        seen.insert(disk.after_power_failure(seed).list().unwrap());
    }
    let expected = [vec![], vec!["name".to_owned()], vec!["new".to_owned()]];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
    disk.sync_folder().unwrap();
    disk.remove("name").unwrap();
    assert!(disk.len("name").is_err());
    let left: Vec<_> =
        (0..50).map(|seed| disk.after_power_failure(seed).list().unwrap().len()).collect();
    assert!(left.contains(&0) && left.contains(&1));
}

#[test]
fn an_operation_that_fails_is_not_done_and_without_power_none_is() {
    let disk = ModelDisk::empty();
    disk.create("a").unwrap();
    disk.plan(Fault::Error { at: 1, kind: io::ErrorKind::StorageFull });
    disk.write_at("a", 0, b"1").unwrap();
    assert_eq!(disk.write_at("a", 1, b"2").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!((disk.len("a").unwrap(), disk.operations()), (1, 3));
    disk.plan(Fault::PowerFailure { at: 0 });
    for _ in 0..2 {
        assert!(disk.sync("a").is_err() && disk.is_off());
    }
}
