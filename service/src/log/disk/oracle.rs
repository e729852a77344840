//! What must hold of a store of records, whenever the power fails: tried at every operation, also
//! while it recovers.
//!
//! Everything that was confirmed is there; nothing is there that was not given to it; what is there
//! is a beginning of what was given, in order; opening it once more changes nothing; and it goes on.

use std::io;

use super::model::{Fault, ModelDisk};

/// What is put to the test.
pub(crate) trait RecordStore: Sized {
    /// Opens what is on the disk, after whatever has happened.
    fn open(disk: &ModelDisk) -> io::Result<Self>;

    /// Appends some texts; when this is done they are confirmed.
    fn append(&mut self, disk: &ModelDisk, batch: &[String]) -> io::Result<()>;

    /// All that it has.
    fn read_all(&self, disk: &ModelDisk) -> io::Result<Vec<String>>;
}

/// More operations than any of these tests makes.
const OPERATIONS_MAX: u64 = 10_000;
/// How many ways of losing what was not synced are tried at each operation.
const OUTCOMES: u64 = 12;

/// Appends the batches one after the other, and lets the power fail at each operation in turn.
pub(crate) fn assert_survives_power_failures<S: RecordStore>(batches: &[Vec<String>]) {
    for at in 0..OPERATIONS_MAX {
        let disk = ModelDisk::empty();
        disk.plan(Fault::PowerFailure { at });
        let confirmed = append_all::<S>(&disk, batches);
        for seed in 0..OUTCOMES {
            recover::<S>(&disk.after_power_failure(seed), batches, confirmed, seed);
        }
        if !disk.is_off() {
            return;
        }
    }
    panic!("it is never done");
}

/// Appends the batches, and lets each operation fail in turn. Nothing is confirmed after that, as
/// long as the store is not opened anew.
pub(crate) fn assert_survives_errors<S: RecordStore>(batches: &[Vec<String>], kind: io::ErrorKind) {
    for at in 0..OPERATIONS_MAX {
        let disk = ModelDisk::empty();
        disk.plan(Fault::Error { at, kind });
        let confirmed = append_all::<S>(&disk, batches);
        for seed in 0..OUTCOMES {
            recover::<S>(&disk.after_power_failure(seed), batches, confirmed, seed);
        }
        if disk.operations() <= at {
            return;
        }
    }
    panic!("it is never done");
}

/// How many texts were confirmed until something went wrong.
fn append_all<S: RecordStore>(disk: &ModelDisk, batches: &[Vec<String>]) -> usize {
    let Ok(mut store) = S::open(disk) else { return 0 };
    let confirmed = batches.iter().take_while(|batch| store.append(disk, batch).is_ok());
    confirmed.map(Vec::len).sum()
}

/// Opens what is left, with the power failing at each operation of that in turn, until it can be
/// opened.
fn recover<S: RecordStore>(disk: &ModelDisk, batches: &[Vec<String>], confirmed: usize, seed: u64) {
    let given: Vec<&String> = batches.iter().flatten().collect();
    for at in 0..OPERATIONS_MAX {
        let again = disk.after_power_failure(seed);
        again.plan(Fault::PowerFailure { at });
        let is_opened = S::open(&again).is_ok();
        let again = again.after_power_failure(seed + at);
        let mut store = S::open(&again).expect("what a power failure left can be opened");
        let found = store.read_all(&again).expect("it can be read");
        assert!(found.len() >= confirmed, "{} of {confirmed} are there", found.len());
        assert!(found.len() <= given.len(), "some were invented");
        assert!(found.iter().eq(given[..found.len()].iter().copied()), "{found:?}");
        let once_more = S::open(&again).and_then(|store| store.read_all(&again));
        assert_eq!(once_more.expect("it can be opened again"), found);
        let added = "added".to_owned();
        store.append(&again, std::slice::from_ref(&added)).expect("it goes on");
        let again = again.after_power_failure(seed);
        let after = S::open(&again).and_then(|store| store.read_all(&again));
        let after = after.expect("it can be opened after that");
        assert!(after.iter().eq(found.iter().chain([&added])), "{after:?}");
        if is_opened {
            return;
        }
    }
    panic!("it cannot be opened");
}
