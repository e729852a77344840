//! A disk without room, and a process without files: nothing is lost, and it goes on when there are some.

use super::*;

/// A log of which every segment is sealed or the newest, and how many of its events there are.
fn filled() -> (Steps, u64) {
    let mut log = steps(SMALL);
    for number in 0..100 {
        let id = format!("id-{number}");
        log.append(vec![draft(&["t"], Some(&id), &"x".repeat(3_000))]);
        log.upkeep();
    }
    (log, 100)
}

fn index_files(disk: &ModelDisk) -> Vec<String> {
    let mut names = disk.names().unwrap();
    names.retain(|name| index::first_of(name).is_some());
    names
}

#[test]
fn a_log_opens_on_a_disk_without_room_for_its_indexes_and_writes_them_when_there_is_some() {
    let (log, count) = filled();
    let disk = log.disk.after_kill(Plan::default());
    let before = index_files(&disk);
    assert!(before.len() > 2);
    for name in &before {
        disk.remove(name).unwrap();
    }
    disk.set_capacity(Some(disk.bytes()));
    let mut log = open_steps(disk, SMALL, log.now_ms).unwrap();
    let expected: Vec<u64> = (1..=count).collect();
    for is_full in [true, false] {
        assert_eq!(index_files(&log.disk).len(), if is_full { 0 } else { before.len() });
        assert_eq!(log.sequences(), expected);
        let of_topic = log.read(range(0, u64::MAX), EventFilter::Candidates(&set(&["t"])));
        assert_eq!((of_topic.0.len() as u64, of_topic.1.len()), (count, 0));
        assert_eq!(log.locate("id-3"), Position::After(Sequence(4)));
        if is_full {
            let in_memory = log.bounds().bytes;
            log.upkeep();
            assert_eq!(index_files(&log.disk), [""; 0], "there is still no room");
            log.disk.set_capacity(None);
            log.upkeep();
            assert!(log.bounds().bytes < in_memory, "they are in memory no longer");
        }
    }
    assert_eq!(log.append_sized("t", 10), count + 1);
    assert_eq!(log.restart().bounds().head, Sequence(count + 1));
}

#[test]
fn a_process_without_files_refuses_events_until_it_has_some() {
    let (mut log, count) = filled();
    log.disk.fail_creates(true);
    let mut confirmed = count;
    // Those go on for which the newest segment has room.
    let refused = loop {
        match log.append(vec![draft(&["t"], None, &"x".repeat(3_000))]).remove(0) {
            Ok(receipt) => confirmed = receipt.sequence.0,
            Err(error) => break error,
        }
        assert!(confirmed < count + 100);
    };
    assert_eq!((refused, log.health()), (AppendError::Unavailable, LogHealth::Healthy));
    log.disk.fail_creates(false);
    assert_eq!(log.append_sized("t", 10), confirmed + 1);
    assert_eq!(log.restart().bounds().head, Sequence(confirmed + 1));
}
