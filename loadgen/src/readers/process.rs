//! Reading threads in another process: the same control and progress, as lines of JSON over its
//! standard input and output. All processes of a run share the machine's monotonic clock, so the
//! start of publishing is a moment, not a message that has to arrive in time.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Progress, ReaderError, ReaderPool, ReaderReport, Share};
use crate::clock::Moment;
use crate::measure::Compact;
use crate::plan::Plan;
use crate::subscriber::Published;

/// How often a worker process sends its progress.
const PROGRESS_PERIOD: Duration = Duration::from_millis(100);

/// What a worker process is sent, a line each.
#[derive(Serialize, Deserialize)]
enum ControlMessage {
    Work { plan: Box<Plan>, share: Share },
    Begin(Moment),
    Finish(Published),
    Stop,
}

/// What a worker process sends back, a line each.
#[derive(Serialize, Deserialize)]
enum ReaderMessage {
    Progress(Box<Progress>),
    Report(Box<ReaderReport>),
    Failed(String),
}

/// A worker process, seen from the process that makes the run.
#[derive(Debug)]
pub(crate) struct ReaderProcess {
    child: Child,
    control: ChildStdin,
    progress_seen: Arc<Mutex<Progress>>,
    reader: JoinHandle<Result<ReaderReport, String>>,
}

impl ReaderProcess {
    /// Starts a process with its share of the subscribers, which begin to connect at once.
    pub(crate) fn start(plan: &Plan, share: Share) -> Result<Self, ReaderError> {
        let program = std::env::current_exe().map_err(ReaderError::Spawn)?;
        let mut child = Command::new(program)
            .arg("worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(ReaderError::Spawn)?;
        let (Some(control), Some(messages)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for")
        };
        let progress_seen = Arc::new(Mutex::new(Progress::default()));
        let reader = {
            let progress_seen = progress_seen.clone();
            thread::spawn(move || listen(BufReader::new(messages), &progress_seen))
        };
        let mut process = Self { child, control, progress_seen, reader };
        process.send(&ControlMessage::Work { plan: Box::new(plan.clone()), share })?;
        Ok(process)
    }

    pub(crate) fn begin(&mut self, at: Moment) -> Result<(), ReaderError> {
        self.send(&ControlMessage::Begin(at))
    }

    pub(crate) fn finish(&mut self, published: Published) -> Result<(), ReaderError> {
        self.send(&ControlMessage::Finish(published))
    }

    pub(crate) fn progress(&self) -> Progress {
        let mut progress_seen = self.progress_seen.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = progress_seen.clone();
        progress_seen.latency = Compact::default();
        progress
    }

    /// Whether it has ended, which it must not before it is stopped.
    pub(crate) fn is_lost(&self) -> bool {
        self.reader.is_finished()
    }

    pub(crate) fn stop(mut self) -> Result<ReaderReport, ReaderError> {
        // One that has ended already gives the reason below.
        let _ = self.send(&ControlMessage::Stop);
        let report = self.reader.join().map_err(|_| ReaderError::Panicked)?;
        let _ = self.child.wait();
        report.map_err(ReaderError::Lost)
    }

    fn send(&mut self, message: &ControlMessage) -> Result<(), ReaderError> {
        let lost = |error: io::Error| ReaderError::Lost(error.to_string());
        let mut line = serde_json::to_vec(message).map_err(|error| lost(error.into()))?;
        line.push(b'\n');
        self.control.write_all(&line).map_err(lost)
    }
}

fn listen(
    messages: impl io::BufRead,
    progress_seen: &Mutex<Progress>,
) -> Result<ReaderReport, String> {
    for line in messages.lines() {
        let line = line.map_err(|error| error.to_string())?;
        match serde_json::from_str(&line).map_err(|error| error.to_string())? {
            ReaderMessage::Progress(progress) => {
                let mut progress = *progress;
                let mut progress_seen =
                    progress_seen.lock().unwrap_or_else(PoisonError::into_inner);
                progress.latency.merge(&progress_seen.latency);
                *progress_seen = progress;
            }
            ReaderMessage::Report(report) => return Ok(*report),
            ReaderMessage::Failed(why) => return Err(why),
        }
    }
    Err("it made no report; was it killed, or out of memory?".to_owned())
}

/// The other side: does what the lines of standard input say, until there are no more.
pub(crate) fn serve() -> io::Result<()> {
    let mut control = BufReader::new(io::stdin()).lines();
    let Some(first) = control.next().transpose()? else { return Ok(()) };
    let ControlMessage::Work { plan, share } = serde_json::from_str(&first)? else {
        return Err(io::Error::other("a worker process must get its work first"));
    };
    // A terminal sends Ctrl-C to all processes of a run. The process that makes the run decides
    // what follows; should it die, the end of the input says so.
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::default())?;
    crate::plan::FileBudget::raise();
    let pool = match ReaderPool::start(&Arc::new(*plan), share) {
        Ok(pool) => Arc::new(pool),
        Err(error) => return send_last(&ReaderMessage::Failed(error.to_string())),
    };
    let show = {
        let pool = Arc::downgrade(&pool);
        thread::spawn(move || {
            while let Some(pool) = pool.upgrade() {
                // When the other end is gone, the end of the input says so.
                let _ = send(&ReaderMessage::Progress(Box::new(pool.progress())));
                drop(pool);
                thread::sleep(PROGRESS_PERIOD);
            }
        })
    };
    for line in control {
        match serde_json::from_str(&line?)? {
            ControlMessage::Begin(at) => pool.begin(at),
            ControlMessage::Finish(published) => pool.finish(published),
            ControlMessage::Stop => break,
            ControlMessage::Work { .. } => {}
        }
    }
    let mut pool = pool;
    let pool = loop {
        match Arc::try_unwrap(pool) {
            Ok(pool) => break pool,
            // The other thread holds it for a moment only.
            Err(shared) => pool = shared,
        }
        thread::yield_now();
    };
    // Nothing may come after the report.
    let _ = show.join();
    let report = pool.stop();
    send_last(&report.map_or_else(
        |error| ReaderMessage::Failed(error.to_string()),
        |report| ReaderMessage::Report(Box::new(report)),
    ))
}

/// Sends what nothing follows. Where the process that makes the run has ended meanwhile, because another
/// one had told it of its end, it has said why, and there is nothing to add.
fn send_last(message: &ReaderMessage) -> io::Result<()> {
    match send(message) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        sent => sent,
    }
}

fn send(message: &ReaderMessage) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}
