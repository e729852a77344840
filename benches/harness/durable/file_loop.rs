//! A thread that writes what waits to a file, syncs it, and answers: nothing else. It is the least that
//! a log could do that keeps its events on the disk.

use std::fs::File;
use std::mem;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use fanfare::event::{EncodedEvent, EventData};
use fanfare::log::SyncMode;
use rustix::fs::{FallocateFlags, fallocate};
use tokio::sync::oneshot;

use super::publish::{Appender, event};

/// The file has so much room from the beginning, and is written anew from there when it is full.
const ROOM: u64 = 64 << 20;

/// The file, and the thread that writes it.
pub(super) struct FileLoop {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    answers: Vec<oneshot::Sender<()>>,
    is_closed: bool,
}

impl FileLoop {
    pub(super) fn start(path: &Path, sync: SyncMode) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        fallocate(&file, FallocateFlags::empty(), 0, ROOM)?;
        file.sync_all()?;
        let queue = Arc::new(Queue::default());
        let of_thread = Arc::clone(&queue);
        std::thread::Builder::new().name("file-loop".to_owned()).spawn(move || {
            // The publishers see that their events are not confirmed.
            drop(of_thread.serve(&file, sync));
        })?;
        Ok(Self { queue })
    }
}

impl Queue {
    /// Adds events to what is written next.
    fn add(&self, events: &[EncodedEvent], answer: oneshot::Sender<()>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            let content = event.content();
            for topic in &content.topics {
                waiting.bytes.extend_from_slice(topic.as_bytes());
            }
            if let EventData::Lines(lines) = content.data {
                waiting.bytes.extend_from_slice(lines);
            }
        }
        waiting.answers.push(answer);
        let is_first = waiting.answers.len() == 1;
        drop(waiting);
        if is_first {
            self.changed.notify_one();
        }
    }

    fn serve(&self, file: &File, sync: SyncMode) -> std::io::Result<()> {
        let (mut at, mut synced) = (0, Instant::now());
        loop {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            while waiting.answers.is_empty() {
                if waiting.is_closed {
                    return Ok(());
                }
                waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            let (bytes, answers) = (mem::take(&mut waiting.bytes), mem::take(&mut waiting.answers));
            drop(waiting);
            if at + bytes.len() as u64 > ROOM {
                at = 0;
            }
            file.write_all_at(&bytes, at)?;
            at += bytes.len() as u64;
            let is_due = match sync {
                SyncMode::Always => true,
                SyncMode::Interval(interval) => synced.elapsed() >= interval,
                SyncMode::Never => false,
            };
            if is_due {
                file.sync_data()?;
                synced = Instant::now();
            }
            for answer in answers {
                // Publishers wait to the end.
                let _ = answer.send(());
            }
        }
    }
}

impl Drop for FileLoop {
    fn drop(&mut self) {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.queue.changed.notify_one();
    }
}

impl Appender for FileLoop {
    async fn append(&self, numbers: Range<u64>) -> bool {
        // The same events are made as for the log: that is the publisher's part.
        let events: Vec<_> = numbers.map(event).collect();
        let (answer, answered) = oneshot::channel();
        self.queue.add(&events, answer);
        answered.await.is_ok()
    }
}
